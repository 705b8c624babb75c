"""T-CET: the compressibility of each layer times the orthogonality of the codes that it assigns to the images."""

from __future__ import annotations

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.functions import Functions
from proxybench.proxies.image_axis import image_axes, is_clear, known_axis
from proxybench.proxies.layers import Layer
from proxybench.proxies.memory_order import as_rows
from proxybench.proxies.nwot import sign_agreement
from proxybench.proxies.probe import Probe
from proxybench.proxies.recorder import layer_outputs
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


def log_code_volume(output: Tensor) -> Tensor:
    """The value log det K, K_ij the number of signs that images i and j share in a layer's outputs [n, ...]; float64[].

    0 if K is singular (two images have the same signs) or no output is positive; NaN if an output is NaN.
    """
    if output.sum().isnan() and output.isnan().any():
        return torch.full((), float("nan"), dtype=torch.float64)
    positive = as_rows(output.detach() > 0)
    agreement = sign_agreement([positive])
    same = agreement.triu(1) == positive.shape[1]
    log_determinant: Tensor = torch.linalg.slogdet(agreement).logabsdet
    if not positive.any() or same.any() or not log_determinant.isfinite():
        return torch.zeros((), dtype=torch.float64)
    return log_determinant


def code_volume_pass(probe: Probe) -> list[Tensor | None]:
    """`log_code_volume` of each layer in evaluation mode.

    The last call counts if a layer was called several times; None for a layer that was not called.
    """
    images = len(probe.images)
    volumes: list[Tensor | None] = [None for _ in probe.layers]
    calls = [0] * len(probe.layers)
    unclear: dict[int, tuple[int, Tensor]] = {}
    with probe.borrowed(train=False, weights=False) as network, torch.no_grad(), Functions() as moves:

        def seen(position: int, output: Tensor) -> None:
            unclear.pop(position, None)
            if is_clear(output.shape, images, move_axes=moves.move_axes):
                before = moves.move_axes
                volumes[position] = log_code_volume(output)
                moves.move_axes = before  # ignore what is done to the output here
            else:
                unclear[position] = calls[position], output
            calls[position] += 1

        with layer_outputs(probe.layers, seen) as outputs:
            probe.forward(network, probe.images)
        outputs.require_all()
    for position, (call, output) in unclear.items():
        axis = known_axis(probe.once(image_axes).outputs[position][call])
        volumes[position] = log_code_volume(axis.first(output, images)) if axis is not None else torch.zeros(())
    return volumes


@proxy(
    "t_cet",
    source="Xiang et al., Exploiting Network Compressibility and Topology in Zero-Cost NAS, AutoML 2023",
    formula="sum over layers of log(sum s / std s) log det K; s synflow of the weights, K agreement of output signs",
    needs=["images", "gradients"],
    batch_norm="as given",
    per_layer=True,
)
def t_cet(probe: Probe) -> Tensor:
    """Signal-to-noise ratio of the synaptic flow of a layer times the volume of the images' codes, on log scales.

    This is the variant with synflow, the default of the authors' code (the other uses snip). Codes are the signs of the
    outputs of convolutions and linear layers in evaluation mode; synaptic flow excludes batch normalisation.
    """
    parts = [
        _part(layer, (layer.weight.detach() * gradient).abs(), volume)
        for layer, gradient, volume in zip(
            probe.layers, probe.once(absolute_pass), probe.once(code_volume_pass), strict=True
        )
    ]
    return torch.stack(parts)


def _part(layer: Layer, saliency: Tensor, volume: Tensor | None) -> Tensor:
    """The contribution of one layer, float64[]; 0 for an unused layer."""
    if volume is not None:
        return log_signal_to_noise(saliency) * volume
    if saliency.any():
        raise NoAnswer(f"the output of layer {layer.name!r} cannot be seen because a function uses its weight")
    return torch.zeros((), dtype=torch.float64)
