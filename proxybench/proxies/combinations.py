"""Combinations of proxies over a population: scores computed from ranks, undefined for a single network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from predictors.errors import unknown_name
from predictors.inputs import aligned
from predictors.ranks import dense_ranks, mean_ranks

__all__ = ["COMBINATIONS", "Combination", "combine"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Combination:
    """A score of an architecture relative to a population.

    Attributes:
        parts: names of the combined proxies.
        score: maps float64[n, parts] without NaN to float64[n]; larger is better.
        source: the publication that defines it.
        formula: the definition in one line; the rank of the worst is 1.
    """

    parts: tuple[str, ...]
    score: Callable[[Floats], Floats]
    source: str
    formula: str


def _log_ranks(values: Floats) -> Floats:
    ranks = np.column_stack([mean_ranks(part) for part in values.T])
    summed: Floats = np.log(ranks / len(values)).sum(axis=1)
    return summed


def _dense_ranks(values: Floats) -> Floats:
    ranks = np.column_stack([dense_ranks(part) for part in values.T])
    summed: Floats = ranks.sum(axis=1).astype(np.float64)
    return summed


COMBINATIONS: dict[str, Combination] = {
    "az_nas": Combination(
        ("az_expressivity", "az_progressivity", "az_trainability", "az_complexity"),
        _log_ranks,
        source="Lee and Ham, AZ-NAS, CVPR 2024",
        formula="sum over parts of log(rank / n), equal values share their mean rank",
    ),
    "te_nas": Combination(
        ("ntk_cond", "linear_regions"),
        _dense_ranks,
        source="Chen, Gong and Wang, TE-NAS, ICLR 2021",
        formula="sum over parts of the rank; equal values share a rank, the next value has the next",
    ),
    "vkdnw_agg": Combination(
        ("vkdnw", "jacov", "az_expressivity", "az_trainability", "az_complexity"),
        _log_ranks,
        source="Tybl and Neumann, VKDNW, CVPR 2025, section 4",
        formula="sum over parts of log(rank / n), equal values share their mean rank",
    ),
}


def combine(name: str, columns: Mapping[str, ArrayLike]) -> Floats:
    """Scores of the combination `name` for a population of n architectures, float64[n]; larger is better.

    An architecture with NaN in one of the parts gets NaN, and the others are ranked without it. The score depends on
    the population: it changes when architectures are added or removed.

    Args:
        name: one of COMBINATIONS.
        columns: proxy name to its values, float[n], larger is better; columns that are not parts are ignored.

    Raises:
        UnknownName: if the name is not in COMBINATIONS.
        ValueError: if a part is missing, if columns are not vectors of one length or not real numbers, or if their
            pandas indices differ.
    """
    if name not in COMBINATIONS:
        raise unknown_name("combination", name, COMBINATIONS)
    combination = COMBINATIONS[name]
    missing = [part for part in combination.parts if part not in columns]
    if missing:
        raise ValueError(f"combination {name!r} needs the columns {', '.join(missing)}; compute these proxies first")
    parts = aligned(**{part: columns[part] for part in combination.parts})
    if any(part.ndim != 1 or part.shape != parts[0].shape for part in parts):
        shapes = ", ".join(f"{part} {values.shape}" for part, values in zip(combination.parts, parts, strict=True))
        raise ValueError(f"the columns of combination {name!r} must be vectors of one length, not {shapes}")
    values = np.column_stack(parts)
    complete = ~np.isnan(values).any(axis=1)
    scores = np.full(len(values), np.nan)
    if complete.any():
        scores[complete] = combination.score(values[complete])
    return scores
