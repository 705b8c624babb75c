"""Searchers whose proposals come from the diffusion model of a space, guided by a predictor.

An, Lee et al., "DiffusionNAG", ICLR 2024: "BO-based NAS", where an acquisition function chooses among guided samples,
and "transferable NAS", where a meta-predictor trained on other data sets guides and orders them.

A generated architecture that is in the population, or isomorphic to one, is mapped to that candidate. Any other one,
common if a table covers a small part of its space, is mapped to the most similar candidate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from predictors.arch import ArchGraph
from predictors.errors import UnknownName
from proxybench.errors import DataNotAvailable
from proxybench.generation.codec import taken
from proxybench.generation.guidance import Aim, fit_guide, guided
from proxybench.generation.meta import PROPERTY, MetaPredictor, fit_meta
from proxybench.generation.model import DiffusionModel, load_generator
from proxybench.generation.network import Architecture
from proxybench.generation.sampling import Gradient, Sampler, run
from proxybench.generation.training import Settings, train_generator
from proxybench.search.base import Query
from proxybench.search.model_guided import ModelGuided
from proxybench.search.problem import Floats, InvalidProblem, Problem

SOURCE = "source:"
"""Prefix of columns with the candidates' values on other data sets."""
_SMALL = Architecture(layers=2, width=32, heads=4, feedforward=64)  # of a model trained for one search only
_WIDER = 4.0  # factor on the requested share, if the last samples contained nothing new
_SEEDS = 2**31


