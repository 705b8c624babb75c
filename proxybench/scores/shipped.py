"""Scores that this project computed itself and ships: for a space one file of a sweep, or two."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from proxybench.errors import DataNotAvailable
from proxybench.resources import data_path
from proxybench.scores.score_file import SweepScores, read_scores

FILE = "tables/{space}-proxies.parquet"
BROAD = "tables/{space}-proxies-broad.parquet"  # some of the proxies, of more architectures, in the same setting


def shipped_files(space: str) -> list[Path]:
    """The files of a space that come with the project, the one of all proxies first; none where there are none."""
    paths = [Path(data_path(name.format(space=space))) for name in (FILE, BROAD)]
    return [path for path in paths if path.is_file()]


@cache
def shipped_sweeps(space: str) -> tuple[SweepScores, ...]:
    """What the files hold, in their order. A proxy of two of them is in the later for more architectures.

    Raises:
        DataNotAvailable: for a space without; says how to compute them.
        CorruptData: for a file that is damaged.
    """
    return tuple(map(read_scores, _required(space)))


def shipped_scores(space: str) -> SweepScores:
    """The scores by all proxies of architectures of `space` that come with the project; its card says how computed.

    Raises:
        DataNotAvailable, CorruptData: as `shipped_sweeps` does.
    """
    return shipped_sweeps(space)[0]


def shipped_scores_of(space: str, proxy: str) -> SweepScores:
    """The scores that come with the project with `proxy` for the most architectures; those by all proxies if none has.

    Raises:
        DataNotAvailable, CorruptData: as `shipped_sweeps` does.
    """
    sweeps = shipped_sweeps(space)
    return next((scores for scores in reversed(sweeps) if f"proxy:{proxy}" in scores.scores), sweeps[0])


@cache
def shipped_digest(space: str) -> str:
    """The SHA-256 digests of the files, as text. Raises DataNotAvailable as `shipped_sweeps` does."""
    return " ".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in _required(space))


def _required(space: str) -> list[Path]:
    files = shipped_files(space)
    if not files:
        raise DataNotAvailable(
            f"no scores of {space} come with the project; compute them with: proxybench compute {space} --table FILE"
        )
    return files
