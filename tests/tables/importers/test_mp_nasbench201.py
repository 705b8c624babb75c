"""MP-NAS-Bench201: cells with bits on their operations, and numbered configurations with sizes."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import kendalltau

from predictors.arch import ArchGraph
from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers import mp_nasbench201, mp_nasbench201_sizes
from proxybench.tables.importers.mp_nasbench201_sizes import listed, size_of
from proxybench.tables.importers.robbench import cells_in_order

GRAPHS, CONFIGURATIONS, CELLS = get_space("graphs"), get_space("configurations"), get_space("nasbench201")
RESULTS = "Leannnnnnn/MP-NAS-Bench201/fb8b8193758d320a366212df37e846ba868dc6d9/results"
PUBLISHED = (
    f"{RESULTS}/eagle_mp_encode_test_accuracy_50_full_graph_cell_uniform_op_random.pkl",
    f"{RESULTS}/meta_data_mp_info_new.pkl",
    f"{RESULTS}/mp_nas_statistics.pkl",
    "TT2408/nasrobbench201hp/dff01e783855b2f121482f659a86eb7b9e12b9e6/files/ops.json",
)
CODES = ["402202", "300000"]


def encoding(codes: str, bits: str) -> tuple[int, ...]:
    return tuple(map(int, codes + bits * 15))


def trained(
    bits: Mapping[int, int], accuracy: float = 0.5, epochs: int = 50, activations: int = 8
) -> dict[str, object]:
    edges = {edge: {"w_bit": count, "a_bit": activations} for edge, count in bits.items()}
    return {"accuracy": accuracy, "train_info": {"epochs": epochs}, "bit_width": {"infercell": edges}}


GOOD = {encoding(CODES[0], "008402"): 0.75, encoding(CODES[0], "004802"): 0.5, encoding(CODES[1], "800000"): 0.625}
SECOND = {"0_3": trained({2: 8, 3: 4, 5: 2}, 0.25), "1_1": trained({0: 2}, 0.125)}
LISTED = [("0_3", 14 / 3, 0.157359, 0.0269872, 0.75), ("1_1", 2.0, 0.316369, 0.0278832, 0.1)]


def files(folder: Path, encodings: object = GOOD, second: object = SECOND, entries: object = LISTED) -> list[Path]:
    paths = [folder / f"{name}.pkl" for name in ("encodings", "second", "listed")]
    for path, content in zip(paths, (encodings, second, entries), strict=True):
        path.write_bytes(pickle.dumps(content))
    paths.append(folder / "cells.json")
    paths[-1].write_text(f"arch={json.dumps(CODES)}")
    return paths


def test_bits_are_an_attribute_of_the_nodes(tmp_path: Path) -> None:
    found = mp_nasbench201.read(files(tmp_path), GRAPHS)
    rows = found.values.to_pylist()
    archs = [GRAPHS.parse(row["arch"]) for row in rows[:3]]
    assert archs[0].ops == (
        *("input", "avg_pool_3x3", "none", "nor_conv_1x1", "nor_conv_1x1", "none", "nor_conv_1x1", "output"),
    )
    assert [arch.attrs for arch in archs] == [
        (("bits", (0.0, 0.0, 0.0, 8.0, 4.0, 0.0, 2.0, 0.0)),),
        (("bits", (0.0, 0.0, 0.0, 4.0, 8.0, 0.0, 2.0, 0.0)),),
        (("bits", (0.0, 8.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),),
    ]
    assert [(row["epochs"], row["seed"], row["test_acc"]) for row in rows[:5]] == [
        *((50, "0", accuracy) for accuracy in (75.0, 50.0, 62.5)),
        *((50, "1", accuracy) for accuracy in (25.0, 12.5)),
    ]
    assert rows[3]["arch"] == rows[0]["arch"]


def test_configurations_of_one_size_have_the_published_one(tmp_path: Path) -> None:
    rows = mp_nasbench201.read(files(tmp_path), GRAPHS).values.to_pylist()
    # 8 + 4 + 2 bits in either order; 3 x 3 convolutions of 8 bits are not listed, of 2 bits they are.
    assert [(row["params"], row["size"]) for row in rows[5:]] == [
        *[(157_359.0, 0.0269872)] * 2, (None, None), (316_369.0, 0.0278832),
    ]  # fmt: skip


def test_a_training_that_was_repeated_has_another_seed(tmp_path: Path) -> None:
    second = SECOND | {"1_2": trained({0: 2}, 0.375)}
    rows = mp_nasbench201.read(files(tmp_path, second=second), GRAPHS).values.to_pylist()
    assert [(row["seed"], row["test_acc"]) for row in rows[4:6]] == [("1", 12.5), ("2", 37.5)]


@pytest.mark.parametrize("encodings", [
    [], {(1, 2): 0.5}, {encoding(CODES[0], "008402"): 1.5}, {encoding(CODES[0], "008402"): "x"},
    {encoding("502202", "008402"): 0.5}, {(*encoding(CODES[0], "008402")[:-1], 4): 0.5}, {"402202": 0.5},
    {(*encoding(CODES[0], "008402")[:-1], 2.0): 0.5}, {(True, *encoding(CODES[0], "008402")[1:]): 0.5},
])  # fmt: skip
def test_other_encodings_are_refused(tmp_path: Path, encodings: object) -> None:
    with pytest.raises(CorruptData, match=r"encodings\.pkl"):
        mp_nasbench201.read(files(tmp_path, encodings=encodings), GRAPHS)


@pytest.mark.parametrize("bits", ["008302", "208402", "008400"])
def test_bits_that_do_not_fit_the_operations_are_refused(tmp_path: Path, bits: str) -> None:
    with pytest.raises(CorruptData, match=r"bits of (nor_conv_1x1|avg_pool_3x3)"):
        mp_nasbench201.read(files(tmp_path, encodings={encoding(CODES[0], bits): 0.5}), GRAPHS)


@pytest.mark.parametrize("second", [
    [], {3: trained({0: 2})}, {"1": trained({0: 2})}, {"2_1": trained({0: 2})}, {"-1_1": trained({0: 2})}, {"1_1": []},
    {"1_1": trained({0: 2}, 2.0)}, {"1_1": trained({0: 2}, epochs=150)}, {"1_1": trained({0: 2}, activations=4)},
    {"1_1": trained({6: 2})}, {"1_1": trained({0: 2}) | {"bit_width": {}}}, {"1_1": trained({0: 2}) | {"accuracy": ""}},
])  # fmt: skip
def test_other_second_accuracies_are_refused(tmp_path: Path, second: object) -> None:
    with pytest.raises(CorruptData, match=r"second\.pkl"):
        mp_nasbench201.read(files(tmp_path, second=second), GRAPHS)


@pytest.mark.parametrize("entry", [
    ("0_3", 8.0, 0.1, 0.1), ("2_1", 8.0, 0.1, 0.1, 0.5), ("-1_1", 8.0, 0.1, 0.1, 0.5), ("0_3", 8.0, 0.1, 0.1, 2.0),
    ("0", 8.0, 0.1, 0.1, 0.5), (3, 8.0, 0.1, 0.1, 0.5), ("1_1", 8.0, 0.1, 0.1, 0.5), ("0_3", "8", 0.1, 0.1, 0.5),
    ("0_3", 8.0, float("nan"), 0.1, 0.5), ("0_3", 8.0, 1e300, 0.1, 0.5), ("0_3", 8.0, 0.1, 0, 0.5), [],
])  # fmt: skip
def test_other_configurations_are_refused(tmp_path: Path, entry: object) -> None:
    paths = files(tmp_path, entries=[LISTED[1], entry])
    with pytest.raises(CorruptData, match=r"listed\.pkl"):
        mp_nasbench201_sizes.read(paths[2:], CONFIGURATIONS)
    with pytest.raises(CorruptData, match=r"listed\.pkl"):
        mp_nasbench201.read(paths, GRAPHS)


def test_a_numbered_configuration_has_its_cell_and_columns(tmp_path: Path) -> None:
    found = mp_nasbench201_sizes.read(files(tmp_path)[2:], CONFIGURATIONS)
    trained_row, _, free, _ = found.values.to_pylist()
    cell = "|avg_pool_3x3~0|+|none~0|nor_conv_1x1~1|+|nor_conv_1x1~0|none~1|nor_conv_1x1~2|"
    assert trained_row["arch"] == CONFIGURATIONS.format(CONFIGURATIONS.parse({"cell": cell, "configuration": "0_3"}))
    assert (trained_row["epochs"], trained_row["seed"], trained_row["test_acc"]) == (50, "0", 75.0)
    assert (free["size"], free["params"], free["config:mean_bits"]) == (0.0269872, 157_359.0, 14 / 3)
    assert (free["config:nor_conv_1x1"], free["config:none"], free["config:avg_pool_3x3"]) == (3.0, 2.0, 1.0)


@pytest.mark.parametrize("more", [("1_2", 2.0, 0.316369, 0.0278832, 0.3), ("1_2", 4.0, 0.316369, 0.03, 0.3)])
def test_the_epochs_of_a_cell_with_repeated_or_unequal_bits_are_unknown(
    tmp_path: Path, more: tuple[str, float, float, float, float]
) -> None:
    paths = files(tmp_path, entries=[*LISTED, more])
    rows = mp_nasbench201_sizes.read(paths[2:], CONFIGURATIONS).values.to_pylist()
    assert [row["epochs"] for row in rows] == [50, 1, 1, 0, 0, 0]


@pytest.fixture(scope="module")
def graphs(mirror: Path) -> pd.DataFrame:
    """The published configurations with the bits of each operation."""
    return mp_nasbench201.read([mirror / path for path in PUBLISHED], GRAPHS).values.to_pandas()


@pytest.fixture(scope="module")
def numbered(mirror: Path) -> pd.DataFrame:
    """The published configurations that have a number in place of bits."""
    return mp_nasbench201_sizes.read([mirror / path for path in PUBLISHED[2:]], CONFIGURATIONS).values.to_pandas()


def test_the_published_configurations(graphs: pd.DataFrame) -> None:
    rows = graphs
    assert rows.groupby(["epochs", "seed"]).size().to_dict() == {
        (0, ""): 11_335, (50, "0"): 11_317, (50, "1"): 2_425, (50, "2"): 12,
    }  # fmt: skip
    assert rows["size"].notna().sum() == rows["params"].notna().sum() == 11_055
    accuracies = rows[rows["epochs"] == 50].pivot(index="arch", columns="seed", values="test_acc")
    assert accuracies["0"].max() == pytest.approx(84.267578125, rel=1e-12)
    correct = accuracies.stack() * 102.4
    assert (correct - correct.round()).abs().max() < 1e-9
    assert correct.max() == pytest.approx(8_629)
    both = accuracies[["0", "1"]].dropna()
    assert len(both) == 2_407
    assert kendalltau(both["0"], both["1"]).statistic == pytest.approx(0.940, abs=5e-4)


def test_all_numbered_configurations(numbered: pd.DataFrame) -> None:
    rows = numbered
    assert rows.groupby("epochs").size().to_dict() == {0: 19_428, 1: 9_164, 50: 10_264}
    free, trained = (part.set_index("arch") for _, part in rows.groupby(rows["epochs"] > 0))
    size = free.loc[trained.index, "size"]
    assert kendalltau(size, trained["test_acc"]).statistic == pytest.approx(0.348, abs=5e-4)
    first = trained["epochs"] == 50
    assert kendalltau(size[first], trained["test_acc"][first]).statistic == pytest.approx(0.363, abs=5e-4)


def test_the_numbered_configurations_without_bits(mirror: Path, graphs: pd.DataFrame, numbered: pd.DataFrame) -> None:
    *_, configurations, operations = (mirror / path for path in PUBLISHED)
    entries = listed(configurations, cells_in_order(operations, CELLS))
    assert len({one.cell for one in entries}) == 5_694
    with_bits = graphs[graphs["seed"] == "0"]
    found = Counter(
        of_graph(GRAPHS.parse(arch), accuracy / 100)
        for arch, accuracy in zip(with_bits["arch"], with_bits["test_acc"], strict=True)
    )
    without = Counter((one.cell, round(one.size, 7), round(one.accuracy, 10)) for one in entries) - found
    assert (sum(found.values()), sum(without.values())) == (11_317, 8_382)
    certain = {json.loads(arch)["cell"] for arch in numbered[numbered["epochs"] == 50]["arch"]}
    assert sum(count for (cell, _, _), count in without.items() if cell in certain) == 302


def of_graph(arch: ArchGraph, accuracy: float) -> tuple[str, float, float]:
    """Text of the cell, size and accuracy of a graph with bits."""
    a, b, c, d, e, f = arch.ops[1:-1]
    cell = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
    return cell, round(size_of(cell, [int(bits) for bits in arch.attrs[0][1][1:-1]]), 7), round(accuracy, 10)
