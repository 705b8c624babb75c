"""The main entry point: generate n different valid architectures, guided or not, and select the best of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from predictors.arch import ArchGraph
from predictors.inputs import as_floats
from proxybench.errors import ProxybenchError
from proxybench.generation.model import DiffusionModel
from proxybench.generation.sampling import Gradient, Sampler, sample

_FEWEST = 16  # minimum number of samples per round


@dataclass(frozen=True)
class Generated:
    """Different architectures in the order in which they were generated.

    Attributes:
        archs: the architectures; fewer than requested if the rounds did not yield enough.
        drawn: number of samples drawn.
        invalid: number of samples that are not architectures of the space.
        repeated: number of samples that are repeated or excluded.
        refused: number of samples rejected by `accept`.
        seconds: wall time.
    """

    archs: list[ArchGraph]
    drawn: int
    invalid: int
    repeated: int
    refused: int
    seconds: float


def generate(
    model: DiffusionModel,
    n: int,
    *,
    seed: int = 0,
    sampler: Sampler | None = None,
    guide: Gradient | None = None,
    key: Callable[[ArchGraph], str] | None = None,
    exclude: Collection[str] = (),
    accept: Callable[[Sequence[ArchGraph]], Sequence[bool]] | None = None,
    rounds: int = 10,
    on_progress: Callable[[int], None] | None = None,
) -> Generated:
    """Generate `n` different architectures of the space; invalid or repeated samples are drawn again.

    Args:
        model: diffusion model of the space.
        n: number of architectures.
        seed: seed of the noise; equal seeds give equal architectures.
        sampler: sampling method; `Sampler()` by default.
        guide: see `guidance.guided`.
        key: architectures with equal keys count as the same; by default the space's text. Use `model.space.digest` to
            treat isomorphic architectures as the same.
        exclude: keys of unwanted architectures, such as known ones.
        accept: decides for each architecture of a sequence whether to keep it, for example with a noise-free predictor.
        rounds: maximum number of sampling rounds; the yield of each round determines the size of the next.
        on_progress: called after each round with the number of architectures so far.

    Raises:
        ProxybenchError: if n is negative.
    """
    if n < 0:
        raise ProxybenchError(f"{n} architectures cannot be generated")
    sampler, key = sampler or Sampler(), key or model.space.format
    begun, found = time.perf_counter(), dict[str, ArchGraph]()
    known = set(exclude)
    drawn = invalid = repeated = refused = 0
    for number in range(rounds):
        if len(found) >= n:
            break
        rate = max(len(found) / drawn, 0.1) if drawn else 1.0
        count = min(max(round(1.1 * (n - len(found)) / rate), _FEWEST), 10 * sampler.batch)
        samples = sample(model, count, seed * 1000 + number, replace(sampler, batch=min(sampler.batch, count)), guide)
        drawn += count
        invalid += count - len(samples.valid)
        new = {}
        for arch in samples.valid:
            name = key(arch)
            repeated += name in known
            if name not in known:
                known.add(name)
                new[name] = arch
        taken = [True] * len(new) if accept is None or not new else accept(list(new.values()))
        refused += len(new) - sum(map(bool, taken))
        found |= {name: arch for (name, arch), will_do in zip(new.items(), taken, strict=True) if will_do}
        if on_progress is not None:
            on_progress(min(n, len(found)))
    return Generated(list(found.values())[:n], drawn, invalid, repeated, refused, time.perf_counter() - begun)


def best_of(archs: Sequence[ArchGraph], scores: ArrayLike, n: int) -> list[ArchGraph]:
    """The `n` architectures with the highest scores, such as those of a noise-free predictor; ties keep their order.

    Raises:
        ProxybenchError: if there is not one score for each architecture.
    """
    values = as_floats(scores, "scores")
    if values.shape != (len(archs),):
        raise ProxybenchError(f"{values.shape} scores for {len(archs)} architectures; they need one score each")
    return [archs[row] for row in np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:n].tolist()]
