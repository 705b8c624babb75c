"""Dextr: how far feature maps are from collinear, and how strongly the logits curve along a circle of images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from proxybench.proxies.activation_rows import module_outputs
from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.batched import gradients_of_each
from proxybench.proxies.probe import Probe

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
    """The curvature of the logits at one point of a random circle of images through the origin's unit sphere.

    It is sqrt(|v|^2 |a|^2 - (v'a)^2) / |v|^3 with v and a the first and second derivatives of all logits with respect
    to the angle, for a batch of that one image in training mode.

    Raises:
        NoAnswer: for a network that takes integers, one that cannot be differentiated often enough, or one whose logits
            do not change along the circle.
    """
    shape = probe.images.shape[1:]
    plane, _ = torch.linalg.qr(probe.noise("dextr", 2).flatten(1).double().T.cpu())
    first, second = (side.reshape(1, *shape).to(probe.images) for side in plane.T)
    angle = torch.zeros((), dtype=probe.images.dtype, device=probe.device, requires_grad=True)
    with probe.borrowed(weights=False) as network:
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        logits = probe.forward(network, first * angle.cos() + second * angle.sin()).flatten()
        if len(logits) > MOST:
            raise NoAnswer(f"the network has {len(logits)} outputs for an image, too many to differentiate one by one")
        if not logits.requires_grad:
            raise NoAnswer("the logits do not change along a circle of images")
        velocity, acceleration = (one.double() for one in derivatives(logits, angle))
    speed = velocity.norm()
    if not speed > 0:
        raise NoAnswer("the logits do not change along a circle of images")
    along = velocity / speed
    across = acceleration - along * (along @ acceleration)
    return float(across.norm() / speed.square())


def derivatives(values: Tensor, variable: Tensor) -> tuple[Tensor, Tensor]:
    """The first and second derivative of each of `values` [k] with respect to a scalar, [k] each.

    Each value is differentiated twice on its own, many at a time: torch's third derivatives, with which two passes
    would be enough for all, are wrong for batch normalisation.
    """
    rows = torch.eye(len(values), dtype=values.dtype, device=values.device)
    parts = []
    for some in rows.split(TOGETHER):
        [first] = gradients_of_each(values, [variable], some, create_graph=True)
        if first.requires_grad:
            [second] = gradients_of_each(first, [variable], torch.eye(len(some)).to(some))
        else:
            second = torch.zeros_like(first)
        parts.append((first.detach(), second.detach()))
    velocities, accelerations = zip(*parts, strict=True)
    return torch.cat(velocities), torch.cat(accelerations)


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
    for each container that outputs it. As there, the curvature is taken at one point of the circle. NaN if batch
    normalisation sees one value per channel for an image.
    """
    a, b = math.log1p(probe.once(independence)), math.log1p(probe.once(curvature))
    if a + b == 0:
        raise NoAnswer("all feature maps are singular and the logits do not curve")
    return a * b / (a + b)
