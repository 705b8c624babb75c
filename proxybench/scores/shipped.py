"""Scores computed by this project and shipped with it: one or two sweep files per space."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from proxybench.errors import DataNotAvailable
from proxybench.resources import data_path
from proxybench.scores.score_file import SweepScores, read_scores

FILE = "tables/{space}-proxies.parquet"
BROAD = "tables/{space}-proxies-broad.parquet"  # some of the proxies for more architectures, with the same setting
FULL_SIZE = "tables/{space}-proxies-full-size.parquet"  # a random sample, on images of the benchmark's own size


def shipped_files(space: str) -> list[Path]:
    """The files of a space that come with the project, if any; the one with all proxies comes first."""
    paths = [Path(data_path(name.format(space=space))) for name in (FILE, BROAD)]
    return [path for path in paths if path.is_file()]


@cache
def shipped_sweeps(space: str) -> tuple[SweepScores, ...]:
    """The content of the files, in order. If two files have a proxy, the later has it for more architectures.

    Raises:
        DataNotAvailable: if the space has none; says how to compute them.
        CorruptData: if a file is damaged.
    """
    return tuple(map(read_scores, _required(space)))


def shipped_scores(space: str) -> SweepScores:
    """The shipped scores of `space` by all proxies; the card says how they were computed.

    Raises:
        DataNotAvailable, CorruptData: as `shipped_sweeps` does.
    """
    return shipped_sweeps(space)[0]


def shipped_scores_of(space: str, proxy: str) -> SweepScores:
    """The shipped scores that cover the most architectures with `proxy`; if none has it, those by all proxies.

    Raises:
        DataNotAvailable, CorruptData: as `shipped_sweeps` does.
    """
    sweeps = shipped_sweeps(space)
    return next((scores for scores in reversed(sweeps) if f"proxy:{proxy}" in scores.scores), sweeps[0])


@cache
def full_size_scores(space: str) -> SweepScores | None:
    """The shipped scores of a random sample on images of the benchmark's own size; None if there are none yet.

    Raises:
        CorruptData: if the file is damaged.
    """
    path = Path(data_path(FULL_SIZE.format(space=space)))
    return read_scores(path) if path.is_file() else None


def required_full_size(space: str) -> SweepScores:
    """The shipped scores at the benchmark's own size.

    Raises:
        DataNotAvailable: if the space has none; says how to compute them.
        CorruptData: if the file is damaged.
    """
    scores = full_size_scores(space)
    if scores is None:
        raise DataNotAvailable(
            f"no full-size scores of {space} come with the project; compute them with: proxybench compute {space} "
            f"--first 40 --output FOLDER --table {Path(FULL_SIZE.format(space=space)).name}, and put the file in "
            "data/tables"
        )
    return scores


@cache
def full_size_digest(space: str) -> str:
    """The SHA-256 digest of the file of full-size scores. Raises DataNotAvailable if the space has none."""
    required_full_size(space)
    return hashlib.sha256(Path(data_path(FULL_SIZE.format(space=space))).read_bytes()).hexdigest()


@cache
def shipped_digest(space: str) -> str:
    """The SHA-256 digests of the files, as text. Raises DataNotAvailable like `shipped_sweeps`."""
    return " ".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in _required(space))


def _required(space: str) -> list[Path]:
    files = shipped_files(space)
    if not files:
        raise DataNotAvailable(
            f"no scores of {space} come with the project; compute them with: proxybench compute {space} --table FILE"
        )
    return files
