"""Proxies of the heads of attention, for networks of text and images: how much they matter, how decided they are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer, Tap, proxy
from proxybench.proxies.batch_pass import gradients
from proxybench.proxies.counts import by_layer
from proxybench.proxies.dss import attention_layers
from proxybench.proxies.evaluation_pass import observed
from proxybench.proxies.layers import as_real
from proxybench.proxies.probe import Probe

SOURCE = "Serianni and Kalita, Training-Free Neural Architecture Search for RNNs and Transformers, ACL 2023"


@proxy(
    "head_importance",
    source=f"{SOURCE}, after Michel et al., NeurIPS 2019",
    formula="sum over weights of attention of |w dR/dw|, R the summed logits of the batch",
    needs=["images", "gradients"],
    per_layer=True,
)
def head_importance(probe: Probe) -> Tensor:
    """How strongly the logits respond to the weights of queries, keys, values and of the projection of the result.

    Layers of attention are recognised as for `dss`. The authors differentiate the summed features of a last layer
    normalisation, whose sum does not depend on the weights before it, so that their values are rounding errors; these
    are the logits. They leave out the projection of the result. NaN for a network without attention.
    """
    return _over_attention(probe, lambda weight, gradient: (weight * gradient).abs().sum(dtype=torch.float64))


def _over_attention(probe: Probe, term: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """A term of the weight of each layer of attention and its gradient; 0 for other layers, float64[layers]."""
    found = probe.once(attention_gradients)
    terms = torch.zeros(len(probe.layers), dtype=torch.float64)
    for position, gradient in found.items():
        terms[position] = term(probe.layers[position].values, gradient).cpu()
    return terms


def attention_gradients(probe: Probe) -> dict[int, Tensor]:
    """The gradients of the summed logits with respect to the weights of attention, by position of the layer.

    Raises:
        NoAnswer: if the network has no attention, or the logits do not depend on it.
    """
    positions = attention_layers(probe)
    weights = [probe.layers[position].weight for position in positions]
    with probe.borrowed(weights=False) as network:
        for weight in weights:
            weight.requires_grad_()
        found = gradients(probe.forward(network, probe.images).sum(), weights)
    return {position: as_real(gradient.detach()) for position, gradient in zip(positions, found, strict=True)}


@proxy(
    "lpzero",
    source="Dong et al., LPZero: Language Model Zero-cost Proxy Search from Zero, Findings of EMNLP 2024",
    formula="mean over layers of attention of mean w^2 + mean softmax(dR/dW)^2, the softmax over a column, "
    "R the summed logits of the batch",
    needs=["images", "gradients"],
    per_layer=True,
)
def lpzero(probe: Probe) -> Tensor:
    """Squared weights of attention, and how unequal the gradients of the weights of one input are.

    The proxy that the authors' code calls its best, found on FlexiBERT by genetic programming. The authors
    differentiate summed features of a last layer normalisation; these are the logits, as for `head_importance`. Layers
    of attention are recognised as for `dss`. A reconstruction that does not reach the published correlation on
    FlexiBERT: both terms fall with the width of a layer unless the initialisation prevents it. NaN for a network
    without attention.
    """
    count = len(probe.once(attention_gradients))

    def term(weight: Tensor, gradient: Tensor) -> Tensor:
        shares = gradient.double().softmax(dim=0)
        return (weight.double().square().mean() + shares.square().mean()) / count

    return _over_attention(probe, term)


@proxy(
    "head_confidence",
    source=f"{SOURCE}, attention confidence of the projections",
    formula="sum over layers of attention of the mean, over images and channels, of the largest output of all tokens",
    needs=["images"],
    batch_norm="as given",
    per_layer=True,
    taps=[Tap.LARGEST_OUTPUTS],
)
def head_confidence(probe: Probe) -> Tensor:
    """How far the outputs of queries, keys, values and of the projection of the result stand out at one token.

    Layers of attention are recognised as for `dss`; a layer that projects queries, keys and values together counts
    once. The positions of a map are its tokens. The authors leave out the projection of the result. NaN for a network
    without attention.
    """
    attention_layers(probe)
    sums: Tensor = observed(probe, Tap.LARGEST_OUTPUTS)
    return sums


@proxy(
    "head_softmax_confidence",
    source=f"{SOURCE}, attention confidence of the softmax",
    formula="sum over self-attentions of the mean, over images, queries and keys, of the largest weight of all heads",
    needs=["images"],
    batch_norm="as given",
    per_layer=True,
    taps=[Tap.LARGEST_WEIGHTS],
)
def head_softmax_confidence(probe: Probe) -> Tensor:
    """How strongly heads attend to tokens to which no other head attends; 1 / tokens for a single head.

    Every self-attention of the network counts, with the weights of its softmax. The largest is taken over the heads, as
    in the authors' code; Voita et al. (ACL 2019), who define the confidence of a head, take it over the keys. Published
    values also contain a softmax of the results of Fourier and cosine transforms, which these networks do not use. NaN
    for a network without self-attention.
    """
    sums: dict[str, float] = observed(probe, Tap.LARGEST_WEIGHTS)
    if not sums:
        raise NoAnswer("the network has no self-attention")
    return by_layer(probe, sums)
