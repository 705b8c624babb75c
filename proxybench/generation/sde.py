"""Noise processes: how an architecture's tensor turns into noise as time goes from 0 to 1, and the reverse.

Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations", ICLR 2021, section 3.4 and
appendix B. All have the form dx = drift(x, t) dt + diffusion(t) dw, with x(t) normal with mean scale(t) x(0) and
standard deviation deviation(t).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from predictors.errors import unknown_name


@dataclass(frozen=True)
class SDE(ABC):
    """A noise process; times are float32[n] in (0, 1]."""

    name: ClassVar[str]
    earliest: ClassVar[float]  # sampling and training stop here, while dividing by the deviation is still safe
    crowding: ClassVar[float] = 1.0  # sampling times are evenly spaced in t^(1 / crowding)

    @abstractmethod
    def scale(self, t: Tensor) -> Tensor:
        """Factor of the clean value, float32[n]."""

    @abstractmethod
    def deviation(self, t: Tensor) -> Tensor:
        """Standard deviation of the noise, float32[n]."""

    @abstractmethod
    def drift(self, t: Tensor) -> Tensor:
        """Factor by which the drift multiplies x, float32[n]."""

    @abstractmethod
    def diffusion(self, t: Tensor) -> Tensor:
        """Coefficient of the noise, float32[n]."""

    def prior_deviation(self) -> float:
        """Standard deviation of the noise from which sampling starts."""
        return 1.0

    def times(self, steps: int) -> Tensor:
        """Sampling times from 1 down to the earliest, float32[steps + 1]."""
        power = self.crowding
        return torch.linspace(1.0, self.earliest ** (1 / power), steps + 1) ** power

    def random_times(self, n: int) -> Tensor:
        """Training times, float32[n], uniform from the earliest to 1, drawn from torch's global generator."""
        return self.earliest + (1 - self.earliest) * torch.rand(n)

    def langevin_scale(self, t: Tensor, steps: int) -> Tensor:
        """Factor of the corrector's step size, float32[n]: 1 - beta / steps if the process has a beta (algorithm 5)."""
        return torch.ones_like(t)


@dataclass(frozen=True)
class VESDE(SDE):
    """Variance exploding: the clean value stays, the noise grows geometrically (equation 30)."""

    low: float = 0.1
    high: float = 5.0
    name: ClassVar[str] = "ve"
    earliest: ClassVar[float] = 1e-5

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise ValueError(f"noise must grow from a value above 0, not from {self.low} to {self.high}")

    def scale(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def deviation(self, t: Tensor) -> Tensor:
        return self.low * (self.high / self.low) ** t

    def drift(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def diffusion(self, t: Tensor) -> Tensor:
        return self.deviation(t) * math.sqrt(2 * math.log(self.high / self.low))

    def prior_deviation(self) -> float:
        return self.high


@dataclass(frozen=True)
class VPSDE(SDE):
    """Variance preserving: the clean value fades as noise comes in (equation 32)."""

    low: float = 0.1
    high: float = 20.0
    name: ClassVar[str] = "vp"
    earliest: ClassVar[float] = 1e-3
    crowding: ClassVar[float] = 2.0  # the deviation falls to 0 with t, and steps must be smaller than it

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise ValueError(f"beta must grow from a value above 0, not from {self.low} to {self.high}")

    def beta(self, t: Tensor) -> Tensor:
        """Rate of change, float32[n]."""
        return self.low + t * (self.high - self.low)

    def scale(self, t: Tensor) -> Tensor:
        return torch.exp(-0.25 * t**2 * (self.high - self.low) - 0.5 * t * self.low)

    def deviation(self, t: Tensor) -> Tensor:
        return torch.sqrt(1 - self.scale(t) ** 2)

    def drift(self, t: Tensor) -> Tensor:
        return -0.5 * self.beta(t)

    def diffusion(self, t: Tensor) -> Tensor:
        return self.beta(t).sqrt()

    def langevin_scale(self, t: Tensor, steps: int) -> Tensor:
        return (1 - self.beta(t) / steps).clamp(min=0.0)


@dataclass(frozen=True)
class SubVPSDE(VPSDE):
    """Sub-VP: like VP with less noise in between (equation 29)."""

    name: ClassVar[str] = "subvp"
    earliest: ClassVar[float] = 1e-2

    def deviation(self, t: Tensor) -> Tensor:
        return 1 - self.scale(t) ** 2

    def diffusion(self, t: Tensor) -> Tensor:
        return torch.sqrt(self.beta(t) * (1 - self.scale(t) ** 4))


KINDS: dict[str, type[VESDE | VPSDE]] = {"ve": VESDE, "vp": VPSDE, "subvp": SubVPSDE}


def make_sde(name: str, **options: float) -> SDE:
    """The process called `name`: ve, vp or subvp, with `low` and `high`. Raises UnknownName for any other name."""
    if name not in KINDS:
        raise unknown_name("noise process", name, KINDS)
    return KINDS[name](**options)


def as_dict(sde: SDE) -> dict[str, Any]:
    """Name and options, from which `from_dict` restores the process."""
    return {"name": sde.name, **asdict(sde)}


def from_dict(described: Mapping[str, Any]) -> SDE:
    """The inverse of `as_dict`."""
    return make_sde(**described)
