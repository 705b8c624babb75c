"""From noise to architectures: the reverse of the noise process, with or without a guide.

Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations", ICLR 2021: predictor-corrector
(algorithm 1 with Langevin steps of algorithm 4/5), Euler-Maruyama of the reverse SDE (equation 6) and the probability
flow ODE (equation 13), by Heun's method.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from predictors.arch import ArchGraph
from predictors.errors import unknown_name
from proxybench.generation.codec import taken
from proxybench.generation.model import DiffusionModel

METHODS = ("pc", "em", "ode")
Gradient = Callable[[Tensor, Tensor], Tensor]
"""A guide's function of x float32[n, nodes, width] and t float32[n]: a gradient of x's shape, added to the score."""


@dataclass(frozen=True)
class Sampler:
    """How noise becomes architectures.

    Attributes:
        method: "pc", "em" or "ode".
        steps: number of time steps; 1,000 as published, a tenth of that is enough for small spaces.
        snr: signal-to-noise ratio of the corrector's steps.
        corrections: Langevin steps after each step of "pc".
        batch: number of architectures sampled at a time.
    """

    method: str = "pc"
    steps: int = 100
    snr: float = 0.16
    corrections: int = 1
    batch: int = 1000

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown_name("sampling method", self.method, METHODS)
        if self.steps < 2 or self.batch < 1 or self.corrections < 0 or self.snr <= 0:
            raise ValueError(f"a sampler needs at least two steps, batches of at least one and a positive snr: {self}")


@dataclass(frozen=True)
class Samples:
    """Results of sampling.

    Attributes:
        archs: the architecture of each sample, None if it is not an architecture of the space.
        tensors: the tensors from which they were decoded, float32[n, nodes, width].
        seconds: total wall time.
    """

    archs: list[ArchGraph | None]
    tensors: Tensor
    seconds: float

    @property
    def valid(self) -> list[ArchGraph]:
        """The samples that are architectures of the space."""
        return [arch for arch in self.archs if arch is not None]


def sample(
    model: DiffusionModel, n: int, seed: int = 0, sampler: Sampler | None = None, guide: Gradient | None = None
) -> Samples:
    """Draw `n` samples; equal seeds give equal samples.

    Args:
        model: diffusion model of a space.
        n: number of samples, including invalid and repeated ones.
        seed: seed of the noise.
        sampler: sampling method; `Sampler()` by default.
        guide: gradient added to the score, see `guidance.guided`.
    """
    sampler = sampler or Sampler()
    generator = torch.Generator().manual_seed(seed)
    begun = time.perf_counter()
    parts = [
        run(model, min(sampler.batch, n - start), sampler, generator, guide) for start in range(0, n, sampler.batch)
    ]
    tensors = torch.cat(parts) if parts else torch.empty(0, model.layout.nodes, model.layout.width)
    space = model.space
    archs = [taken(graph, space) for graph in model.layout.quantise(tensors)]
    return Samples(archs, tensors, time.perf_counter() - begun)


@torch.no_grad()
def run(
    model: DiffusionModel, n: int, sampler: Sampler, generator: torch.Generator, guide: Gradient | None = None
) -> Tensor:
    """Denoised tensors, float32[n, nodes, width]."""
    reverse = _Reverse(model, sampler, generator, guide)
    x = reverse.prior(n)
    times = model.sde.times(sampler.steps).tolist()
    for begin, end in itertools.pairwise(times):
        if sampler.method == "ode":
            x = reverse.heun(x, begin, end)
            continue
        x = reverse.euler_maruyama(x, begin, end)
        if sampler.method == "pc":
            for _ in range(sampler.corrections):
                x = reverse.langevin(x, end)
    return model.denoised(x, torch.full((n,), times[-1]))


class _Reverse:
    """The steps of the reverse process; times are numbers, equal for all samples."""

    def __init__(
        self, model: DiffusionModel, sampler: Sampler, generator: torch.Generator, guide: Gradient | None
    ) -> None:
        self.model, self.sampler, self.generator, self.guide = model, sampler, generator, guide
        self.diffused = model.layout.diffused

    def prior(self, n: int) -> Tensor:
        return self._noise(n) * self.model.sde.prior_deviation() + self.model.layout.known

    def _noise(self, n: int) -> Tensor:
        shape = (n, self.model.layout.nodes, self.model.layout.width)
        return torch.randn(shape, generator=self.generator) * self.diffused

    def _score(self, x: Tensor, t: Tensor) -> Tensor:
        score = self.model.score(x, t)
        return score if self.guide is None else score + self.guide(x, t) * self.diffused

    def _slope(self, x: Tensor, at: float, share: float) -> Tensor:
        """The drift minus `share` * diffusion^2 * score: 1 for the reverse SDE, 1/2 for the probability flow."""
        t = torch.full((len(x),), at)
        sde = self.model.sde
        drift = sde.drift(t)[:, None, None] * x * self.diffused
        slope: Tensor = drift - share * sde.diffusion(t)[:, None, None] ** 2 * self._score(x, t)
        return slope

    def euler_maruyama(self, x: Tensor, begin: float, end: float) -> Tensor:
        spread = float(self.model.sde.diffusion(torch.tensor([begin]))) * (begin - end) ** 0.5
        moved: Tensor = x - (begin - end) * self._slope(x, begin, 1.0) + spread * self._noise(len(x))
        return moved

    def heun(self, x: Tensor, begin: float, end: float) -> Tensor:
        first = self._slope(x, begin, 0.5)
        second = self._slope(x - (begin - end) * first, end, 0.5)
        moved: Tensor = x - (begin - end) * (first + second) / 2
        return moved

    def langevin(self, x: Tensor, at: float) -> Tensor:
        t = torch.full((len(x),), at)
        score, noise = self._score(x, t), self._noise(len(x))
        ratio = noise.flatten(1).norm(dim=1).mean() / score.flatten(1).norm(dim=1).mean().clamp(min=1e-12)
        scale = float(self.model.sde.langevin_scale(t[:1], self.sampler.steps))
        step = 2 * scale * (self.sampler.snr * ratio) ** 2
        moved: Tensor = x + step * score + (2 * step).sqrt() * noise
        return moved
