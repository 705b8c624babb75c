"""The table of a sweep: merged, rounded, read back, joined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictors.arch import ArchBatch
from proxybench.errors import CorruptData, InvalidArchitecture, ProxybenchError
from proxybench.jobs.chunked_work import ChunkedWork
from proxybench.jobs.work_folder import begin
from proxybench.scores.score_file import read_scores
from proxybench.spaces import get_space
from proxybench.sweeps.merge import merge, round_mantissa

SPACE = get_space("nasbench201")
SAMPLE = SPACE.sample(4, 0)
ABSENT = SPACE.sample(5, 0)[4]


def rows(items: pa.Table, first: int) -> pa.Table:
    """Made-up scores 10 * row, in shards whose columns of seconds differ."""
    numbers = range(first, first + items.num_rows)
    return pa.table(
        {
            **{name: items.column(name) for name in ("digest", "arch")},
            "error": pa.array([""] * items.num_rows),
            "unanswered": pa.array(['{"meco": "dead"}'] * items.num_rows),
            "proxy:snip": pa.array([10.0 * number for number in numbers]),
            "nodes:snip": pa.array([[4097.0, number] for number in numbers], pa.list_(pa.float64())),
            "seconds": pa.array([1.0] * items.num_rows),
            f"seconds:pass{first}": pa.array([0.5] * items.num_rows),
        }
    )


@pytest.fixture
def work(tmp_path: Path) -> ChunkedWork:
    digests = sorted(SPACE.digest(arch) for arch in SAMPLE)
    items = pa.table({"digest": digests, "arch": [SPACE.format(arch) for arch in SAMPLE]})
    begun = begin(ChunkedWork(tmp_path / "w", "", {"space": "nasbench201", "seed": 1}, items, chunk=2))
    begun.write(0, rows(begun.items_of(0), 0))
    begun.write(1, rows(begun.items_of(1), 2))
    return begun


def test_what_was_merged_is_read_back(work: ChunkedWork, tmp_path: Path) -> None:
    assert merge(work, tmp_path / "s.parquet", node_bits=52) == 4
    scores = read_scores(tmp_path / "s.parquet")
    assert scores.space == "nasbench201"
    assert scores.setting == {"space": "nasbench201", "seed": 1}
    assert scores.scores["proxy:snip"].tolist() == [0, 10, 20, 30]
    assert [scores.nodes["nodes:snip"][row].tolist() for row in (0, 3)] == [[4097, 0], [4097, 3]]
    assert scores.seconds["seconds:pass2"].isna().tolist() == [True, True, False, False]
    assert scores.unanswered[0] == {"meco": "dead"}
    assert scores.errors == ["", "", "", ""]


def test_node_values_are_rounded_and_scores_are_not(work: ChunkedWork, tmp_path: Path) -> None:
    merge(work, tmp_path / "s.parquet")
    assert read_scores(tmp_path / "s.parquet").nodes["nodes:snip"][3].tolist() == [4098, 3]  # 4097 needs 12 bits


def test_a_join_keeps_columns_and_leaves_absent_ones_empty(work: ChunkedWork, tmp_path: Path) -> None:
    merge(work, tmp_path / "s.parquet")
    scores = read_scores(tmp_path / "s.parquet")
    by_digest = {digest: 10.0 * row for row, digest in enumerate(scores.digests)}
    archs = [SAMPLE[2], ABSENT, SAMPLE[0], SAMPLE[2]]
    batch = scores.join(ArchBatch(archs, {"cost:flops": np.arange(4.0)}))
    expected = [by_digest[SPACE.digest(SAMPLE[2])], np.nan, by_digest[SPACE.digest(SAMPLE[0])]]
    assert np.array_equal(batch.columns["proxy:snip"], [*expected, expected[0]], equal_nan=True)
    assert batch.columns["cost:flops"].tolist() == [0, 1, 2, 3]
    assert [len(batch.nodes["nodes:snip"][row]) for row in range(4)] == [2, 0, 2, 2]
    with pytest.raises(InvalidArchitecture):
        scores.join(get_space("nasbench-macro").sample(1, 0))


def test_a_part_is_merged_only_on_request(work: ChunkedWork, tmp_path: Path) -> None:
    work.forget([0])
    with pytest.raises(ProxybenchError, match="2 of 4 architectures are done; run it to its end, or merge"):
        merge(work, tmp_path / "s.parquet")
    assert merge(work, tmp_path / "s.parquet", partial=True) == 2
    work.forget([1])
    with pytest.raises(ProxybenchError, match="0 of 4"):
        merge(work, tmp_path / "s.parquet", partial=True)


def test_a_file_that_is_no_table_of_scores_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="proxybench compute --merge"):
        read_scores(tmp_path / "s.parquet")
    (tmp_path / "s.parquet").write_bytes(b"PAR1")
    with pytest.raises(CorruptData, match="is not a table of scores"):
        read_scores(tmp_path / "s.parquet")
    pa.parquet.write_table(pa.table({"digest": ["a"]}), tmp_path / "s.parquet")
    with pytest.raises(CorruptData, match="is not a table of scores"):
        read_scores(tmp_path / "s.parquet")


def test_three_bits_of_mantissa() -> None:
    values = np.array([1.0, 1.0625, 1.1, 17.0, -17.0, 0.0, np.nan, np.inf, 1.7976931348623157e308])
    expected = [1.0, 1.125, 1.125, 18.0, -18.0, 0.0, np.nan, np.inf, 1.7976931348623157e308]
    assert np.array_equal(round_mantissa(values, 3), expected, equal_nan=True)
    with pytest.raises(ValueError, match="has 52 bits of mantissa; cannot keep 53"):
        round_mantissa(values, 53)


@given(st.floats(1e-300, 1e300), st.integers(0, 52))
def test_rounding_is_within_half_a_unit_of_the_last_bit(value: float, bits: int) -> None:
    rounded = float(round_mantissa(np.array([value]), bits)[0])
    assert abs(rounded - value) <= value * 2.0 ** -(bits + 1)
    assert float(round_mantissa(np.array([rounded]), bits)[0]) == rounded
