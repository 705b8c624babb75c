"""Results of an earlier sweep with the same setting are reused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from proxybench.jobs.chunked_work import ChunkedWork
from proxybench.jobs.work_folder import OtherSetting, begin
from proxybench.scores.score_file import read_scores
from proxybench.sweeps.known import take_over
from proxybench.sweeps.merge import merge

DIGESTS = [f"{number:032x}" for number in range(6)]


def begun(folder: Path, digests: list[str], seed: int = 1) -> ChunkedWork:
    items = pa.table({"digest": digests, "arch": [f"arch {digest[-1]}" for digest in digests]})
    return begin(ChunkedWork(folder, "", {"space": "nasbench201", "seed": seed}, items, chunk=2))


def computed(items: pa.Table, error: str = "") -> pa.Table:
    numbers = [int(digest, 16) for digest in items.column("digest").to_pylist()]
    return (
        items.append_column("error", pa.array([error] * len(numbers)))
        .append_column("unanswered", pa.array(["{}"] * len(numbers)))
        .append_column("proxy:snip", pa.array([float(number) for number in numbers]))
        .append_column("nodes:snip", pa.array([[float(number)] for number in numbers], pa.list_(pa.float64())))
    )


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A table of the architectures 0 to 3."""
    work = begun(tmp_path / "earlier", DIGESTS[:4])
    for number in range(2):
        work.write(number, computed(work.items_of(number)))
    merge(work, tmp_path / "earlier.parquet")
    return tmp_path / "earlier.parquet"


def test_only_what_is_new_remains_to_be_done(earlier: Path, tmp_path: Path) -> None:
    work = begun(tmp_path / "later", DIGESTS)
    assert take_over(work, earlier) == 4
    assert work.missing() == [2]
    work.write(2, computed(work.items_of(2)))
    merge(work, tmp_path / "later.parquet")
    assert read_scores(tmp_path / "later.parquet").scores["proxy:snip"].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_chunk_with_a_new_architecture_is_computed_whole(earlier: Path, tmp_path: Path) -> None:
    work = begun(tmp_path / "later", [DIGESTS[0], DIGESTS[5], DIGESTS[1], DIGESTS[2]])
    assert take_over(work, earlier) == 2
    assert work.missing() == [0]


def test_another_setting_is_refused(earlier: Path, tmp_path: Path) -> None:
    with pytest.raises(OtherSetting, match="seed is 1 there and 2 here"):
        take_over(begun(tmp_path / "later", DIGESTS, seed=2), earlier)


def test_what_failed_is_computed_again(tmp_path: Path) -> None:
    failed = begun(tmp_path / "failed", DIGESTS[:2])
    failed.write(0, computed(failed.items_of(0), error="ValueError: no"))
    merge(failed, tmp_path / "failed.parquet")
    assert take_over(begun(tmp_path / "later", DIGESTS[:2]), tmp_path / "failed.parquet") == 0
