"""A sweep's table with its node arrays left on the disk says what the table in memory says."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictors.arch import ArchBatch, Ragged
from predictors.mapped import MappedRagged
from proxybench.errors import CorruptData
from proxybench.jobs.chunked_work import ChunkedWork
from proxybench.jobs.work_folder import begin
from proxybench.scores.score_file import SweepScores, read_scores
from proxybench.spaces import get_space
from proxybench.sweeps import merge as merge_module
from proxybench.sweeps.mapped import map_scores
from proxybench.sweeps.merge import merge
from proxybench.sweeps.npy import write_npy

SPACE = get_space("nasbench201")
ARCHS = list({SPACE.digest(arch): arch for arch in SPACE.sample(14, 0)}.values())[:11]
ARRAYS = ("nodes:a", "nodes:b", "nodes:failing")


def rows(items: pa.Table, first: int) -> pa.Table:
    """Scores and node arrays of several lengths; one proxy has no values for every third architecture."""
    numbers = range(first, first + items.num_rows)
    of_nodes = [[10.0 * number + place for place in range(number % 4)] for number in numbers]
    return pa.table(
        {
            **{name: items.column(name) for name in ("digest", "arch")},
            "error": [""] * items.num_rows,
            "unanswered": ['{"meco": "dead"}' if number == 5 else "{}" for number in numbers],
            "proxy:a": [float(number) for number in numbers],
            "nodes:a": pa.array(of_nodes, pa.list_(pa.float64())),
            "nodes:b": pa.array([[-value for value in row] for row in of_nodes], pa.list_(pa.float64())),
            "nodes:failing": pa.array([[] if n % 3 == 0 else [float(n)] for n in numbers], pa.list_(pa.float64())),
            "seconds": [1.0] * items.num_rows,
            f"seconds:pass{first}": [0.5] * items.num_rows,
        }
    )


def work_in(folder: Path, *, by_digest: bool = True) -> ChunkedWork:
    archs = sorted(ARCHS, key=SPACE.digest) if by_digest else ARCHS
    items = pa.table({"digest": [SPACE.digest(one) for one in archs], "arch": [SPACE.format(one) for one in archs]})
    work = begin(ChunkedWork(folder, "", {"space": "nasbench201"}, items, chunk=2))
    for number in range(work.chunks):
        work.write(number, rows(work.items_of(number), 2 * number))
    return work


@pytest.fixture(scope="module")
def table() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        work = work_in(Path(name) / "work")
        merge(work, Path(name) / "s.parquet")
        yield Path(name) / "s.parquet"


@pytest.fixture(scope="module")
def batches(table: Path) -> Iterator[tuple[ArchBatch, ArchBatch]]:
    """The batch of the whole table, mapped and loaded."""
    with TemporaryDirectory() as cache, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROXYBENCH_CACHE", cache)
        yield map_scores(table).batch(), read_scores(table).batch()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROXYBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def assert_same_nodes(one: Ragged, other: Ragged) -> None:
    assert np.array_equal(one.values, other.values)
    assert one.offsets.tolist() == other.offsets.tolist()


def assert_same_scores(mapped: SweepScores, loaded: SweepScores) -> None:
    assert (mapped.space, mapped.setting) == (loaded.space, loaded.setting)
    for name in ("digests", "archs", "unanswered", "errors"):
        assert list(getattr(mapped, name)) == getattr(loaded, name)
    pd.testing.assert_frame_equal(mapped.scores, loaded.scores)
    pd.testing.assert_frame_equal(mapped.seconds, loaded.seconds)
    assert tuple(mapped.nodes) == tuple(loaded.nodes) == ARRAYS
    for name, nodes in mapped.nodes.items():
        assert isinstance(nodes, MappedRagged)
        assert_same_nodes(nodes, loaded.nodes[name])


def test_a_mapped_table_is_the_table(table: Path) -> None:
    assert_same_scores(map_scores(table), read_scores(table))


@settings(max_examples=60)
@given(data=st.data())
def test_a_mapped_batch_is_the_batch_under_all_indexing(batches: tuple[ArchBatch, ArchBatch], data) -> None:
    n = len(ARCHS)
    mapped, loaded = batches
    numbers = st.integers(-n, n - 1)
    key = data.draw(
        st.one_of(
            st.slices(n),
            st.lists(numbers, max_size=15).map(lambda chosen: np.array(chosen, dtype=np.int64)),
            st.lists(st.booleans(), min_size=n, max_size=n).map(np.array),
        )
    )
    one, other = mapped[key], loaded[key]
    assert list(one.archs) == list(other.archs) == [SPACE.parse(SPACE.format(arch)) for arch in one]
    assert one.column("proxy:a").tolist() == other.column("proxy:a").tolist()
    for name in ARRAYS:
        assert_same_nodes(one.nodes[name], other.nodes[name])
    place = data.draw(numbers)
    assert mapped[place] == loaded[place]
    assert mapped.nodes["nodes:a"][place].tolist() == loaded.nodes["nodes:a"][place].tolist()


def test_a_join_gives_what_it_gives_in_memory(table: Path) -> None:
    absent = SPACE.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    asked = [ARCHS[3], absent, ARCHS[0], ARCHS[3]]
    mapped, loaded = map_scores(table).join(asked), read_scores(table).join(asked)
    for name in ARRAYS:
        assert_same_nodes(mapped.nodes[name], loaded.nodes[name])
    assert len(mapped.nodes["nodes:a"][1]) == 0


def test_arrays_of_equal_lengths_share_their_offsets_and_are_unpacked_once(table: Path, cache: Path) -> None:
    map_scores(table)
    (folder,) = (cache / "mapped").glob("s-*/*")
    made = {path.name: path.stat().st_ino for path in folder.iterdir()}
    assert sorted(made) == [
        "nodes.json", "offsets0.npy", "offsets1.npy", "values0.npy", "values1.npy", "values2.npy",
    ]  # fmt: skip
    map_scores(table)
    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == made


def test_a_table_that_changed_is_unpacked_anew_and_the_old_arrays_go(tmp_path: Path, cache: Path) -> None:
    work = work_in(tmp_path / "work")
    merge(work, tmp_path / "s.parquet")
    before = map_scores(tmp_path / "s.parquet")
    merge(work, tmp_path / "s.parquet", node_bits=1)
    killed = next((cache / "mapped").glob("s-*/*")).with_name(".killed.tmp")
    killed.mkdir()
    after = map_scores(tmp_path / "s.parquet")
    assert before.nodes["nodes:a"][3].tolist() == [30, 31, 32]  # still mapped
    assert after.nodes["nodes:a"][3].tolist() == [32, 32, 32]
    assert len(list((cache / "mapped").glob("s-*/*"))) == 1
    assert not killed.exists()


def test_damage_is_named(table: Path, tmp_path: Path, cache: Path) -> None:
    with pytest.raises(FileNotFoundError, match="proxybench compute --merge"):
        map_scores(tmp_path / "none.parquet")
    (tmp_path / "s.parquet").write_bytes(b"PAR1")
    with pytest.raises(CorruptData, match="is not a table of scores"):
        map_scores(tmp_path / "s.parquet")
    map_scores(table)
    values = next((cache / "mapped").glob("s-*/*/values0.npy"))
    os.truncate(values, values.stat().st_size - 8)
    with pytest.raises(CorruptData, match=r"is damaged .*; remove it, and it will be rebuilt"):
        map_scores(table)


def test_a_table_of_several_row_groups_holds_the_same_rows(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_module, "ROW_GROUP", 3)
    assert merge(work_in(tmp_path / "work"), tmp_path / "s.parquet") == 11
    assert pq.ParquetFile(tmp_path / "s.parquet").num_row_groups == 4
    assert_same_scores(map_scores(tmp_path / "s.parquet"), read_scores(table))


def test_shards_in_another_order_are_merged_by_digest(tmp_path: Path) -> None:
    merge(work_in(tmp_path / "work", by_digest=False), tmp_path / "s.parquet")
    scores = read_scores(tmp_path / "s.parquet")
    assert scores.digests == sorted(scores.digests)
    number = {SPACE.digest(arch): float(place) for place, arch in enumerate(ARCHS)}
    assert scores.scores["proxy:a"].tolist() == [number[digest] for digest in scores.digests]


@given(pieces=st.lists(st.lists(st.floats(allow_nan=False), max_size=5), max_size=5))
def test_a_file_written_piece_by_piece_is_what_numpy_reads(pieces: list[list[float]]) -> None:
    with TemporaryDirectory() as name:
        path = Path(name) / "v.npy"
        whole = [value for piece in pieces for value in piece]
        assert write_npy(path, (np.array(piece, dtype=np.float64) for piece in pieces)) == len(whole)
        expected = io.BytesIO()
        np.save(expected, np.array(whole, dtype=np.float64))
        assert path.read_bytes() == expected.getvalue()
