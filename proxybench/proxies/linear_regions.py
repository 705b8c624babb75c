"""Linear regions: how many boundaries between linear pieces of the network lie on the way from one image to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.batch_norm import RunningStatistics
from proxybench.proxies.image_axis import Found, SeenTensors, image_axes
from proxybench.proxies.probe import Probe
from proxybench.proxies.rectifiers import rectifier_inputs

Axes = Callable[[], Sequence[Found]]
NO_AXES: Axes = tuple  # for a network whose shapes leave no doubt
SEGMENTS = 4
STEPS = 4


def statistics_of_batch(probe: Probe, network: nn.Module) -> RunningStatistics:
    """The batch's statistics, under whose `fixed()` the network, now in evaluation mode, is a function of one image."""
    like = torch.zeros(0, device=probe.device, dtype=probe.dtype)
    statistics = RunningStatistics(network, momentum=1.0, like=like)
    with statistics.tracked():
        probe.forward(network, probe.images)
    network.eval()
    return statistics


def rectifier_signs(network: nn.Module, images: Tensor, axes: Axes = NO_AXES) -> list[Tensor]:
    """Whether the inputs of each rectifier are positive, in order, bool[n, ...] each.

    Args:
        network: a function of single images.
        images: float[n, ...].
        axes: gives the axes of the images in all of them, for a network whose shapes do not say where they are.
    """
    signs = SeenTensors(len(images))
    with torch.no_grad(), rectifier_inputs(lambda inputs: signs.add(inputs > 0, watch), network) as watch:
        network(images)
    return signs.by_image(axes)


def count_crossings(network: nn.Module, start: Tensor, end: Tensor, steps: int, axes: Axes = NO_AXES) -> int:
    """How often the input of a rectifier changes its sign on the straight way from `start` to `end`, over all images.

    Args:
        network: a function of single images.
        start: float[n, ...], images at which the ways begin.
        end: float[n, ...], where they end.
        steps: signs are compared at the ends of this many equal parts of each way.
        axes: as for `rectifier_signs`.
    """
    points = torch.cat([torch.lerp(start, end, step / steps) for step in range(steps + 1)])
    n = len(start)  # the points of one step stand together, so those of the next are n rows further
    return sum(int(torch.count_nonzero(signs[n:] != signs[:-n])) for signs in rectifier_signs(network, points, axes))


@proxy(
    "linear_regions",
    source="Hanin and Rolnick, Complexity of Linear Regions in Deep Networks, ICML 2019; after the number of linear "
    "regions of Chen, Gong and Wang, TE-NAS, ICLR 2021",
    formula="1 + mean over 4 line segments between images of the sign changes of rectifier inputs, seen in 4 steps",
    needs=["images"],
    batch_norm="fixed batch statistics",
)
def linear_regions(probe: Probe) -> float:
    """How many linear regions a line segment between two images meets, on average over up to 4 pairs of the batch.

    A rectifier's input that changes its sign is the boundary of a region, so a segment meets one region more than it
    has crossings. Signs are compared in 4 steps, which misses two crossings of one neuron within a step: a lower bound;
    with more steps it grows and ranks cells alike. Batch normalisation keeps the statistics of the batch, so that the
    network is piecewise linear.

    TE-NAS instead counts distinct activation patterns among 3,000 crops of 3 x 3 pixels and one channel, in a copy of
    the network with one channel per layer. On a network at its own width and real images all patterns are distinct, and
    that count is the number of images for every network.

    NaN for a batch of one image; 1 for images that are all the same or a network without a rectifier.
    """
    pairs = min(SEGMENTS, len(probe.images) // 2)
    if not probe.images.is_floating_point():
        raise NoAnswer("there is no line segment between images of whole numbers")
    if not pairs:
        raise NoAnswer("a line segment needs two images")
    with probe.borrowed(weights=False) as network, torch.no_grad():
        statistics = statistics_of_batch(probe, network)
        start, end = probe.images[:pairs], probe.images[pairs : 2 * pairs]

        def axes() -> Sequence[Found]:
            return probe.once(image_axes).rectifiers

        with statistics.fixed():
            return 1.0 + count_crossings(network, start, end, STEPS, axes) / pairs
