"""Linear regions: how many boundaries between linear pieces of the network separate one image from another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer, Tap, proxy
from proxybench.proxies.batch_norm import RunningStatistics
from proxybench.proxies.batch_pass import batch_pass
from proxybench.proxies.image_axis import Found, SeenTensors, image_axes
from proxybench.proxies.probe import Probe
from proxybench.proxies.rectifiers import rectifier_inputs

Axes = Callable[[], Sequence[Found]]
NO_AXES: Axes = tuple  # for a network whose shapes are unambiguous
SEGMENTS = 4
STEPS = 4


def statistics_pass(probe: Probe) -> RunningStatistics:
    """The statistics of the whole batch at each batch normalisation, from a forward pass in training mode.

    It is the shared pass over the batch if that has to be run for another proxy.

    Raises:
        NoAnswer: if batch normalisation would see a single value per channel.
    """
    if probe.taps > {Tap.BATCH_STATISTICS}:
        return probe.once(batch_pass).statistics
    like = torch.zeros(0, device=probe.device, dtype=probe.dtype)
    with probe.borrowed(weights=False) as network, torch.no_grad():
        statistics = RunningStatistics(network, momentum=1.0, like=like)
        with statistics.tracked():
            probe.forward(network, probe.images)
    return statistics


@contextmanager
def of_single_images(probe: Probe) -> Iterator[tuple[nn.Module, RunningStatistics]]:
    """The network, lent in evaluation mode, and the batch's statistics, under whose `fixed()` images do not interact.

    Raises:
        NoAnswer: if batch normalisation would see a single value per channel of the batch.
    """
    statistics = probe.once(statistics_pass)
    with probe.borrowed(train=False, weights=False) as network:
        statistics.install(network)
        yield network, statistics


def rectifier_signs(network: nn.Module, images: Tensor, axes: Axes = NO_AXES) -> list[Tensor]:
    """Whether the inputs of each rectifier are positive, in order, bool[n, ...] each.

    Args:
        network: a function of single images.
        images: float[n, ...].
        axes: returns the image axes of all of them, for a network whose shapes are ambiguous.
    """
    signs = SeenTensors(len(images))
    with torch.no_grad(), rectifier_inputs(lambda inputs: signs.add(inputs > 0, watch), network) as watch:
        network(images)
    return signs.by_image(axes)


def count_crossings(network: nn.Module, start: Tensor, end: Tensor, steps: int, axes: Axes = NO_AXES) -> int:
    """How often rectifier inputs change sign on the straight line from `start` to `end`, over all images.

    Args:
        network: a function of single images.
        start: float[n, ...], images at which the lines begin.
        end: float[n, ...], images at which they end.
        steps: number of equal parts of each line; signs are compared at their ends.
        axes: as for `rectifier_signs`.
    """
    points = torch.cat([torch.lerp(start, end, step / steps) for step in range(steps + 1)])
    n = len(start)  # the points of one step are adjacent, so those of the next are n rows further on
    return sum(int(torch.count_nonzero(signs[n:] != signs[:-n])) for signs in rectifier_signs(network, points, axes))


@proxy(
    "linear_regions",
    source="Hanin and Rolnick, Complexity of Linear Regions in Deep Networks, ICML 2019; after the number of linear "
    "regions of Chen, Gong and Wang, TE-NAS, ICLR 2021",
    formula="1 + mean over 4 line segments between images of the sign changes of rectifier inputs, seen in 4 steps",
    needs=["images"],
    batch_norm="fixed batch statistics",
    taps=[Tap.BATCH_STATISTICS],
)
def linear_regions(probe: Probe) -> float:
    """How many linear regions a line segment between two images crosses, averaged over up to 4 pairs of the batch.

    A sign change of a rectifier's input marks a region's boundary, so a segment meets one more region than it has
    crossings. Signs are compared in 4 steps, which misses pairs of crossings of one neuron within a step, so the count
    is a lower bound; more steps increase it but rank cells the same way. Batch normalisation uses the fixed statistics
    of the batch, so that the network is piecewise linear.

    TE-NAS instead counts distinct activation patterns among 3,000 single-channel crops of 3 x 3 pixels in a copy of the
    network with one channel per layer. On real images, for a network at its own width, all patterns are distinct, so
    that count would equal the number of images for every network.

    NaN for a batch of one image; 1 if all images are the same or the network has no rectifier.
    """
    pairs = min(SEGMENTS, len(probe.images) // 2)
    if not probe.images.is_floating_point():
        raise NoAnswer("there is no line segment between images of integers")
    if not pairs:
        raise NoAnswer("a line segment needs two images")
    with of_single_images(probe) as (network, statistics), torch.no_grad():
        start, end = probe.images[:pairs], probe.images[pairs : 2 * pairs]

        def axes() -> Sequence[Found]:
            return probe.once(image_axes).rectifiers

        with statistics.fixed():
            return 1.0 + count_crossings(network, start, end, STEPS, axes) / pairs
