"""One forward and backward pass of standard normal images with the labels of the batch."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer, Tap
from proxybench.proxies.batch_pass import gradients
from proxybench.proxies.layers import as_real
from proxybench.proxies.memory_order import over_positions
from proxybench.proxies.probe import Probe
from proxybench.proxies.recorder import layer_outputs


@dataclass(frozen=True)
class NoisePass:
    """Results of the pass.

    Attributes:
        layer_gradients: the gradient of the loss with respect to each layer's weight.
        other_gradients: the same for all other parameters; empty without Tap.NOISE_VARIATION.
        dimensions: the participation ratio of each layer's output, in call order; empty without Tap.NOISE_VARIATION.
    """

    layer_gradients: list[Tensor]
    other_gradients: list[Tensor]
    dimensions: list[float]


def noise_pass(probe: Probe) -> NoisePass:
    """Run the pass, with the given weights and batch normalisation on the statistics of the noise.

    Raises:
        NoAnswer: if batch normalisation would see a single value per channel or, with Tap.NOISE_VARIATION, if the
            output of a layer cannot be seen.
    """
    if probe.labels is None:
        raise ValueError("the gradient of the loss needs labels; pass labels= to the Probe")
    dimensions: list[float] = []
    varied = Tap.NOISE_VARIATION in probe.taps
    with probe.borrowed(weights=False) as network, ExitStack() as recording:
        weights = [layer.weight.requires_grad_() for layer in probe.layers]
        known = {id(weight) for weight in weights}
        others = [
            parameter.requires_grad_()
            for parameter in network.parameters()
            if varied and id(parameter) not in known and (parameter.is_floating_point() or parameter.is_complex())
        ]

        def seen(position: int, output: Tensor) -> None:
            layer = probe.layers[position]
            dimensions.append(participation_ratio(output.detach(), channels_first=layer.convolution))

        outputs = recording.enter_context(layer_outputs(probe.layers, seen)) if varied else None
        logits = probe.forward(network, probe.noise("eznas_a").to(probe.images.dtype))
        recording.close()
        if outputs is not None:
            outputs.require_all()
        found = gradients(probe.loss(logits, probe.labels), [*weights, *others])
    # All of them at the precision in which they were computed; complex parameters as pairs of real numbers.
    return NoisePass(found[: len(weights)], [as_real(one) for one in found[len(weights) :]], dimensions)


def participation_ratio(output: Tensor, *, channels_first: bool) -> float:
    """The number of directions in which the channels of a layer's output vary.

    It is (sum of v)^2 / sum of v^2 over the eigenvalues v of the covariance of the channels, whose observations are all
    images and positions: between 1 and the number of channels; 0 for a constant output.

    Args:
        output: [n, channels, ...] or [..., channels].
        channels_first: which of the two.

    Raises:
        NoAnswer: for a complex output.
    """
    if output.is_complex():
        raise NoAnswer("the output of a layer is complex")
    rows = over_positions(output) if channels_first else output.reshape(1, -1, output.shape[-1]).mT
    observations = rows.shape[0] * rows.shape[2]
    means = rows.sum((0, 2), dtype=torch.float64) / observations
    products = torch.bmm(rows, rows.mT).sum(0, dtype=torch.float64) / observations
    covariance = products - torch.outer(means, means)
    total, scale = covariance.trace(), products.trace()
    if total <= len(means) * torch.finfo(output.dtype).eps * scale:  # what rounding leaves of a constant
        return 0.0
    return float(total.square() / covariance.square().sum())
