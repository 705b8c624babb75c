"""W-PCA: how many directions the hidden features of feed-forward networks use, weighted by the number of parameters."""

from __future__ import annotations

import torch
from torch import Tensor

from proxybench.networks.counts import count_parameters
from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.dss import belongs_to_attention
from proxybench.proxies.probe import Probe
from proxybench.proxies.rectifiers import rectifier_inputs
from proxybench.proxies.token_outputs import token_outputs

SHARE = 0.99


def principal_components(rows: Tensor, share: float = SHARE) -> int:
    """The least number of principal components that hold `share` of the variance; 0 if the rows are the same.

    Takes time cubic in the number of rows or of columns, whichever is smaller.

    Args:
        rows: [n, channels].
        share: between 0 and 1.

    Raises:
        NoAnswer: if an entry is not finite.
    """
    if not rows.isfinite().all():
        raise NoAnswer("the hidden features of a feed-forward network are not finite")
    centred = rows.double()
    centred = centred - centred.mean(0)
    tall = centred if centred.shape[0] <= centred.shape[1] else centred.T
    variances = torch.linalg.eigvalsh(tall @ tall.T).clamp_min(0).flip(0)
    total = variances.sum()
    if not total > torch.finfo(rows.dtype).eps ** 2 * rows.double().square().sum():
        return 0
    return int((variances.cumsum(0) < share * total).sum()) + 1


def hidden_components(probe: Probe) -> Tensor:
    """For each layer, the principal components of its outputs that a rectifier takes directly, float64[layers].

    0 for layers of attention, convolutions, outputs for a single token, and outputs that something else takes first.

    Raises:
        NoAnswer: if it is unclear which axis of an output holds the images.
    """
    counts = torch.zeros(len(probe.layers), dtype=torch.float64)
    last: list[tuple[int, Tensor, Tensor]] = []

    def layer(position: int, output: Tensor, tokens: Tensor) -> None:
        last[:] = [(position, output, tokens)]

    def rectifier(inputs: Tensor) -> None:
        for position, output, tokens in last:
            if output is inputs and tokens.shape[1] > 1 and not belongs_to_attention(probe.layers[position]):
                counts[position] += principal_components(tokens.flatten(0, 1))
        last.clear()

    with (
        probe.borrowed(train=False, weights=False) as network,
        torch.no_grad(),
        token_outputs(probe, layer),
        rectifier_inputs(rectifier, network),
    ):
        probe.forward(network, probe.images)
    return counts


@proxy(
    "w_pca",
    source="Wang, W-PCA Based Gradient-Free Proxy for Efficient Search of Lightweight Language Models, ICLR 2025",
    formula="number of parameters times the sum over feed-forward networks of the number of principal components with "
    "99 % of the variance of their hidden features before the activation, over all tokens",
    needs=["images"],
    batch_norm="as given",
    per_layer=True,
)
def w_pca(probe: Probe) -> Tensor:
    """Parameters times principal components of hidden features, for text and for vision transformers.

    A hidden layer of a feed-forward network is a linear layer outside attention that is applied to several tokens and
    whose output a rectifier (GELU, ReLU and others) takes directly. There are fewer components than tokens in the
    batch, so a small batch counts tokens rather than directions. NaN for a network without such a layer, such as a
    convolutional network. For their own search space, the authors' code divides each number of components by the
    smaller of the layer's inputs and outputs.
    """
    components = probe.once(hidden_components)
    if not components.any():
        raise NoAnswer("the network has no feed-forward network over tokens")
    return components * count_parameters(probe.network).total
