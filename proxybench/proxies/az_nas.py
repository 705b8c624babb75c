"""AZ-NAS: expressivity, progressivity and trainability of a network's blocks on noise, and its complexity.

Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", CVPR 2024, section 3; details
from the authors' code for NAS-Bench-201. All but the complexity come from one forward pass of standard normal images
and one backward pass, with He's initialisation (normal, fan-in) and batch normalisation on the batch's statistics.
Their sum of logarithmic ranks is `combine("az_nas", ...)`.

If a feature map is constant or a block is an identity, the published code returns minus infinity, the worst rank. Here
a constant map has entropy 0 and an identity block has gain 0: they rank just as low but stay finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from proxybench.networks.counts import flops_of
from proxybench.networks.initialise import initialise
from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.blocks import FeatureMap, channels_first, feature_maps
from proxybench.proxies.counts import work_pass
from proxybench.proxies.memory_order import over_positions
from proxybench.proxies.probe import Probe

_SOURCE = "Lee and Ham, AZ-NAS, CVPR 2024, section 3"
_IN_LOG = 1e-8
_IN_DIVISION = 1e-6


@dataclass(frozen=True)
class BlockPass:
    """Results of the pass over the blocks.

    Attributes:
        entropies: one per feature map.
        gains: largest singular value of the block between each feature map and the next, 0 for an identity; or the
            reason why they cannot be computed.
    """

    entropies: list[float]
    gains: list[float] | NoAnswer


def block_pass(probe: Probe) -> BlockPass:
    """Send noise forward through the network with He's initialisation, then random signs back through each block.

    Raises:
        NoAnswer: if no block produces a feature map.
    """
    draws = probe.generator("az_nas")
    images = probe.noise("az_nas images").to(probe.images.dtype).requires_grad_()
    with probe.borrowed() as network:
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        initialise(network, "kaiming", draws)
        with feature_maps(network, probe.layers) as maps:
            probe.forward(network, images)
        if not maps:
            raise NoAnswer("no block of the network produces a feature map")
        entropies = [spectral_entropy(channels_first(feature.tensor.detach())) for feature in maps]
        return BlockPass(entropies, _gains(maps, draws))


def _gains(maps: Sequence[FeatureMap], draws: torch.Generator) -> list[float] | NoAnswer:
    if len(maps) > 1 and not any(feature.tensor.requires_grad for feature in maps):
        return NoAnswer("the trainability of blocks needs derivatives, and the network computes all maps without")
    try:
        return [_gain(before, after, draws) for before, after in pairwise(maps)]
    except NoAnswer as reason:
        return reason


def spectral_entropy(feature: Tensor) -> float:
    """Entropy in nats of the normalised eigenvalues of the channel covariance of a map [n, c, h, w].

    The n h w positions are the observations. Between 0 and log c; 0 for a constant map.
    """
    maps = over_positions(_at_least_single(feature))
    maps = maps - maps.mean((0, 2), keepdim=True, dtype=torch.float64).to(maps)
    eigenvalues = torch.linalg.eigvalsh(_mean_products(maps, maps)).clamp_min(0)
    total = eigenvalues.sum()
    if total == 0:
        return 0.0
    shares = eigenvalues / total
    return float(-(shares * (shares + _IN_LOG).log()).sum())


def _gain(before: FeatureMap, after: FeatureMap, draws: torch.Generator) -> float:
    """Largest singular value of the block between one feature map and the next.

    Random signs are sent back through the block; the matrix [c_in, c_out] is the mean over images and positions of
    their product with what arrives. 0 if no path connects the two maps, and for an identity, which trains nothing.

    Raises:
        NoAnswer: if nothing can be sent back to the earlier map because it does not depend on the images, or if the
            later map has more positions or a different number of images.
    """
    drawn = torch.randint(0, 2, after.tensor.shape, generator=draws, dtype=torch.int8).mul_(2).sub_(1)
    sent = torch.empty_like(after.tensor, requires_grad=False).copy_(drawn)
    if not after.tensor.requires_grad:
        return 0.0
    if not before.tensor.requires_grad:
        raise NoAnswer(
            f"the trainability of the block {after.block!r} needs a derivative by the feature map before it "
            f"({before.block}), which does not come from the images"
        )
    [arrived] = torch.autograd.grad(after.tensor, [before.tensor], sent, retain_graph=True, allow_unused=True)
    if arrived is None or torch.equal(arrived, sent):
        return 0.0
    out, back = channels_first(sent), channels_first(arrived)
    height, width = out.shape[2:]
    if len(out) != len(back) or height > back.shape[2] or width > back.shape[3]:
        raise NoAnswer("a block gives a larger feature map than it gets, or another number of images")
    reduced = to_resolution(back, height, width)
    sides = (over_positions(_at_least_single(side)) for side in (reduced, out))
    return float(torch.linalg.matrix_norm(_mean_products(*sides), ord=2))


def _at_least_single(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _mean_products(one: Tensor, other: Tensor) -> Tensor:
    """The mean over images and positions of the products of channels, [n, c, p] and [n, d, p] to float64[c, d]."""
    return torch.bmm(one, other.mT).sum(0, dtype=torch.float64) / (one.shape[0] * one.shape[2])


def to_resolution(feature: Tensor, height: int, width: int) -> Tensor:
    """Lower the resolution of a map [n, c, h, w] by turning patches into channels: [n, c p q, height, width].

    The patch size p x q is the nearest integer ratio of the two resolutions; rows and columns that do not fill a patch
    are padded with zeros or dropped at the end (the published code handles integer ratios only).
    """
    p, q = int(feature.shape[2] / height + 0.5), int(feature.shape[3] / width + 0.5)
    fitted = functional.pad(feature, (0, q * width - feature.shape[3], 0, p * height - feature.shape[2]))
    patches = fitted.reshape(*feature.shape[:2], height, p, width, q).permute(0, 1, 3, 5, 2, 4)
    return patches.reshape(feature.shape[0], -1, height, width)


def _entropies(probe: Probe, at_least: int) -> Tensor:
    entropies = torch.tensor(probe.once(block_pass).entropies, dtype=torch.float64)
    if len(entropies) < at_least:
        raise NoAnswer(f"needs {at_least} feature maps, the network has {len(entropies)}")
    return entropies


@proxy(
    "az_expressivity",
    source=_SOURCE,
    formula="sum over feature maps of the entropy of the normalised eigenvalues of their channels' covariance",
    initialisation="kaiming",
)
def az_expressivity(probe: Probe) -> float:
    """How many directions the channels of the feature maps span."""
    return float(_entropies(probe, 1).sum())


@proxy(
    "az_progressivity",
    source=_SOURCE,
    formula="smallest growth of the entropy of az_expressivity from one feature map to the next",
    initialisation="kaiming",
)
def az_progressivity(probe: Probe) -> float:
    """Whether each block adds expressivity. NaN if there is only one feature map."""
    return float(_entropies(probe, 2).diff().min())


@proxy(
    "az_trainability",
    source=_SOURCE,
    formula="mean over blocks of 2 - s - 1 / (s + 1e-6), s the largest singular value of the block's Jacobian",
    initialisation="kaiming",
)
def az_trainability(probe: Probe) -> float:
    """How well blocks preserve the scale of gradients: 0 if all singular values are 1, lower otherwise.

    A block without a gradient, or an identity, takes a million off the sum. NaN if there is only one feature map, if a
    block enlarges its feature map, or if a feature map does not depend on the images.
    """
    gains = probe.once(block_pass).gains
    if isinstance(gains, NoAnswer):
        raise gains
    if not gains:
        raise NoAnswer("needs 2 feature maps, the network has 1")
    return sum(2 - gain - 1 / (gain + _IN_DIVISION) for gain in gains) / len(gains)


@proxy(
    "az_complexity",
    source=_SOURCE,
    formula="multiply-adds of one image",
    batch_norm="unused",
    initialisation="unused",
)
def az_complexity(probe: Probe) -> float:
    """Multiply-adds of convolutions and matrix products, plus biases, as NATS-Bench counts them, at this resolution."""
    return float(flops_of(probe.once(work_pass), "nats-bench").total)
