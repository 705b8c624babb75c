"""The front door: so many different valid architectures, guided or not, and the best of them by a predictor."""

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

_FEWEST = 16  # samples of a round


@dataclass(frozen=True)
class Generated:
    """Different architectures in the order in which they came.

    Attributes:
        archs: fewer than asked for where the rounds did not give so many.
        drawn: samples that it took.
        invalid: of them, those that are no architecture of the space.
        repeated: of them, those that were there already or are excluded.
        refused: of them, those that `accept` did not take.
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
    """`n` different architectures of the space; samples that are invalid or repeated are drawn anew.

    Args:
        model: of the space.
        n: how many.
        seed: of the noise; equal seeds give equal architectures.
        sampler: how; by default `Sampler()`.
        guide: see `guidance.guided`.
        key: two architectures of one key are the same; the space's text by default. Give `model.space.digest` to take
            isomorphic ones for the same.
        exclude: keys of architectures that are not wanted, such as those known.
        accept: whether each of some architectures will do, such as by what a noise-free predictor says.
        rounds: times that samples are drawn at most; each draws as many as the round before lets expect to be needed.
        on_progress: told the number of architectures so far, after each round.

    Raises:
        ProxybenchError: for n below 0.
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
    """The `n` architectures of the highest scores, such as the answers of a noise-free predictor; ties in order.

    Raises:
        ProxybenchError: when there is not one score for each.
    """
    values = as_floats(scores, "scores")
    if values.shape != (len(archs),):
        raise ProxybenchError(f"{values.shape} scores for {len(archs)} architectures")
    return [archs[row] for row in np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:n].tolist()]
