"""The importer of the per-run accuracies that the authors of MeCo keep."""

from __future__ import annotations

import pickle
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers import meco

SPACE = get_space("nasbench201")
CELL = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
CODE = (4, 2, 1, 2, 1, 1)
DATA = "HamsterMimi/MeCo/0d830dd2f639f9d1ba3b5831a65df768d70fc93b/notebooks_201/nb2_test_acc_cf10.p"


def read(folder: Path, content: object) -> list[dict[str, object]]:
    path = folder / "runs.p"
    path.write_bytes(pickle.dumps(content))
    return meco.read([path], SPACE).values.to_pylist()


def test_three_values_are_those_of_seeds_777_888_and_999(tmp_path):
    rows = read(tmp_path, {CODE: [85.62, 86.18, 85.79]})
    assert [(row["arch"], row["seed"], row["test_acc"]) for row in rows] == [
        (CELL, "777", 85.62),
        (CELL, "888", 86.18),
        (CELL, "999", 85.79),
    ]


def test_fewer_values_claim_no_seed(tmp_path):
    rows = read(tmp_path, {CODE: [85.62, 86.18], (0, 0, 0, 0, 0, 0): [10.0]})
    assert [row["seed"] for row in rows] == ["0", "1", "0"]


@pytest.mark.parametrize(
    "content",
    [
        [85.0],
        {(4, 2, 1, 2, 1): [85.0]},
        {(4, 2, 1, 2, 1, 5): [85.0]},
        {(4, 2, 1, 2, 1, True): [85.0]},
        {CELL: [85.0]},
        {CODE: []},
        {CODE: [1.0, 2.0, 3.0, 4.0]},
        {CODE: 85.0},
        {CODE: [100.5]},
        {CODE: [float("nan")]},
        {CODE: ["85"]},
    ],
)
def test_what_is_not_the_documented_dictionary_is_refused(tmp_path, content):
    with pytest.raises(CorruptData, match=r"runs\.p"):
        read(tmp_path, content)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10_000), bit=st.integers(0, 7), keep=st.integers(0, 400))
def test_a_flipped_bit_or_torn_file_is_read_or_refused_and_never_a_crash(tmp_path, position, bit, keep):
    data = bytearray(pickle.dumps({CODE: [85.62, 86.18, 85.79], (0, 1, 2, 3, 4, 0): [91.5]}))
    data[position % len(data)] ^= 1 << bit
    path = tmp_path / "runs.p"
    path.write_bytes(data[: keep or None])
    with suppress(CorruptData):
        assert meco.read([path], SPACE).values.num_rows <= 6


def test_7961_cells_have_three_runs_5439_two_and_2225_one(mirror):
    fragment = meco.read([mirror / DATA], SPACE)
    runs = Counter(fragment.values.column("arch").to_pylist())
    assert Counter(runs.values()) == {3: 7961, 2: 5439, 1: 2225}
    assert fragment.notes == ("7664 of 15625 cells have fewer than three runs, whose seeds are not known",)
