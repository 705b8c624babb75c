"""Architecture-level scores of a task, the data of scatter plots and correlation maps.

One JSON file per task, `TASK.scores.json`: {"format": 1, "task", "size", "target": [...], "archs": [...] or null,
"methods": {name: [value or null, ...]}, "spearman": {"names": [...], "matrix": [[...]]}}. Values are of at most
MOST_POINTS architectures, evenly spaced by target; the matrix uses all of them. Scores of published tables must not be
committed, so the files belong in a folder that is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from proxybench.errors import CorruptData
from proxybench.files import replace_file

MOST_POINTS = 1000
SUFFIX = ".scores.json"
Value = float | None


class Correlations(msgspec.Struct, frozen=True):
    """Spearman's rho of the target and every method with each other, over the architectures that both scored.

    `names` begins with the target; null where undefined.
    """

    names: list[str]
    matrix: list[list[Value]]


class TaskScores(msgspec.Struct, frozen=True):
    """Scores of the methods of a task; `size` is the number of architectures before downsampling."""

    task: str
    size: int
    target: list[Value]
    methods: dict[str, list[Value]]
    spearman: Correlations
    archs: list[str] | None = None
    format: int = 1


def write_scores(
    folder: Path,
    task: str,
    target: ArrayLike,
    methods: Mapping[str, ArrayLike],
    archs: Sequence[str] | None = None,
) -> Path:
    """Write the scores of a task to `folder`, replacing an earlier file, and return the path.

    Args:
        folder: created if it does not exist.
        task: its name.
        target: n values that the methods predict, larger is better.
        methods: n scores by method, NaN if a method gave no score.
        archs: n texts, shown with each point.

    Raises:
        ValueError: unless all have n values.
    """
    truth = np.asarray(target, dtype=np.float64)
    columns = {name: np.asarray(methods[name], dtype=np.float64) for name in sorted(methods)}
    if any(column.shape != truth.shape for column in columns.values()) or (
        archs is not None and len(archs) != len(truth)
    ):
        raise ValueError(f"the methods and architectures of {task} need one value for each of its {len(truth)} targets")
    rows = evenly_spaced(truth, MOST_POINTS)
    scores = TaskScores(
        task=task,
        size=len(truth),
        target=_values(truth[rows]),
        methods={name: _values(column[rows]) for name, column in columns.items()},
        spearman=_correlations(truth, columns),
        archs=None if archs is None else [archs[row] for row in rows],
    )
    return replace_file(folder / f"{task}{SUFFIX}", msgspec.json.encode(scores, order="sorted") + b"\n")


def read_scores(paths: Iterable[Path]) -> dict[str, TaskScores]:
    """Scores by task name.

    Raises:
        CorruptData: for a file that is not in the format, or two of one task.
    """
    found: dict[str, TaskScores] = {}
    for path in sorted(paths):
        try:
            scores = msgspec.json.decode(path.read_bytes(), type=TaskScores)
        except msgspec.MsgspecError as error:
            raise CorruptData(f"{path} holds no scores: {error}; write it again or remove it") from error
        lengths = {len(values) for values in (scores.target, scores.archs or scores.target, *scores.methods.values())}
        names = len(scores.spearman.names)
        if len(lengths) > 1 or [len(row) for row in scores.spearman.matrix] != [names] * names:
            raise CorruptData(f"{path} has columns of different lengths; write it again or remove it")
        if scores.task in found:
            raise CorruptData(f"{path} is a second file of scores of {scores.task}; remove one")
        found[scores.task] = scores
    return found


def evenly_spaced(target: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Rows of at most `most` finite targets, spaced evenly from the lowest to the highest, in their own order."""
    finite = np.flatnonzero(np.isfinite(target))
    order = finite[np.argsort(target[finite], kind="stable")]
    if len(order) > most:
        order = order[np.linspace(0, len(order) - 1, most).round().astype(np.int64)]
    return np.sort(order).astype(np.int64)


def _correlations(target: NDArray[np.float64], columns: Mapping[str, NDArray[np.float64]]) -> Correlations:
    from proxybench.ranking.correlation import spearman

    values = [target, *columns.values()]
    matrix = np.eye(len(values))
    for row, first in enumerate(values):
        for column, second in enumerate(values[:row]):
            matrix[row, column] = matrix[column, row] = spearman(first, second)
    return Correlations(["target", *columns], [_values(row, 4) for row in matrix])


def _values(column: NDArray[np.float64], digits: int = 6) -> list[Value]:
    """Values to some significant digits; None for what is not finite."""
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in column.tolist()]
