"""Scores that this project computed itself and ships: one file of a sweep for a space."""

from __future__ import annotations

from functools import cache

from proxybench.compute.scores import SweepScores, read_scores
from proxybench.errors import DataNotAvailable
from proxybench.resources import data_path

FILE = "tables/{space}-proxies.parquet"


@cache
def shipped_scores(space: str) -> SweepScores:
    """The scores of architectures of `space` that come with the project; its card says how they were computed.

    Raises:
        DataNotAvailable: for a space without; says how to compute them.
        CorruptData: for a file that is damaged.
    """
    try:
        return read_scores(data_path(FILE.format(space=space)))
    except FileNotFoundError:
        raise DataNotAvailable(
            f"no scores of {space} come with the project; compute them with: proxybench compute {space} --table FILE"
        ) from None