class Proposals:
    """Candidates of a problem from samples of the diffusion model.

    Args:
        problem: the problem with the candidates.
        generator: file of a trained model. By default the one that comes with the project for the space, otherwise
            a small one, trained on the graphs of the candidates, once for all searches on the problem.
        learn: steps of that training.
        sampler: how noise becomes architectures.
    """

    def __init__(self, problem: Problem, generator: str | None, learn: int, sampler: Sampler) -> None:
        self.model: DiffusionModel = problem.once(_model, generator, learn)
        self._problem = problem
        self._sampler = sampler

    def draw(
        self, n: int, rng: np.random.Generator, gradient: Gradient | None, unseen: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """The distinct unseen candidates for `n` samples, in their order."""
        noise = torch.Generator().manual_seed(int(rng.integers(_SEEDS)))
        graphs = self.model.layout.quantise(run(self.model, n, self._sampler, noise, gradient))
        archs = [arch for graph in graphs if (arch := taken(graph, self._problem.space)) is not None]
        texts, digests = self._problem.once(_numbers)
        found, unknown = list[int](), list[ArchGraph]()
        for arch in archs:
            place = texts.get(self._problem.space.format(arch))
            place = digests.get(self._problem.space.digest(arch)) if place is None else place
            if place is None:
                unknown.append(arch)
            else:
                found.append(place)
        found += self._nearest(unknown, unseen)
        return np.array([place for place in dict.fromkeys(found) if unseen[place]], dtype=np.int64)

    def _nearest(self, archs: Sequence[ArchGraph], unseen: NDArray[np.bool_]) -> list[int]:
        """For each, the unseen candidate that differs in the fewest labels and edges; the first among equals."""
        places = np.flatnonzero(unseen)
        if not archs or not len(places):
            return []
        rows = self.model.clean(archs).flatten(1)
        known = self._problem.once(_tensors, self.model)[places]
        distance = rows.sum(dim=1)[:, None] + known.sum(dim=1) - 2 * rows @ known.T
        return list(places[distance.argmin(dim=1).numpy()].tolist())


class DiffusionSearch(ModelGuided):
    """BANANAS's loop, with guided samples instead of the random part of its pool.

    A predictor is fitted to the answers and applied to many candidates; a noise-aware guide is trained on its
    predictions and guides samples to the best of them; the acquisition function chooses among these and, as in the
    other loops here, the neighbours of the best so far. The answers are the only results used from the table; the
    candidates are known by their graphs.

    Args:
        problem: the population to search.
        rng: source of randomness.
        budget: full trainings of the run; a quarter of it is random unless `start` says otherwise.
        predictor, acquisition, ensemble, start, warm: as in `ModelGuided`.
        every: queries between fits of the predictor.
        anew: queries between generations; by default an eighth of the budget, but at least ten.
        near: whether neighbours of the best so far are included; False uses only generated candidates, as in the
            paper.
        generator: file of a trained model, see `Proposals`.
        learn: training steps of a model if there is none.
        samples: samples drawn from the model in each step.
        times: time steps of a sample.
        labelled: maximum number of candidates whose predictions the guide is trained on.
        steps: training steps of the guide.
        share: the guide aims for the best fraction of this size.
        scale: scale of its gradient.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        predictor: Any = None,
        acquisition: str = "thompson",
        ensemble: int = 5,
        start: int | None = None,
        warm: bool = False,
        every: int = 5,
        anew: int | None = None,
        near: bool = True,
        generator: str | None = None,
        learn: int = 400,
        samples: int = 128,
        times: int = 30,
        labelled: int = 2000,
        steps: int = 300,
        share: float = 0.01,
        scale: float = 4.0,
    ) -> None:
        if min(samples, labelled - 1, steps) < 1:
            raise InvalidProblem(f"samples={samples}, steps={steps} must be at least 1, labelled={labelled} at least 2")
        super().__init__(problem, rng, budget, predictor, acquisition, ensemble, start, warm, samples, every)
        self._proposals = Proposals(problem, generator, learn, Sampler("em", times))
        self._samples, self._labelled, self._steps = samples, labelled, steps
        self._aim, self._scale = Aim(PROPERTY, "above", share=share), scale
        self._anew, self._near = max(10, int(budget) // 8) if anew is None else anew, near
        self._due, self._drawn = 0, np.empty(0, dtype=np.int64)

    def _candidates(self) -> NDArray[np.int64]:
        """Generated candidates and neighbours of the best; if too few, the pool of `ModelGuided` is added."""
        unseen = self._unseen()
        if len(self._told) >= self._due or unseen[self._drawn].sum() < self._every:
            self._drawn = self._proposals.draw(self._samples, self._rng, self._gradient(), unseen)
            self._due = len(self._told) + self._anew
        pool = self._drawn[unseen[self._drawn]].tolist()
        if self._near:
            pool += self._near_the_best(unseen)
        if len(pool) < self._every:
            pool += super()._candidates().tolist()
        return np.array(list(dict.fromkeys(pool)), dtype=np.int64)

    def _gradient(self) -> Gradient:
        told, values = self._answers()
        size = min(self._labelled, len(self._problem))
        chosen = self._rng.choice(len(self._problem), size, replace=False)
        mean, _ = self._model.beliefs(told, values, chosen)
        guide = fit_guide(
            self._proposals.model,
            [self._problem.archs[place] for place in chosen.tolist()],
            {PROPERTY: mean},
            hidden=64,
            steps=self._steps,
            batch=min(128, size),
            seed=int(self._rng.integers(_SEEDS)),
        )
        return guided(guide, self._aim, self._scale)


class TransferSearch:
    """Asks candidates generated under guidance of a meta-predictor of other data sets, in order of its predictions.

    As in the paper, nothing is learned from the answers. Once all generated candidates have been asked, the guide's
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
        meta = problem.once(_meta, generator, learn, steps, int(rng.integers(_SEEDS)))
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


def _model(problem: Problem, generator: str | None, learn: int) -> DiffusionModel:
    if generator is not None:
        return load_generator(generator)
    try:
        return load_generator(problem.space.name)
    except (DataNotAvailable, UnknownName):
        settings = Settings(_SMALL, steps=learn, batch=128, rate=5e-3, warmup=min(50, learn), average=0.98)
        return train_generator(list(problem.archs), settings)


def _sources(problem: Problem) -> dict[str, Floats]:
    return {name.removeprefix(SOURCE): v for name, v in problem.columns.items() if name.startswith(SOURCE)}


def _meta(problem: Problem, generator: str | None, learn: int, steps: int, seed: int) -> MetaPredictor:
    """Shared by searches with one seed that differ only in weights, or in whether they generate."""
    model = problem.once(_model, generator, learn)
    return fit_meta(model, list(problem.archs), _sources(problem), steps=steps, seed=seed)


def _numbers(problem: Problem) -> tuple[dict[str, int], dict[str, int]]:
    """The candidate of each text, and of each digest (the first)."""
    space, last_first = problem.space, list(enumerate(problem.archs))[::-1]
    texts = {space.format(arch): place for place, arch in last_first}
    return texts, {space.digest(arch): place for place, arch in last_first}


def _tensors(problem: Problem, model: DiffusionModel) -> torch.Tensor:
    """The candidates as rows of 0 and 1, float32[n, nodes * width]."""
    return model.clean(problem.archs).flatten(1)


__all__ = ["SOURCE", "DiffusionSearch", "Proposals", "TransferSearch", "with_sources"]
