"""Facts about the real tables, built from the mirror through registry, importers and merge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

import proxybench as pb

BEST_CIFAR10 = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"


def test_the_best_mean_test_accuracies_of_nasbench201(real_tables: Path) -> None:
    bench, datasets = pb.load("nasbench201"), ("cifar10", "cifar100", "ImageNet16-120")
    best = {
        dataset: bench.best(metric="test_acc", dataset=dataset, epochs=200)["test_acc"].iloc[0] for dataset in datasets
    }
    for dataset in datasets:
        assert np.isfinite(bench.values("test_acc", dataset=dataset, epochs=200)).sum() == 15_625
    assert best == pytest.approx({"cifar10": 94.3733, "cifar100": 73.5133, "ImageNet16-120": 47.3111}, abs=5e-5)
    assert bench.best(metric="test_acc", dataset="cifar10", epochs=200).index[0] == BEST_CIFAR10


def test_the_documented_example_answers_as_documented(real_tables: Path) -> None:
    bench = pb.load("nasbench201")
    arch = bench.space.parse(BEST_CIFAR10)
    answer = bench.query(arch, dataset="cifar10", metric="test_acc", epochs=200, seed="mean")
    assert answer == pytest.approx(94.3733, abs=5e-5)
    frame = bench.frame(dataset="cifar10", metrics=["val_acc", "test_acc"], epochs=200)
    assert frame.shape == (15_625, 2)
    assert not frame.isna().to_numpy().any()
    batch = bench.batch(columns="training-free", dataset="cifar10")
    assert len(batch) == 15_625
    assert {"proxy:synflow", "cost:params", "cost:flops", "cost:latency_ms@edgegpu"} <= set(batch.columns)


@pytest.mark.parametrize(("dataset", "best", "tau"), [
    ("cifar10", 91.57, 0.8790),
    ("cifar100", 73.26, 0.9573),
    ("ImageNet16-120", 47.33, 0.9649),
])  # fmt: skip
def test_the_published_validation_accuracy_against_test_accuracy(
    real_tables: Path, dataset: str, best: float, tau: float
) -> None:
    frame = pb.load("nasbench201").frame(dataset=dataset, metrics=["val_acc", "test_acc"], epochs=200)
    assert frame["val_acc"].max() == pytest.approx(best, abs=0.006)
    assert kendalltau(frame["val_acc"], frame["test_acc"]).statistic == pytest.approx(tau, abs=5e-5)


def test_the_index_is_the_order_of_nats_bench(real_tables: Path) -> None:
    official = pb.load("nats-tss-sample")
    bench = pb.load("nasbench201")
    assert [bench.index(arch) for arch in official.archs] == [0, 11, 284]


def test_the_official_records_and_the_collected_table_agree(real_tables: Path) -> None:
    official, bench = pb.load("nats-tss-sample"), pb.load("nasbench201")
    for arch in official.archs:
        for dataset in ("cifar10", "cifar100", "ImageNet16-120"):
            asked = {"dataset": dataset, "metric": "test_acc", "epochs": 200, "seed": "mean"}
            assert bench.query(arch, **asked) == pytest.approx(official.query(arch, **asked), abs=1e-3)
        assert bench.query(arch, dataset="cifar10", metric="test_acc", epochs=200, seed=777) == pytest.approx(
            official.query(arch, dataset="cifar10", metric="test_acc", epochs=200, seed=777), abs=5e-3
        )


def test_hardware_columns_have_device_and_unit(real_tables: Path) -> None:
    from proxybench.tables.store.schema import metric_of

    bench = pb.load("nasbench201")
    # The first row of the published file, cell (4, 3, 3, 0, 0, 0): 5.807 ms and 24.227 mJ on the edge GPU.
    arch = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    assert bench.query(arch, dataset="cifar10", metric="latency_ms@edgegpu") == pytest.approx(5.807418537)
    assert bench.query(arch, dataset="cifar10", metric="energy_mj@edgegpu") == pytest.approx(24.22661433)
    assert metric_of("latency_ms@edgegpu").unit == "milliseconds"


def test_isomorphic_cells_share_a_digest(real_tables: Path) -> None:
    assert len(set(pb.load("nasbench201").digests)) == 6_466
    assert len(set(pb.load("nasbench101").digests)) == 423_624


def test_the_size_space_and_its_best(real_tables: Path) -> None:
    bench = pb.load("natsbench-size")
    assert len(bench) == 32_768
    assert bench.query("64:64:56:64:24", dataset="cifar10", metric="test_acc", epochs=90) == pytest.approx(93.65)
    assert bench.values("test_acc", epochs=90).max() == pytest.approx(93.65)


def test_nasbench101_rows_are_graphs_whose_hash_is_their_digest(real_tables: Path) -> None:
    bench = pb.load("nasbench101")
    for row in range(0, len(bench), 30_000):
        assert bench.index(bench.digests[row]) == row
        assert bench.index(bench.arch(row)) == row


def test_nasbench101_has_all_cells_and_ranks_them_as_published(real_tables: Path) -> None:
    bench = pb.load("nasbench101")
    frame = bench.frame(metrics=["val_acc", "test_acc"], epochs=108)
    assert len(frame) == len(bench) == len(bench.space) == 423_624
    assert frame["test_acc"].notna().all()
    both = frame.dropna()
    assert len(both) == 30_001
    assert kendalltau(both["val_acc"], both["test_acc"]).statistic == pytest.approx(0.9014, abs=5e-5)
    assert spearmanr(both["val_acc"], both["test_acc"]).statistic == pytest.approx(0.9863, abs=5e-5)
    best = int(frame["test_acc"].argmax())
    assert bench.digests[best] == "02e5a0247bbdcf2860b7e96f74961594"
    assert frame["test_acc"].iloc[best] == pytest.approx(94.3176, abs=5e-5)
    arch = bench.arch(best)
    assert bench.neighbours(arch) == bench.space.neighbours(arch)


def test_sources_of_nasbench201_agree(real_tables: Path) -> None:
    bench = pb.load("nasbench201")
    runs = [seed for seed in bench.seeds("test_acc", "cifar10", 200) if seed.isdecimal()]
    columns = [
        np.where(
            bench.measured("test_acc", dataset="cifar10", epochs=200, seed=seed),
            bench.values("test_acc", dataset="cifar10", epochs=200, seed=seed),
            np.nan,
        )
        for seed in runs
    ]
    of_all_runs = np.nanmean(columns, axis=0)
    valid = bench.values("val_acc", dataset="cifar10-valid", epochs=200)
    assert kendalltau(valid, of_all_runs).statistic == pytest.approx(0.891, abs=5e-4)
    few_shot = bench.values("oneshot:few-shot", dataset="cifar10")
    assert kendalltau(few_shot, of_all_runs).statistic == pytest.approx(0.5505, abs=5e-5)


def test_supernet_estimates_and_parts_of_the_space_are_no_columns_that_methods_see(real_tables: Path) -> None:
    columns = pb.load("nasbench201").batch(dataset="cifar10").columns
    assert not any("oneshot" in name for name in columns)
    assert {"cost:latency_ms@pixel2", "cost:latency_ms@edgegpu"} <= set(columns)
    assert set(pb.load("nasbench101").batch(dataset="cifar10").columns) == {"cost:params", "proxy:zen"}


def test_failed_scores_are_nan_and_counted_in_the_card(real_tables: Path) -> None:
    bench = pb.load("nasbench201")
    zero = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    assert np.isnan(bench.query(zero, dataset="cifar10", metric="proxy:nwot"))
    assert "nwot failed for 1 of 9445 architectures on cifar10" in bench.card


def test_every_card_names_source_licence_and_citation(real_tables: Path) -> None:
    for name, info in pb.list_benchmarks().items():
        card = pb.load(name).card
        assert "Citation: " in card
        assert all(licence in card for licence in info.licences)


def test_the_cells_are_bound_to_the_population_that_tasks_state(real_tables: Path) -> None:
    from proxybench.evaluation.tasks import load_tasks

    for task in load_tasks().values():
        if task.size is not None:
            assert len(task.rows(pb.load(task.benchmark))) == task.size


def test_every_registered_file_is_part_of_a_benchmark() -> None:
    from proxybench.tables.sources.registry import load_registry

    registry = load_registry()
    used = {file for name in registry.benchmarks for file in registry.files_of(name)}
    assert set(registry.files) - used == set()
