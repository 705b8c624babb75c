"""DSS++ of TF-TAS: diversity of attention and saliency of the other layers, for transformers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.layers import Layer
from proxybench.proxies.probe import Probe
from proxybench.proxies.synflow import absolute_pass

_NAMES = ("attention", "attn", "qkv", "query")


def belongs_to_attention(layer: Layer) -> bool:
    """Whether a layer projects queries, keys, values or the result of attention.

    It does if torch's attention owns it, or if it is not a convolution and a part of its name contains `attention`,
    `attn`, `qkv` or `query`.
    """
    if isinstance(layer.module, nn.MultiheadAttention):
        return True
    return not layer.convolution and any(known in layer.name.lower() for known in _NAMES)


def attention_layers(probe: Probe) -> list[int]:
    """The positions of the layers that belong to attention. Raises NoAnswer if the network has none."""
    found = [position for position, layer in enumerate(probe.layers) if belongs_to_attention(layer)]
    if not found:
        raise NoAnswer("the network has no layer of attention")
    return found


@proxy(
    "dss",
    source="Zhou et al., Training-free Transformer Architecture Search, CVPR 2022, equations 4 and 5",
    formula="sum over layers of attention of ||dR/dW||_nuc ||W||_nuc, plus sum over other weights of |w dR/dw|; "
    "R as in synflow",
    needs=["gradients"],
    batch_norm="removed",
    per_layer=True,
)
def dss(probe: Probe) -> Tensor:
    """Synaptic diversity of attention plus synaptic saliency of all other layers, the patch embedding included.

    With absolute weights on an image of ones, as for synflow. Attention is recognised by torch's module or by names.
    NaN for a network without attention, for which it would be synflow.
    """
    attention = set(attention_layers(probe))
    parts = []
    for position, (layer, gradient) in enumerate(zip(probe.layers, probe.once(absolute_pass), strict=True)):
        weight = layer.weight.detach().abs().to(gradient)
        if position in attention:
            parts.append(nuclear_norm(weight) * nuclear_norm(gradient))
        else:
            parts.append((weight * gradient).abs().sum(dtype=torch.float64).cpu())
    return torch.stack(parts)


def nuclear_norm(matrix: Tensor) -> Tensor:
    """The sum of the singular values, with all axes but the first flattened; float64[]."""
    values = matrix.flatten(1).double()
    if not values.isfinite().all():
        return torch.full((), float("nan"), dtype=torch.float64)
    norm: Tensor = torch.linalg.matrix_norm(values, ord="nuc").cpu()
    return norm
