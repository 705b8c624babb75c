"""Candidates of a search proposed by the diffusion model of its space.

A generated architecture that is in the population, or isomorphic to one, is mapped to that candidate. Any other one,
common if a table covers a small part of its space, is mapped to the most similar candidate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from predictors.arch import ArchGraph
from predictors.errors import UnknownName
from proxybench.errors import DataNotAvailable
from proxybench.generation.codec import taken
from proxybench.generation.model import DiffusionModel, load_generator
from proxybench.generation.network import Architecture
from proxybench.generation.sampling import Gradient, Sampler, run
from proxybench.generation.training import Settings, train_generator
from proxybench.search.core.problem import Problem

SEEDS = 2**31
_SMALL = Architecture(layers=2, width=32, heads=4, feedforward=64)  # of a model trained for one search only


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
        self.model: DiffusionModel = problem.cached(generator_of, generator, learn)
        self._problem = problem
        self._sampler = sampler

    def draw(
        self, n: int, rng: np.random.Generator, gradient: Gradient | None, unseen: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """The distinct unseen candidates for `n` samples, in their order."""
        noise = torch.Generator().manual_seed(int(rng.integers(SEEDS)))
        graphs = self.model.layout.quantise(run(self.model, n, self._sampler, noise, gradient))
        archs = [arch for graph in graphs if (arch := taken(graph, self._problem.space)) is not None]
        texts, digests = self._problem.cached(candidates_by_name)
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
        known = self._problem.cached(_tensors, self.model)[places]
        distance = rows.sum(dim=1)[:, None] + known.sum(dim=1) - 2 * rows @ known.T
        return list(places[distance.argmin(dim=1).numpy()].tolist())


def generator_of(problem: Problem, generator: str | None, learn: int) -> DiffusionModel:
    """The model in the file, the one that comes with the project for the space, or one trained on the candidates."""
    if generator is not None:
        return load_generator(generator)
    try:
        return load_generator(problem.space.name)
    except (DataNotAvailable, UnknownName):
        settings = Settings(_SMALL, steps=learn, batch=128, rate=5e-3, warmup=min(50, learn), average=0.98)
        return train_generator(list(problem.archs), settings)


def candidates_by_name(problem: Problem) -> tuple[dict[str, int], dict[str, int]]:
    """The candidate of each text, and of each digest (the first)."""
    space, last_first = problem.space, list(enumerate(problem.archs))[::-1]
    texts = {space.format(arch): place for place, arch in last_first}
    return texts, {space.digest(arch): place for place, arch in last_first}


def _tensors(problem: Problem, model: DiffusionModel) -> torch.Tensor:
    """The candidates as rows of 0 and 1, float32[n, nodes * width]."""
    return model.clean(problem.archs).flatten(1)
