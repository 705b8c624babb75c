"""Dextr: how far feature maps are from collinear, and how strongly the logits curve along a circle of images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from proxybench.proxies.activation_rows import module_outputs
from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.batch_pass import gradients
from proxybench.proxies.per_image import each_image_alone
from proxybench.proxies.probe import Probe, logits_of_one_image
from proxybench.proxies.second_derivatives import FastSecondDerivatives

TOGETHER = 16
MOST = 2048


def inverse_condition(features: Tensor) -> float:
    """The smallest singular value of a matrix divided by the largest; 0 for a matrix of zeros.

    Accurate to 1e-8; NaN if an entry is not finite.
    """
    rows = features.double()
    if not rows.isfinite().all():
        return math.nan
    largest = rows.abs().max()
    if largest == 0:
        return 0.0
    rows = rows / largest
    rows = rows if rows.shape[0] <= rows.shape[1] else rows.T
    squares = torch.linalg.eigvalsh(rows @ rows.T).clamp_min(0)
    return float((squares[0] / squares[-1]).sqrt())


def independence(probe: Probe) -> float:
    """Sum over feature maps of the first image of the inverse condition number of their channels; training mode.

    Raises:
        NoAnswer: if no module has an output of more than one position.
    """
    found: list[float] = []

    def seen(name: str, output: Tensor, axis: int) -> None:
        if output.dim() > 2:
            found.append(inverse_condition(output[:1].movedim(axis, 0).flatten(1)))

    with probe.borrowed(weights=False) as network, torch.no_grad(), module_outputs(network, seen):
        probe.forward(network, probe.images[:1])
    if not found:
        raise NoAnswer("no module of the network outputs a feature map")
    return sum(found)


def curvature(probe: Probe) -> float:
    """The curvature of the logits at one point of a random circle of images around the origin, of radius 1.

    It is sqrt(|v|^2 |a|^2 - (v'a)^2) / |v|^3 with v and a the first and second derivatives of all logits with respect
    to the angle, in training mode, for a batch of that one image.

    Raises:
        NoAnswer: for a network that takes integers, one that cannot be differentiated twice, or one whose logits do not
            change along the circle.
    """
    plane, _ = torch.linalg.qr(probe.noise("dextr", 2).flatten(1).double().T.cpu())
    outputs = probe.once(logits_of_one_image).numel()
    if outputs > MOST:
        raise NoAnswer(f"the network has {outputs} outputs for an image, too many to differentiate one by one")
    with probe.borrowed(weights=False) as network:
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        parts = [
            derivatives(probe, network, plane, torch.arange(start, min(start + TOGETHER, outputs)))
            for start in range(0, outputs, TOGETHER)
        ]
    velocity, acceleration = (torch.cat(one).double().cpu() for one in zip(*parts, strict=True))
    speed = velocity.norm()
    if not speed > 0:
        raise NoAnswer("the logits do not change along a circle of images")
    along = velocity / speed
    across = acceleration - along * (along @ acceleration)
    return float(across.norm() / speed.square())


def derivatives(probe: Probe, network: nn.Module, plane: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """The first and second derivatives of some logits with respect to the angle at 0, [k] each.

    Each logit has a copy of the image with an angle of its own, so that two backward passes are enough. Batch
    normalisation treats each copy as a batch.

    Args:
        probe: of the network.
        network: in training mode.
        plane: two orthonormal images as columns, between which the circle runs.
        places: of the logits, int64[k].
    """
    first, second = (side.reshape(1, *probe.images.shape[1:]).to(probe.images) for side in plane.T)
    angles = torch.zeros(len(places), dtype=probe.images.dtype, device=probe.device, requires_grad=True)
    shaped = angles.reshape(-1, *[1] * (first.dim() - 1))
    with FastSecondDerivatives(), each_image_alone():
        logits = probe.forward(network, first * shaped.cos() + second * shaped.sin())
    if len(logits) != len(places):
        raise NoAnswer(f"logits of shape {tuple(logits.shape)} do not say what belongs to which image")
    chosen = logits.reshape(len(logits), -1)[torch.arange(len(places)), places]
    [velocity] = gradients(chosen.sum(), [angles], create_graph=True)
    if not velocity.requires_grad:
        return velocity, torch.zeros_like(velocity)
    [acceleration] = gradients(velocity.sum(), [angles])
    return velocity.detach(), acceleration


@proxy(
    "dextr",
    source="Asthana et al., Dextr, TMLR 2025",
    formula="a b / (a + b), a = log(1 + sum over feature maps of the smallest singular value / the largest), "
    "b = log(1 + curvature of the logits along a circle of images)",
    needs=["images", "gradients"],
)
def dextr(probe: Probe) -> float:
    """Independence of channels (convergence and generalisation) and curvature (expressivity) of one image, no labels.

    Feature maps are the outputs of modules with a weight and of activations; the authors' code also counts a map again
    for each container that outputs it. As there, the curvature is taken at one point of the circle. Takes time linear
    in the number of logits. NaN if batch normalisation sees one value per channel for an image. It needs images of the
    published size: on NAS-Bench-201, Spearman's rho with the test accuracy is 0.91 (60 functions) for images of
    32 x 32, and 0.90 as published, but 0.57 (141 functions) for 8 x 8, whose last maps have four positions.
    """
    a, b = math.log1p(probe.once(independence)), math.log1p(probe.once(curvature))
    if a + b == 0:
        raise NoAnswer("all feature maps are singular and the logits do not curve")
    return a * b / (a + b)
