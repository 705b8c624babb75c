"""T-CET: the compressibility of each layer times the orthogonality of the codes that it assigns to the images."""

from __future__ import annotations

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer, Tap, proxy
from proxybench.proxies.evaluation_pass import observed
from proxybench.proxies.layers import Layer
from proxybench.proxies.probe import Probe
from proxybench.proxies.synflow import absolute_pass


def log_signal_to_noise(saliency: Tensor) -> Tensor:
    """The logarithm of sum / standard deviation of the saliencies of one layer's weights, float64[].

    The standard deviation is over the weights, with n - 1 in the denominator. If it is zero, or if there is only one
    weight, returns the logarithm of the sum; 0 for a layer without saliency.
    """
    total = saliency.sum(dtype=torch.float64)
    if total == 0:
        return torch.zeros((), dtype=torch.float64)
    deviation = saliency.double().std() if saliency.numel() > 1 else torch.zeros(())
    if deviation.isinf():  # their squares overflow although the ratio is of ordinary size
        largest = saliency.double().max()
        total, deviation = (saliency / largest).sum(), (saliency / largest).std()
    return (total / deviation if deviation > 0 else total).log().cpu()


@proxy(
    "t_cet",
    source="Xiang et al., Exploiting Network Compressibility and Topology in Zero-Cost NAS, AutoML 2023",
    formula="sum over layers of log(sum s / std s) log det K; s synflow of the weights, K agreement of output signs",
    needs=["images", "gradients"],
    batch_norm="as given",
    per_layer=True,
    taps=[Tap.CODE_VOLUMES],
)
def t_cet(probe: Probe) -> Tensor:
    """Signal-to-noise ratio of the synaptic flow of a layer times the volume of the images' codes, on log scales.

    This is the variant with synflow, the default of the authors' code (the other uses snip). Codes are the signs of the
    outputs of convolutions and linear layers in evaluation mode; synaptic flow excludes batch normalisation.
    """
    gradients, volumes = probe.once(absolute_pass), observed(probe, Tap.CODE_VOLUMES)
    parts = [
        _part(layer, (layer.weight.detach() * gradient).abs(), volume)
        for layer, gradient, volume in zip(probe.layers, gradients, volumes, strict=True)
    ]
    return torch.stack(parts)


def _part(layer: Layer, saliency: Tensor, volume: Tensor | None) -> Tensor:
    """The contribution of one layer, float64[]; 0 for an unused layer."""
    if volume is not None:
        return log_signal_to_noise(saliency) * volume
    if saliency.any():
        raise NoAnswer(f"the output of layer {layer.name!r} cannot be seen because a function uses its weight")
    return torch.zeros((), dtype=torch.float64)
