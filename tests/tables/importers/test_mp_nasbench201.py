"""MP-NAS-Bench201: cells with bits on their operations."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from scipy.stats import spearmanr

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers.mp_nasbench201 import read

SPACE = get_space("graphs")
RESULTS = "Leannnnnnn/MP-NAS-Bench201/fb8b8193758d320a366212df37e846ba868dc6d9/results"
ENCODINGS = "eagle_mp_encode_test_accuracy_50_full_graph_cell_uniform_op_random.pkl"
ROBBENCH = "TT2408/nasrobbench201hp/dff01e783855b2f121482f659a86eb7b9e12b9e6/files/ops.json"
CELLS = ["402202", "300000"]


def encoding(codes: str, bits: str) -> tuple[int, ...]:
    return tuple(map(int, codes + bits * 15))


GOOD = {encoding(CELLS[0], "008402"): 0.75, encoding(CELLS[0], "004802"): 0.5, encoding(CELLS[1], "800000"): 0.625}
LISTED = [("0_3", 14 / 3, 0.157359, 0.0269872, 0.75), ("1_1", 8.0, 0.3, 0.05, 0.1)]


def files(folder: Path, encodings: object = GOOD, listed: object = LISTED) -> list[Path]:
    paths = [folder / "encodings.pkl", folder / "listed.pkl", folder / "cells.json"]
    paths[0].write_bytes(pickle.dumps(encodings))
    paths[1].write_bytes(pickle.dumps(listed))
    paths[2].write_text(f"arch={json.dumps(CELLS)}")
    return paths


def test_bits_are_an_attribute_of_the_nodes_and_sizes_belong_to_configurations_found_in_both_files(
    tmp_path: Path,
) -> None:
    found = read(files(tmp_path), SPACE)
    rows = found.values.to_pylist()
    trained, free = rows[:3], rows[3:]
    archs = [SPACE.parse(row["arch"]) for row in trained]
    assert archs[0].ops == (
        *("input", "avg_pool_3x3", "none", "nor_conv_1x1", "nor_conv_1x1", "none", "nor_conv_1x1", "output"),
    )
    assert [arch.attrs for arch in archs] == [
        (("bits", (0.0, 0.0, 0.0, 8.0, 4.0, 0.0, 2.0, 0.0)),),
        (("bits", (0.0, 0.0, 0.0, 4.0, 8.0, 0.0, 2.0, 0.0)),),
        (("bits", (0.0, 8.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),),
    ]
    assert [(row["epochs"], row["seed"], row["test_acc"]) for row in trained] == [
        *((50, "0", accuracy) for accuracy in (75.0, 50.0, 62.5)),
    ]
    assert [(row["params"], row["size"]) for row in free] == [(157_359.0, 0.0269872), (None, None), (None, None)]
    assert found.notes[0].startswith("1 of the 3 configurations with known bits are among the 2 numbered ones")


@pytest.mark.parametrize("encodings", [
    [], {(1, 2): 0.5}, {encoding(CELLS[0], "008402"): 1.5}, {encoding(CELLS[0], "008402"): "x"},
    {encoding(CELLS[0], "008302"): 0.5}, {encoding(CELLS[0], "208402"): 0.5}, {encoding("502202", "008402"): 0.5},
    {(*encoding(CELLS[0], "008402")[:-1], 4): 0.5}, {"402202": 0.5},
])  # fmt: skip
def test_other_encodings_are_refused(tmp_path: Path, encodings: object) -> None:
    with pytest.raises(CorruptData, match=r"encodings\.pkl"):
        read(files(tmp_path, encodings=encodings), SPACE)


@pytest.mark.parametrize("entry", [
    ("0_3", 8.0, 0.1, 0.1), ("2_1", 8.0, 0.1, 0.1, 0.5), ("-1_1", 8.0, 0.1, 0.1, 0.5), ("0_3", 8.0, 0.1, 0.1, 2.0),
    ("0", 8.0, 0.1, 0.1, 0.5), (3, 8.0, 0.1, 0.1, 0.5), ("1_1", 8.0, 0.1, 0.1, 0.5), ("0_3", "8", 0.1, 0.1, 0.5),
])  # fmt: skip
def test_other_configurations_are_refused(tmp_path: Path, entry: object) -> None:
    with pytest.raises(CorruptData, match=r"listed\.pkl"):
        read(files(tmp_path, listed=[LISTED[1], entry]), SPACE)


def test_the_published_configurations(mirror: Path) -> None:
    folder = mirror / RESULTS
    rows = read([folder / ENCODINGS, folder / "mp_nas_statistics.pkl", mirror / ROBBENCH], SPACE).values.to_pandas()
    trained, free = (part.set_index("arch") for _, part in rows.groupby("epochs", sort=False))
    assert (len(trained), free["size"].notna().sum()) == (11_317, 10_917)
    assert trained["test_acc"].max() == pytest.approx(84.267578125, rel=1e-12)
    known = free.index[free["size"].notna()]
    rho = spearmanr(trained.loc[known, "test_acc"], free.loc[known, "size"]).statistic
    assert rho == pytest.approx(0.524, abs=5e-4)
