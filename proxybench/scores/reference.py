"""The percentile that a score would have among the networks of a shipped population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from proxybench.errors import DataNotAvailable
from proxybench.grammar import format_arguments
from proxybench.proxies import PROXIES
from proxybench.scores.score_file import SweepScores
from proxybench.scores.shipped import full_size_scores, shipped_sweeps

BY_DEFAULT = "nasbench201"


@dataclass(frozen=True)
class Reference:
    """Scores of a population of networks by the proxies of this project.

    Attributes:
        name: the search space.
        scores: their scores.
    """

    name: str
    scores: SweepScores

    @property
    def size(self) -> int:
        """Number of networks."""
        return len(self.scores.digests)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the batch that they were scored on: images, channels, height, width."""
        return tuple(self.scores.setting["images"]["shape"])

    def percentiles(self, values: Mapping[str, float], shape: Sequence[int]) -> dict[str, float]:
        """By proxy, the percentage of networks that the score exceeds, ties counting half.

        NaN if the score is NaN, if the population was not scored by the proxy, or if its batch had another shape and
        the proxy depends on it.

        Args:
            values: proxy name to score.
            shape: of the batch that the scores were computed with.
        """
        from scipy.stats import percentileofscore

        comparable = tuple(shape) == self.shape
        found = {}
        for name, value in values.items():
            column = f"proxy:{name}"
            if column not in self.scores.scores or not (comparable or PROXIES[name].any_images):
                found[name] = np.nan
                continue
            population = self.scores.scores[column].to_numpy(np.float64)
            found[name] = float(percentileofscore(population, value, kind="mean", nan_policy="omit"))
        return found

    def describe(self, shape: Sequence[int]) -> str:
        """A sentence about the population, and why percentiles are missing if its batch had another shape."""
        options = format_arguments(self.scores.setting["network"])
        population = f"{self.size:,} networks of {self.name}{options and f' ({options})'}"
        said = f"Percentiles are among {population}, scored on {_batch(self.shape)}."
        if tuple(shape) == self.shape:
            return said
        return f"{said} This network was scored on {_batch(shape)}, so most percentiles cannot be given."


def reference(space: str, shape: Sequence[int]) -> Reference:
    """The shipped population of a space, scored on a batch of the given shape if there is a choice.

    Raises:
        DataNotAvailable: if no scores of the space come with the project.
        CorruptData: if their file is damaged.
    """
    full_size = full_size_scores(space)
    sweeps = [*shipped_sweeps(space)[:1], *([] if full_size is None else [full_size])]
    populations = [Reference(space, scores) for scores in sweeps]
    return next((one for one in populations if one.shape == tuple(shape)), populations[0])


def percentiles(scores: Mapping[str, float], shape: Sequence[int], among: str = BY_DEFAULT) -> dict[str, float]:
    """The percentile that each score of a network would have among the networks of a shipped population.

    The percentile is the percentage of networks with a lower score, ties counting half; larger is better. It is NaN
    where it would mean nothing: the score is NaN, or the population was scored on a batch of another shape.

    Args:
        scores: proxy name to score, as `proxybench.score` returns.
        shape: of the images that were passed to `proxybench.score`, (n, channels, height, width).
        among: a search space whose scores come with the project.

    Raises:
        DataNotAvailable: if no scores of the space come with the project.
    """
    return reference(among, shape).percentiles(scores, shape)


def reference_or_none(space: str, shape: Sequence[int]) -> Reference | None:
    """Like `reference`, but None if no scores of the space come with the project."""
    try:
        return reference(space, shape)
    except DataNotAvailable:
        return None


def _batch(shape: Sequence[int]) -> str:
    count, *sizes = shape
    if len(sizes) == 1:
        return f"{count} texts of {sizes[0]} tokens"
    return f"{count} images of {' x '.join(map(str, sizes))}"
