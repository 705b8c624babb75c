"""Node arrays in a file give what the same arrays in memory give, and hold little memory."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictors import ArchBatch, ArchGraph, Ragged
from predictors.mapped import IN_MEMORY, MappedFile, MappedRagged

GRAPH = ArchGraph("toy", ("input", "output"), ((0, 1),))
ROWS = st.lists(st.lists(st.integers(-9, 9), max_size=4), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def pair(rows: list[list[int]], folder: Path) -> tuple[ArchBatch, ArchBatch]:
    """The same batch in memory and with its node array in a file."""
    ragged = Ragged.from_rows([np.array(row, dtype=np.float64) for row in rows])
    np.save(folder / "values.npy", ragged.values)
    archs, numbers = [GRAPH] * len(rows), {"row": np.arange(len(rows), dtype=np.float64)}
    mapped = MappedRagged.open(folder / "values.npy", ragged.offsets)
    return ArchBatch(archs, numbers, {"nodes:a": ragged}), ArchBatch(archs, numbers, {"nodes:a": mapped})


def assert_same(mapped: ArchBatch, memory: ArchBatch) -> None:
    one, other = mapped.nodes["nodes:a"], memory.nodes["nodes:a"]
    assert mapped.column("row").tolist() == memory.column("row").tolist()
    assert (len(one), one.values.dtype, one.values.shape) == (len(other), other.values.dtype, other.values.shape)
    assert one.values.tolist() == other.values.tolist()
    assert one.offsets.tolist() == other.offsets.tolist()
    assert [one[row].tolist() for row in range(len(one))] == [other[row].tolist() for row in range(len(other))]


@given(rows=ROWS, data=st.data())
def test_every_way_of_indexing_gives_what_it_gives_in_memory(rows: list[list[int]], folder: Path, data) -> None:
    memory, mapped = pair(rows, folder)
    assert_same(mapped, memory)
    n = len(rows)
    key = data.draw(
        st.one_of(
            st.slices(n),
            st.lists(st.integers(-n, n - 1), max_size=8),
            st.lists(st.integers(-n, n - 1), max_size=8).map(lambda chosen: np.array(chosen, dtype=np.int64)),
            st.lists(st.booleans(), min_size=n, max_size=n).map(np.array),
        )
    )
    assert_same(mapped[key], memory[key])
    assert isinstance(mapped[key].nodes["nodes:a"].values, np.ndarray)
    chosen = np.arange(n)[key]
    if len(chosen):
        again = data.draw(st.lists(st.integers(-len(chosen), len(chosen) - 1), max_size=5))
        assert_same(mapped[key][again], memory[key][again])


@given(rows=ROWS, data=st.data())
def test_rows_that_stay_in_the_file_give_what_those_in_memory_give(rows: list[list[int]], folder: Path, data) -> None:
    memory, mapped = (batch.nodes["nodes:a"].with_empty_row() for batch in pair(rows, folder))
    assert isinstance(mapped, MappedRagged)
    chosen = np.array(data.draw(st.lists(st.integers(0, len(rows)), max_size=8)), dtype=np.int64)
    in_file = MappedRagged(mapped.file, mapped.starts[chosen], mapped.lengths[chosen])
    expected = memory.take(chosen)
    assert in_file.values.tolist() == expected.values.tolist()
    assert in_file.offsets.tolist() == expected.offsets.tolist()


@pytest.mark.parametrize("key", [[5], [-6], np.array([True, False]), [0.5], "row", 9])
def test_keys_that_are_no_rows(key, folder: Path) -> None:
    _, mapped = pair([[1], [2, 3], [], [4], [5]], folder)
    with pytest.raises((IndexError, TypeError)):
        mapped[key]


def test_a_large_part_stays_in_the_file_and_a_small_one_does_not(tmp_path: Path) -> None:
    values = np.arange(IN_MEMORY // 8 + 1024, dtype=np.float64)
    np.save(tmp_path / "v.npy", values)
    ragged = MappedRagged.open(tmp_path / "v.npy", np.arange(0, len(values) + 1, 1024))
    most, few = ragged.take(slice(0, len(ragged))), ragged.take(slice(1, len(ragged)))
    assert isinstance(most, MappedRagged)
    assert most.values is not values
    assert most.values.base is not None  # a view of the file
    assert type(few) is Ragged
    assert np.array_equal(few.values, values[1024:])
    backwards = most.take(slice(None, None, -1))
    assert isinstance(backwards, MappedRagged)
    assert np.array_equal(backwards.values.reshape(-1, 1024), values.reshape(-1, 1024)[::-1])


def test_a_pickle_names_the_file(folder: Path) -> None:
    memory, mapped = pair([[1, 2], [], [3]], folder)
    pickled = pickle.dumps(mapped)
    assert str(folder).encode() in pickled
    assert_same(pickle.loads(pickled), memory)


def test_values_of_several_numbers_keep_their_width(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.arange(6, dtype=np.float32).reshape(3, 2))
    ragged = MappedRagged.open(tmp_path / "v.npy", [0, 1, 3])
    assert ragged[1].tolist() == [[2, 3], [4, 5]]
    assert ragged.take(np.array([1, 0, 1])).values.shape == (5, 2)
    empty = ragged.take(np.array([], dtype=np.int64))
    assert (len(empty), empty.values.shape, empty.values.dtype) == (0, (0, 2), np.float32)


def test_values_are_read_only(folder: Path) -> None:
    _, mapped = pair([[1, 2]], folder)
    with pytest.raises(ValueError, match="read-only"):
        mapped.nodes["nodes:a"].values[0] = 1


@pytest.mark.parametrize(
    ("starts", "lengths", "reason"),
    [
        ([0], [4], "extend beyond the 3 values"),
        ([-1], [1], "extend beyond"),
        ([2], [-1], "extend beyond"),
        ([0, 1], [1], "do not match"),
    ],
)
def test_rows_outside_the_file_are_refused(starts, lengths, reason: str, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.zeros(3))
    with pytest.raises(ValueError, match=reason):
        MappedRagged(MappedFile(tmp_path / "v.npy"), starts, lengths)


def test_a_file_that_is_no_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.zeros((3, 2), order="F"))
    with pytest.raises(ValueError, match="does not contain rows of numbers in C order"):
        MappedFile(tmp_path / "v.npy")
    np.save(tmp_path / "v.npy", np.zeros(3))
    (tmp_path / "v.npy").write_bytes((tmp_path / "v.npy").read_bytes()[:-1])
    with pytest.raises(
        ValueError, match=r"not a complete \.npy file of numbers: mmap length is greater than file size"
    ):
        MappedFile(tmp_path / "v.npy")
    (tmp_path / "v.npy").write_bytes(b"PAR1" * 8)
    with pytest.raises(ValueError, match="magic string"):
        MappedFile(tmp_path / "v.npy")
