"""Gradient descent on the weights that the paths of a step use, and on no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

TRUST = 0.001  # norm of a change in LARS, as a share of the norm of the weights


def use(weights: Tensor, *extents: int) -> Tensor:
    """The beginning of a tensor of weights, as long as `extents` in its first dimensions.

    It is marked as used if gradients are recorded.
    """
    if torch.is_grad_enabled():
        before = getattr(weights, "used", extents)
        weights.used = tuple(map(max, before, extents))  # type: ignore[attr-defined]
    return weights[tuple(slice(extent) for extent in extents)]


class PathSGD:
    """Nesterov's momentum as in torch.optim.SGD, without effect on weights that no path used since the last step.

    Neither momentum nor weight decay moves those: tensors without a gradient, and of a tensor of which `use` took the
    beginning, the rest.

    Args:
        parameters: all weights.
        momentum: momentum of the gradients.
        weight_decay: factor of the weight added to each gradient.
        clip: largest norm of all gradients together; larger ones are scaled down.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], *, momentum: float, weight_decay: float, clip: float
    ) -> None:
        self._parameters = list(parameters)
        self._momentum, self._weight_decay, self._clip = momentum, weight_decay, clip
        self._velocities: dict[int, Tensor] = {}

    def step(self, rate: float) -> None:
        """Update the weights by their gradients, and discard the gradients."""
        torch.nn.utils.clip_grad_norm_(self._parameters, self._clip)
        with torch.no_grad():
            for number, weights in enumerate(self._parameters):
                if weights.grad is not None:
                    self._move(number, weights, weights.grad, rate)
                    weights.grad = None

    def _move(self, number: int, weights: nn.Parameter, gradient: Tensor, rate: float) -> None:
        if number not in self._velocities:
            self._velocities[number] = torch.zeros_like(weights)
        used = tuple(slice(extent) for extent in weights.__dict__.pop("used", ()))
        part, change, velocity = weights[used], gradient[used], self._velocities[number][used]
        change = self._change(part, change)
        velocity.mul_(self._momentum).add_(change)
        part.add_(change.add_(velocity, alpha=self._momentum), alpha=-rate)

    def _change(self, weights: Tensor, gradient: Tensor) -> Tensor:
        """The change of weights before momentum and rate."""
        return gradient.add(weights, alpha=self._weight_decay)

    def state(self) -> dict[int, Tensor]:
        """The velocity of each tensor of weights that has one, by its position."""
        return self._velocities

    def restore(self, state: Mapping[int, Any]) -> None:
        """Continue with what `state` returned."""
        self._velocities = dict(state)


class LARS(PathSGD):
    """Layer-wise adaptive rates: a layer changes along its gradient, by TRUST times the norm of its weights.

    You et al., "Large Batch Training of Convolutional Networks", 2017. As in BYOL, biases and normalisations are
    neither adapted nor decayed.
    """

    def _change(self, weights: Tensor, gradient: Tensor) -> Tensor:
        if weights.dim() < 2:
            return gradient.clone()
        change = super()._change(weights, gradient)
        own, other = float(weights.norm()), float(change.norm())
        return change.mul_(TRUST * own / other) if own > 0 and other > 0 else change
