"""The trained DARTS genotypes of SWAP and OnceNAS: rows, units, repeated architectures, damage."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers import oncenas, swap_darts

SPACE = get_space("darts")
SWAP = "pym1024/SWAP/f6049f7c979b0cfc9ac5a13666fedb79dfe3cce8/datasets/DARTS_archs_CIFAR10.csv"
ONCENAS = "OnceNAS-Bench/OnceNAS-Bench/8df26aa3d72a042c45b65cfc6fe0ae95ce41e042/data-545.csv"
CONVS = "('sep_conv_3x3', 0), ('sep_conv_5x5', 1), " + ", ".join(["('skip_connect', 0)", "('skip_connect', 1)"] * 3)
SWAPPED = CONVS.replace(
    "('sep_conv_3x3', 0), ('sep_conv_5x5', 1)", "('sep_conv_5x5', 1), ('sep_conv_3x3', 0)"
)  # the same network


def genotype(cell, concat="[2, 3, 4, 5]"):
    return f"Genotype(normal=[{cell}], normal_concat={concat}, reduce=[{cell}], reduce_concat={concat})"


SWAP_LINES = f'"{genotype(CONVS)}",85.0\r\n"{genotype(SWAPPED)}",85.5\r\n'
ONCENAS_HEADER = (
    "weights_index,architecture,flop,params,train_time10,train_acc10,valid_acc10,train_time50,train_acc50,"
    "valid_acc50,test_acc50,gpu_latency,rasp_latency,fpga_latency,mcu_latency\r\n"
)
ONCENAS_LINES = ONCENAS_HEADER + (
    f'000-00,"{genotype(CONVS, "range(2, 6)")}",'
    "536.55264,3.262942,0:20:57,75.106,79.76,1:44:56,86.726,92.04,92.03999747,29.33620105,250.44,489.66,406.42\r\n"
    f'000-01,"{genotype(SWAPPED, "range(2, 6)")}",'
    "536.55264,3.262942,0:21:07,76.4,80.5,1:45:33,88.15,92.42,92.41999719,29.52694659,241.3,436.06,480.96\r\n"
)


def written(folder, text):
    path = folder / "runs.csv"
    path.write_text(text, newline="")
    return path


def rows_of(fragment):
    return [{k: v for k, v in row.items() if v is not None} for row in fragment.values.to_pylist()]


@pytest.fixture(scope="module")
def swap(mirror):
    return swap_darts.read([mirror / SWAP], SPACE)


@pytest.fixture(scope="module")
def once(mirror):
    return oncenas.read([mirror / ONCENAS], SPACE)


def test_swap_rows_are_validation_accuracies_after_200_epochs(swap):
    first = rows_of(swap)[0]
    assert (first["dataset"], first["epochs"], first["seed"], first["val_acc"]) == ("cifar10", 200, "0", 85.0)
    assert first["arch"].startswith("Genotype(normal=[('none', 0), ('dil_conv_5x5', 0), ('sep_conv_5x5', 0)")
    assert swap.values.num_rows == 1_000
    values = swap.values.column("val_acc").to_numpy()
    assert (values.min().round(2), values.max().round(2)) == (10.22, 86.61)


def test_swap_genotypes_are_different_networks_with_equal_cells(swap):
    archs = [SPACE.parse(text) for text in swap.values.column("arch").to_pylist()]
    assert len({SPACE.digest(arch) for arch in archs}) == 1_000
    cells = [SPACE.genotype(arch) for arch in archs]
    assert all(normal == reduce for normal, reduce in cells)
    assert sum(any(op == "none" for op, _ in normal.entries) for normal, _ in cells) == 644
    pairs = [[normal.entries[k : k + 2] for k in range(0, 8, 2)] for normal, _ in cells]
    assert sum(any(one[1] == two[1] for one, two in states) for states in pairs) == 811
    assert swap.notes == ()


def test_oncenas_has_three_rows_of_a_genotype(once):
    untrained, short, long = rows_of(once)[:3]
    assert untrained["arch"].endswith("('sep_conv_3x3', 4)], reduce_concat=[2, 3, 4, 5])")
    assert (untrained["epochs"], untrained["seed"]) == (0, "")
    assert (untrained["params"], untrained["flops"]) == (3_262_942, 536_552_640)
    latencies = [untrained[f"latency_ms@{device}"] for device in ("gpu", "raspberrypi", "fpga", "mcu")]
    assert latencies == [29.33620105, 250.44, 489.66, 406.42]
    assert (short["epochs"], short["seed"], short["train_acc"], short["val_acc"]) == (10, "0", 75.106, 79.76)
    assert short["train_s"] == 20 * 60 + 57
    assert "test_acc" not in short
    assert (long["epochs"], long["train_acc"], long["val_acc"], long["test_acc"]) == (50, 86.726, 92.04, 92.03999747)
    assert long["train_s"] == 3600 + 44 * 60 + 56


def test_oncenas_holds_545_trainings_of_526_architectures(once):
    table = once.values.to_pandas()
    assert len(table) == 526 + 2 * 545
    assert table["arch"].nunique() == 526
    assert table[table["epochs"] == 50]["seed"].value_counts().to_dict() == {"0": 526, "1": 11, "2": 4, "3": 2, "4": 2}
    assert once.notes == (
        "30 of the 545 rows are repeated trainings of 11 architectures, some written in another order; they are runs "
        "0, 1, ... in file order, and the seeds are not published.",
    )


def test_oncenas_test_accuracy_repeats_the_validation_accuracy(once):
    table = once.values.to_pandas().query("epochs == 50")
    assert (table["val_acc"] - table["test_acc"]).abs().max() < 0.0201


def test_oncenas_latencies_of_edge_devices_do_not_depend_on_the_network(once):
    table = once.values.to_pandas().query("epochs == 0")
    with_flops = table[[f"latency_ms@{device}" for device in ("gpu", "raspberrypi", "fpga", "mcu")]].corrwith(
        table["flops"], method="spearman"
    )
    assert with_flops.iloc[0] > 0.98
    assert with_flops.iloc[1:].abs().max() < 0.05


def test_isomorphic_genotypes_are_runs_of_one_architecture(tmp_path):
    swap = rows_of(swap_darts.read([written(tmp_path, SWAP_LINES)], SPACE))
    assert [(row["arch"], row["seed"], row["val_acc"]) for row in swap] == [
        (genotype(CONVS), "0", 85.0),
        (genotype(CONVS), "1", 85.5),
    ]
    once = rows_of(oncenas.read([written(tmp_path, ONCENAS_LINES)], SPACE))
    assert {row["arch"] for row in once} == {genotype(CONVS)}
    assert [(row["epochs"], row["seed"]) for row in once] == [(0, ""), (10, "0"), (50, "0"), (10, "1"), (50, "1")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        SWAP_LINES[:-20],  # cut inside the last line
        SWAP_LINES.replace("85.5", "850"),
        SWAP_LINES.replace("85.5", "high"),
        SWAP_LINES.replace("85.5", "85.5,1"),
        SWAP_LINES.replace("skip_connect", "skip_connekt"),
        SWAP_LINES.replace(",85.5", ""),
        SWAP_LINES + "\0",
    ],
)
def test_swap_file_in_another_form_is_corrupt(tmp_path, text):
    with pytest.raises(CorruptData, match=r"runs\.csv"):
        swap_darts.read([written(tmp_path, text)], SPACE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ONCENAS_LINES[:-30],
        ONCENAS_LINES.replace("train_acc10", "train_acc"),
        ONCENAS_LINES.replace("0:20:57", "0:20:77"),
        ONCENAS_LINES.replace("0:20:57", "1257"),
        ONCENAS_LINES.replace("79.76", "797.6"),
        ONCENAS_LINES.replace("536.55264", "many"),
        ONCENAS_LINES.replace("536.55264", "nan"),
        ONCENAS_LINES.replace("sep_conv_5x5", "sep_conv_6x6"),
    ],
)
def test_oncenas_file_in_another_form_is_corrupt(tmp_path, text):
    with pytest.raises(CorruptData, match=r"runs\.csv"):
        oncenas.read([written(tmp_path, text)], SPACE)


@settings(max_examples=40)
@given(st.data())
@pytest.mark.parametrize(("importer", "text"), [(swap_darts, SWAP_LINES), (oncenas, ONCENAS_LINES)])
def test_flipped_bit_is_corrupt_or_another_value(tmp_path_factory, importer, text, data):
    content = bytearray(text.encode())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("flip") / "runs.csv"
    path.write_bytes(content)
    with suppress(CorruptData):
        assert importer.read([path], SPACE).values.num_rows <= 6


def test_repeated_oncenas_trainings_differ_by_up_to_1_16_points(once):
    table = once.values.to_pandas().query("epochs == 50")
    spread = table.groupby("arch")["val_acc"].max() - table.groupby("arch")["val_acc"].min()
    assert spread.max() == pytest.approx(92.43 - 91.27)
