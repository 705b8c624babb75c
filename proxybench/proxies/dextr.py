"""Dextr: how far feature maps are from collinear, and how strongly the logits curve along a circle of images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from proxybench.proxies.activation_rows import module_outputs
from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.batch_pass import gradients
from proxybench.proxies.probe import Probe


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
        velocity = derivative(logits, angle)
        acceleration = derivative(velocity, angle).detach().double()
    velocity = velocity.detach().double()
    speed = velocity.norm()
    if not speed > 0:
        raise NoAnswer("the logits do not change along a circle of images")
    along = velocity / speed
    across = acceleration - along * (along @ acceleration)
    return float(across.norm() / speed.square())


def derivative(values: Tensor, variable: Tensor) -> Tensor:
    """The derivative of each of `values` [k] with respect to a scalar, [k], from two backward passes.

    The derivative of u'values is linear in u, and its derivative with respect to u is the wanted one.
    """
    weights = torch.zeros_like(values, requires_grad=True)
    [combined] = gradients((weights * values).sum(), [variable], create_graph=True)
    if not combined.requires_grad:
        raise NoAnswer("the logits do not change along a circle of images")
    [found] = gradients(combined, [weights], create_graph=True)
    return found


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
