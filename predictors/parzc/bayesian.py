"""Linear layers of several networks at once: plain, and Bayesian with a normal posterior for each weight.

The m networks of an ensemble are trained in parallel: every array has a leading dimension of m members. One batched
matrix product serves all of them, which pays because small networks spend their time in Python, not in arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """m parallel linear layers: [m, ..., inputs] -> [m, ..., outputs]. Initialised like torch's own.

    Args:
        members: number of layers, m.
        inputs, outputs: widths.
    """

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(max(1, inputs))
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, 1, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return _apply(x, self.weight, self.bias)


class LinearAcross(Linear):
    """Linear layers on the dimension after that of the members: [m, inputs, ..., k] -> [m, outputs, ..., k]."""

    def forward(self, x: Tensor) -> Tensor:
        columns = torch.baddbmm(self.bias.mT, self.weight.mT, x.flatten(2))
        return columns.reshape(len(x), -1, *x.shape[2:])


class BayesianLinear(Linear):
    """m parallel linear layers whose weights are resampled for each pass: W = mean + softplus(rho) * epsilon.

    In training mode, and within `sampled`, weights are drawn once per pass for all rows; in evaluation mode they are
    the posterior mean.

    Args:
        members, inputs, outputs: as in Linear.
        deviation: initial standard deviation of the posterior.
        prior: standard deviation of the normal prior with mean 0, in units of 1 / sqrt(inputs).

    Source: ParZC (Dong et al., AAAI 2025), the Bayesian layers of its MABN; Blundell et al., "Weight Uncertainty in
    Neural Networks", ICML 2015, for the reparametrisation and the divergence, equations 2 to 4.
    """

    def __init__(self, members: int, inputs: int, outputs: int, deviation: float = 0.01, prior: float = 1.0) -> None:
        super().__init__(members, inputs, outputs)
        start = math.log(math.expm1(deviation))  # the inverse of softplus
        self.weight_rho = nn.Parameter(torch.full_like(self.weight, start))
        self.bias_rho = nn.Parameter(torch.full_like(self.bias, start))
        self.prior = prior / math.sqrt(max(1, inputs))
        self.drawn = False

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training or self.drawn):
            return _apply(x, self.weight, self.bias)
        return _apply(x, _draw(self.weight, self.weight_rho), _draw(self.bias, self.bias_rho))

    def divergence(self) -> Tensor:
        """Kullback-Leibler divergence of posterior from prior in nats, summed over each member's weights, [m]."""
        return _divergence(self.weight, self.weight_rho, self.prior) + _divergence(self.bias, self.bias_rho, self.prior)


def divergence(network: nn.Module) -> Tensor | None:
    """The total divergence of all Bayesian layers, [m]; None if there are none."""
    found = [module.divergence() for module in network.modules() if isinstance(module, BayesianLinear)]
    return torch.stack(found).sum(dim=0) if found else None


@contextmanager
def sampled(network: nn.Module) -> Iterator[None]:
    """Within this context, Bayesian layers sample their weights in evaluation mode too."""
    layers = [module for module in network.modules() if isinstance(module, BayesianLinear)]
    before = [layer.drawn for layer in layers]
    try:
        for layer in layers:
            layer.drawn = True
        yield
    finally:
        for layer, drawn in zip(layers, before, strict=True):
            layer.drawn = drawn


def _apply(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    rows = torch.baddbmm(bias, x.flatten(1, -2), weight)
    return rows.reshape(*x.shape[:-1], weight.shape[2])


def _draw(mean: Tensor, rho: Tensor) -> Tensor:
    return mean + nn.functional.softplus(rho) * torch.randn_like(mean)


def _divergence(mean: Tensor, rho: Tensor, prior: float) -> Tensor:
    deviation = nn.functional.softplus(rho)
    terms = (deviation.square() + mean.square()) / (2 * prior**2) - torch.log(deviation / prior) - 0.5
    return terms.flatten(1).sum(dim=1)
