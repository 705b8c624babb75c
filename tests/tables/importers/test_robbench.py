"""NAS-RobBench-201: the scripts of its page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers.robbench import read

SPACE = get_space("nasbench201")
FILES = "TT2408/nasrobbench201hp/dff01e783855b2f121482f659a86eb7b9e12b9e6/files"
COLUMNS = ["cifar10#val_acc", "cifar10#autoattack", "imagenet#val_pgd_8_acc"]
CODES = ["300003", "030000", "003000"]  # the last two have no path, so they are one function


def scripts(folder: Path, table: object, codes: object = CODES) -> list[Path]:
    paths = [folder / "accuracies.json", folder / "ops.json"]
    paths[0].write_text(f"acc={json.dumps(table)}")
    paths[1].write_text(f"arch={json.dumps(codes)}")
    return paths


def table(**changes: object) -> dict[str, object]:
    good = {"": COLUMNS, "0": [0.8, 0.5, 0.25], "1": [0.1, 0.0, 0.01], "2": "1"}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def test_values_are_percentages_by_data_set_and_isomorphic_cells_share_them(tmp_path: Path) -> None:
    found = read(scripts(tmp_path, table()), SPACE)
    rows = {(row["dataset"], row["arch"]): row for row in found.values.to_pylist()}
    texts = list(dict.fromkeys(arch for _, arch in rows))
    assert texts[0] == "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"
    assert {(row["epochs"], row["seed"]) for row in rows.values()} == {(50, "mean")}
    clean = [(rows["cifar10", text]["val_acc"], rows["cifar10", text]["robust_acc@autoattack"]) for text in texts]
    assert clean == [(80.0, 50.0), (10.0, 0.0), (10.0, 0.0)]
    assert [rows["ImageNet16-120", text]["robust_acc@pgd_8"] for text in texts] == [25.0, 1.0, 1.0]
    assert found.notes == ("2 distinct cells were trained; the other 1 have the values of theirs.",)


@pytest.mark.parametrize("changes", [
    {"": None}, {"": ["cifar10#other"]}, {"": ["mnist#val_acc"]}, {"": [1]}, {"": "cifar10#val_acc"}, {"2": None},
    {"2": "0"}, {"2": "2"}, {"2": "7"}, {"2": "-1"}, {"3": "1"}, {"1": [0.1, 0.0]}, {"1": [0.1, 0.0, 1.5]},
    {"1": [0.1, 0.0, "a"]}, {"1": [0.1, 0.0, float("nan")]}, {"1": [0.1, 0.0, None]}, {"1": [True, 0.0, 0.0]},
])  # fmt: skip
def test_other_tables_are_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(CorruptData, match=r"accuracies\.json"):
        read(scripts(tmp_path, table(**changes)), SPACE)


@pytest.mark.parametrize("codes", [["300003"], ["30000"] * 3, ["300005"] * 3, [300003] * 3, "300003", {"0": "300003"}])
def test_other_lists_of_operations_are_refused(tmp_path: Path, codes: object) -> None:
    with pytest.raises(CorruptData, match=r"\.json"):
        read(scripts(tmp_path, table(), codes), SPACE)


def test_the_published_table_resolves_every_cell(mirror: Path) -> None:
    found = read([mirror / FILES / "NAS-RobBench-201_html.json", mirror / FILES / "ops.json"], SPACE)
    rows = found.values.to_pandas()
    assert rows.groupby("dataset").size().to_dict() == {"ImageNet16-120": 15_625, "cifar10": 15_625, "cifar100": 15_625}
    assert rows.notna().to_numpy().all()
    assert found.notes == ("6466 distinct cells were trained; the other 9159 have the values of theirs.",)
    cifar10 = rows[rows["dataset"] == "cifar10"].set_index("arch")
    assert cifar10["val_acc"].max() == pytest.approx(79.5567, abs=5e-5)
    assert cifar10["robust_acc@autoattack"].max() == pytest.approx(44.38, abs=5e-5)
    assert (cifar10["robust_acc@pgd_3"] <= cifar10["val_acc"]).all()
