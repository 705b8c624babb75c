"""Estimates with the weights of supernets: few-shot NAS on NAS-Bench-201, BossNAS on NATS-Bench size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers import bossnas, few_shot, natsbench_size

CELLS, SIZES = get_space("nasbench201"), get_space("natsbench-size")
FEW_SHOT = "aoiang/few-shot-NAS/ec366c1c5ca23fe4e9bdd1ec869753739b196ed5/Few-Shot_NasBench201/supernet_info"
BOSSNAS = "changlin31/BossNAS/bb8b26a09e3ae7889dd118950b022be6b3ce99a0/ranking_nats"
PRINTED = (
    "[(('avg_pool_3x3', 0),), (('none', 0), ('none', 1)), (('skip_connect', 0), ('none', 1), ('nor_conv_3x3', 2))]"
)
TEXT = "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"


def test_a_printed_cell_and_its_accuracy(tmp_path: Path) -> None:
    path = tmp_path / "supernet"
    path.write_text(json.dumps({PRINTED: 81.5}))
    assert few_shot.read([path], CELLS, name="one-shot").values.to_pylist() == [
        {"arch": TEXT, "dataset": "cifar10", "epochs": 0, "seed": "", "oneshot:one-shot": 81.5}
    ]


@pytest.mark.parametrize("document", [
    [PRINTED], {PRINTED: "81"}, {PRINTED: 101}, {PRINTED: True}, {"": 1.0}, {PRINTED[:-1]: 1.0},
    {PRINTED.replace("none", "None"): 1.0}, {PRINTED.replace("none", "no_op"): 1.0}, {f"{PRINTED};": 1.0},
])  # fmt: skip
def test_other_documents_are_refused(tmp_path: Path, document: object) -> None:
    path = tmp_path / "supernet"
    path.write_text(json.dumps(document))
    with pytest.raises(CorruptData, match="supernet"):
        few_shot.read([path], CELLS, name="one-shot")


@pytest.mark.parametrize(("file", "tau", "rho"), [
    ("one-shot-supernet", 0.4849, 0.6771),
    ("few-shot-supernet", 0.5508, 0.7410),
])  # fmt: skip
def test_the_ranking_of_all_cells_by_supernets(mirror: Path, file: str, tau: float, rho: float) -> None:
    estimates, true = (
        few_shot.read([mirror / FEW_SHOT / name], CELLS, name="x").values.to_pandas().set_index("arch")["oneshot:x"]
        for name in (file, "nasbench201")
    )
    assert len(estimates) == len(true) == 15_625
    estimates = estimates[true.index]
    assert kendalltau(estimates, true).statistic == pytest.approx(tau, abs=5e-5)
    assert spearmanr(estimates, true).statistic == pytest.approx(rho, abs=5e-5)


def blocks(folder: Path) -> list[Path]:
    """Losses that fall by one with each step of a layer's width, and by ten with each step of a block's first."""
    paths = []
    for number, layers in enumerate((2, 2, 1)):
        path = folder / f"path_rank_{number}.yml"
        lines = [f"{code:0{layers}o}" for code in range(8**layers)]
        path.write_text("".join(f"- !!python/tuple\n  - '{code}'\n  - {-float(code)}\n" for code in lines))
        paths.append(path)
    return paths


def test_the_losses_of_the_blocks_of_a_network_are_added(tmp_path: Path) -> None:
    rows = bossnas.read(blocks(tmp_path), SIZES).values.to_pandas().set_index("arch")["oneshot:bossnas"]
    assert len(rows) == 32_768
    assert [rows["8:8:8:8:8"], rows["16:8:8:8:8"], rows["8:24:8:32:64"]] == [0.0, 10.0, 2.0 + 3.0 + 7.0]


@pytest.mark.parametrize(("old", "new"), [
    ("'77'", "'76'"), ("'77'", "'78'"), ("'77'", "77"), ("!!python/tuple", "!!python/object/apply:os.mkdir"),
    ("-77.0", ".nan"), ("-77.0", "high"), ("-77.0\n", "-77.0\n  - 1.0\n"),
    ("- !!python/tuple\n  - '77'\n  - -77.0\n", ""),
])  # fmt: skip
def test_other_lists_of_losses_are_refused(tmp_path: Path, old: str, new: str) -> None:
    paths = blocks(tmp_path)
    text = paths[1].read_text()
    assert text.count(old) >= 1
    paths[1].write_text(text.replace(old, new))
    with pytest.raises(CorruptData, match=r"path_rank_1\.yml"):
        bossnas.read(paths, SIZES)


def test_the_ranking_of_all_networks_by_bossnas(mirror: Path) -> None:
    folder = mirror / BOSSNAS
    paths = [folder / "path_rank" / f"path_rank_{number}.yml" for number in range(3)]
    estimates = bossnas.read(paths, SIZES).values.to_pandas().set_index("arch")["oneshot:bossnas"]
    published = natsbench_size.read([folder / "nats_cifar10_acc_rank.yml"], SIZES).values.to_pandas()
    true = published.set_index("arch")["test_acc"]
    estimates = estimates[true.index]
    assert kendalltau(estimates, true).statistic == pytest.approx(0.534, abs=5e-4)
    assert spearmanr(estimates, true).statistic == pytest.approx(0.734, abs=5e-4)
    assert np.corrcoef(estimates, true)[0, 1] == pytest.approx(0.718, abs=5e-4)
    assert true[estimates.idxmax()] == pytest.approx(93.29, abs=5e-3)
