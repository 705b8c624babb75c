"""The importers of the lists that the authors of RoBoT keep."""

from __future__ import annotations

import pickle
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers import robot

SPACE = get_space("nasbench201")
CELLS = (
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
)


def write(path: Path, content: object) -> Path:
    path.write_bytes(pickle.dumps(content))
    return path


def info(folder: Path, **changed: object) -> Path:
    cells = [{str(i): i, "arch": arch, "valacc": 63.364, "cost": 86.65} for i, arch in enumerate(CELLS)]
    cells[1].update(changed)
    return write(folder / "info.p", cells)


def test_the_list_follows_the_order_of_the_twelve_epoch_file(tmp_path):
    paths = [write(tmp_path / "list.p", [85.5, 93.5]), info(tmp_path)]
    rows = robot.test_accuracy(paths, SPACE, "cifar100").values.to_pylist()
    assert rows[1] == {"arch": CELLS[1], "dataset": "cifar100", "epochs": 200, "seed": "mean", "test_acc": 93.5}


def test_twelve_epochs_gives_validation_accuracy_and_seconds(tmp_path):
    row = robot.twelve_epochs([info(tmp_path)], SPACE).values.to_pylist()[0]
    assert (row["dataset"], row["epochs"], row["seed"], row["val_acc"], row["train_s"]) == (
        "cifar10",
        12,
        "mean",
        63.364,
        86.65,
    )


@pytest.mark.parametrize(
    "content", [[85.5], [85.5, 101.0], [85.5, "93.5"], [85.5, float("nan")], {0: 1.0, 1: 2.0}, [85.5, True]]
)
def test_what_is_no_list_of_percentages_is_refused(tmp_path, content):
    with pytest.raises(CorruptData, match=r"list\.p"):
        robot.test_accuracy([write(tmp_path / "list.p", content), info(tmp_path)], SPACE, "cifar10")


@pytest.mark.parametrize(
    "changed", [{"arch": CELLS[0]}, {"arch": "|none~0|"}, {"arch": None}, {"1": 7}, {"valacc": -1.0}, {"cost": "x"}]
)
def test_a_wrong_entry_of_the_twelve_epoch_file_is_refused(tmp_path, changed):
    with pytest.raises(CorruptData, match=r"info\.p"):
        robot.twelve_epochs([info(tmp_path, **changed)], SPACE)


def test_a_file_that_calls_a_function_is_refused(tmp_path):
    (tmp_path / "info.p").write_bytes(b"cposix\nsystem\n(S'true'\ntR.")
    with pytest.raises(CorruptData, match="refused to load"):
        robot.twelve_epochs([tmp_path / "info.p"], SPACE)


def test_a_torn_file_is_refused(tmp_path):
    path = info(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CorruptData, match=r"info\.p"):
        robot.twelve_epochs([path], SPACE)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_read_or_refused_and_never_a_crash(tmp_path, position, bit):
    path = info(tmp_path)
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1 << bit
    path.write_bytes(data)
    with suppress(CorruptData):
        assert robot.twelve_epochs([path], SPACE).values.num_rows <= 2
