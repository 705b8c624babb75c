"""Stochastic gradient descent on all weights at once, and its one-cycle rate."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


class FlatSGD:
    """Nesterov's momentum as in torch.optim.SGD, with all parameters and gradients as views of one vector.

    A step takes five operations, whatever the number of layers. A parameter without a gradient has gradient zero.

    Args:
        parameters: moved into the vector.
        momentum: momentum of the gradients.
        weight_decay: factor of the weight added to each gradient, including biases and normalisations.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], *, momentum: float, weight_decay: float) -> None:
        self.momentum, self.weight_decay = momentum, weight_decay
        parameters = list(parameters)
        size = sum(parameter.numel() for parameter in parameters)
        self._weights, self._gradients, self._velocity = parameters[0].new_zeros(3, size).detach().unbind()
        start = 0
        for parameter in parameters:
            end = start + parameter.numel()
            shape, strides = parameter.shape, parameter.stride()
            place = self._weights[start:end].as_strided(shape, strides, self._weights[start:end].storage_offset())
            place.copy_(parameter.detach())
            parameter.data = place
            gradient = self._gradients[start:end]
            parameter.grad = gradient.as_strided(shape, strides, gradient.storage_offset())
            start = end

    def step(self, rate: float) -> None:
        """Update the weights by the gradients and reset the gradients to zero."""
        with torch.no_grad():
            self._gradients.add_(self._weights, alpha=self.weight_decay)
            self._velocity.mul_(self.momentum).add_(self._gradients)
            self._gradients.add_(self._velocity, alpha=self.momentum)
            self._weights.add_(self._gradients, alpha=-rate)
            self._gradients.zero_()


def one_cycle(step: int, steps: int, peak: float, warmup: float) -> float:
    """The learning rate of a step: linear from 0 to `peak` during the fraction `warmup` of the steps, then linear to 0.

    Smith and Topin, "Super-Convergence", 2018, section 3, without a last phase.
    """
    done = step / steps
    return peak * (done / warmup if done < warmup else (1 - done) / (1 - warmup))
