"""InTrain: how many directions the outputs of layers span, times how evenly gradients are spread over weights."""

from __future__ import annotations

import math

from torch import Tensor

from proxybench.proxies.base import NoAnswer, Tap, proxy
from proxybench.proxies.layers import as_real
from proxybench.proxies.noise_pass import noise_pass
from proxybench.proxies.probe import Probe

RESOLUTION = 1e-6


def evenness(gradient: Tensor) -> float:
    """min(1, standard deviation / largest magnitude) of a gradient, with n - 1 in the denominator.

    0 if it is zero or has one entry; NaN if an entry is.
    """
    values = gradient.double()
    if values.numel() < 2 or not values.any():
        return 0.0
    deviation = (values / values.abs().max()).std()
    return float(deviation.clamp_max(1))


@proxy(
    "intrain",
    source="Zhou et al., InTrain, CVPR 2026",
    formula="g (1 + o) / log(L + 1); g the sum over the L layers of log(participation ratio of the channels' "
    "covariance), o the sum over parameters of min(1, std / max of |dL/dw|); on noise",
    needs=["labels", "gradients"],
    taps=[Tap.NOISE_VARIATION],
)
def intrain(probe: Probe) -> float:
    """Geometric capacity times optimisation resilience, on standard normal images with the labels of the batch.

    The layers are the outputs of convolutions, linear layers and attention; the parameters are all tensors of
    parameters, those of normalisation and biases included. The paper draws random labels and 64 x 64 images, and adds
    1e-10 to the variances, with which a constant output would span all directions; here it spans none and adds 0. A
    gradient that is below 1e-6 of the largest in every entry is zero up to rounding and adds 0. NaN if no layer's
    output varies.
    """
    found = probe.once(noise_pass)
    capacities = [math.log(ratio) for ratio in found.dimensions if ratio != 0]
    if not capacities:
        raise NoAnswer("no layer has an output that varies")
    everything = (*found.layer_gradients, *found.other_gradients)
    gradients = [as_real(gradient) for gradient in everything if gradient.numel()]
    largest = max((float(gradient.abs().max()) for gradient in gradients), default=0.0)
    # What is left of a gradient that is zero, as in front of a normalisation, is spread evenly by rounding.
    resilience = sum(
        evenness(gradient) for gradient in gradients if not float(gradient.abs().max()) < RESOLUTION * largest
    )
    return sum(capacities) * (1 + resilience) / math.log(len(found.dimensions) + 1)
