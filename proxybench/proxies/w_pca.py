"""W-PCA: how many directions the hidden features of feed-forward networks use, weighted by the number of parameters."""

from __future__ import annotations

from torch import Tensor

from proxybench.networks.counts import count_parameters
from proxybench.proxies.base import NoAnswer, Tap, proxy
from proxybench.proxies.evaluation_pass import observed
from proxybench.proxies.probe import Probe


def hidden_components(probe: Probe) -> Tensor:
    """For each layer, the principal components of its outputs that a rectifier takes directly, float64[layers].

    0 for layers of attention, convolutions, outputs for a single token, and outputs that something else takes first.

    Raises:
        NoAnswer: if it is unclear which axis of such an output holds the images.
    """
    found: Tensor = observed(probe, Tap.HIDDEN_COMPONENTS)
    return found


@proxy(
    "w_pca",
    source="Wang, W-PCA Based Gradient-Free Proxy for Efficient Search of Lightweight Language Models, ICLR 2025",
    formula="number of parameters times the sum over feed-forward networks of the number of principal components with "
    "99 % of the variance of their hidden features before the activation, over all tokens",
    needs=["images"],
    batch_norm="as given",
    per_layer=True,
    taps=[Tap.HIDDEN_COMPONENTS],
)
def w_pca(probe: Probe) -> Tensor:
    """Parameters times principal components of hidden features, for text and for vision transformers.

    A hidden layer of a feed-forward network is a linear layer outside attention that is applied to several tokens and
    whose output a rectifier (GELU, ReLU and others) takes directly. There are fewer components than tokens in the
    batch, so a small batch counts tokens rather than directions. NaN for a network without such a layer, such as a
    convolutional network. For their own search space, the authors' code divides each number of components by the
    smaller of the layer's inputs and outputs.
    """
    components = hidden_components(probe)
    if not components.any():
        raise NoAnswer("the network has no feed-forward network over tokens")
    return components * count_parameters(probe.network).total
