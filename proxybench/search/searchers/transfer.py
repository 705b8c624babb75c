"""Search that learns from other data sets of the space, with candidates generated under that guidance.

An, Lee et al., "DiffusionNAG", ICLR 2024, "transferable NAS": a meta-predictor trained on other data sets guides the
samples and orders them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from proxybench.generation.guidance import Aim, guided
from proxybench.generation.meta import PROPERTY, MetaPredictor, fit_meta
from proxybench.generation.sampling import Sampler
from proxybench.search.core.base import Query
from proxybench.search.core.problem import Floats, InvalidProblem, Problem
from proxybench.search.parts.proposals import SEEDS, Proposals, generator_of

SOURCE = "source:"
"""Prefix of columns with the candidates' values on other data sets."""
_WIDER = 4.0  # factor on the requested share, if the last samples contained nothing new


class TransferSearch:
    """Queries candidates generated under guidance of a meta-predictor of other data sets, in order of its predictions.

    As in the paper, nothing is learned from the answers. Once all generated candidates have been queried, the guide's
    target fraction is enlarged; candidates that were never generated come last.

    Args:
        problem: the population to search; its columns `source:DATASET` hold the candidates' values on other data
            sets, larger is better, NaN if unknown. See `with_sources`.
        rng: source of randomness.
        budget: not used.
        weights: relevance of each data set for this one, from `generation.meta.alike`; None for equal weights.
        generated: False orders all candidates by the meta-predictor, without generating any.
        generator, learn, samples, times, share, scale: as in `DiffusionSearch`.
        steps: training steps of the meta-predictor.

    Raises:
        InvalidProblem: if the problem has no `source:` columns.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        weights: Mapping[str, float] | None = None,
        generated: bool = True,
        generator: str | None = None,
        learn: int = 400,
        samples: int = 768,
        times: int = 30,
        steps: int = 1000,
        share: float = 0.01,
        scale: float = 4.0,
    ) -> None:
        if not _sources(problem):
            raise InvalidProblem(f"{problem.name} has no column called {SOURCE}DATASET to learn from; see with_sources")
        self._rng, self._samples, self._share, self._scale = rng, samples, share, scale
        self._proposals = Proposals(problem, generator, learn, Sampler("em", times)) if generated else None
        meta = problem.cached(_meta, generator, learn, steps, int(rng.integers(SEEDS)))
        self._guide = meta.guide(weights)
        self._worth: Floats = self._guide.predict(list(problem.archs))[PROPERTY]
        self._unseen = np.ones(len(problem), dtype=bool)
        self._queue: list[int] = []

    def ask(self) -> Query | None:
        while not self._queue:
            if not self._unseen.any():
                return None
            self._queue = self._next()
        candidate = self._queue.pop()
        self._unseen[candidate] = False
        return Query(candidate)

    def tell(self, query: Query, value: float) -> None:
        pass

    def _next(self) -> list[int]:
        """New candidates, with the highest prediction last."""
        if self._proposals is None or self._share >= 1:
            drawn = np.flatnonzero(self._unseen)
        else:
            gradient = guided(self._guide, Aim(PROPERTY, "above", share=self._share), self._scale)
            drawn = self._proposals.draw(self._samples, self._rng, gradient, self._unseen)
            self._share *= _WIDER
        return list(drawn[np.argsort(self._worth[drawn], kind="stable")].tolist())


def with_sources(problem: Problem, sources: dict[str, Floats]) -> Problem:
    """The same problem, with candidates identified by the space's digest, plus their values on other data sets.

    Args:
        problem: a problem on one data set.
        sources: values on other data sets by name, float64[n], larger is better; NaN if unknown.

    Raises:
        InvalidProblem: if the values have another length.
    """
    return Problem(
        problem.space,
        problem.archs,
        problem.answers,
        reported=problem.reported,
        columns=problem.columns | {SOURCE + name: values for name, values in sources.items()},
        seconds=problem.seconds,
        rows=problem.rows,
        name=problem.name,
    )


def _sources(problem: Problem) -> dict[str, Floats]:
    return {name.removeprefix(SOURCE): v for name, v in problem.columns.items() if name.startswith(SOURCE)}


def _meta(problem: Problem, generator: str | None, learn: int, steps: int, seed: int) -> MetaPredictor:
    """Shared by searches with one seed that differ only in weights, or in whether they generate."""
    model = problem.cached(generator_of, generator, learn)
    return fit_meta(model, list(problem.archs), _sources(problem), steps=steps, seed=seed)
