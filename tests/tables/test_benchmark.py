"""Queries on a small table of NAS-Bench-201 cells whose every value is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import proxybench as pb
from proxybench.spaces import get_space
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.store.merge import NamedFragment, merge
from proxybench.tables.store.schema import fragment_from_rows
from proxybench.tables.store.writing import write_table

ZERO = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
SKIP = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
SKIP_TWIN = "|skip_connect~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"
CONV = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|nor_conv_3x3~1|none~2|"
ABSENT = "|nor_conv_1x1~0|+|none~0|none~1|+|skip_connect~0|nor_conv_3x3~1|none~2|"


def row(arch: str, epochs: int, seed: str, dataset: str = "cifar10", **metrics: float | None) -> dict[str, object]:
    return {"arch": arch, "dataset": dataset, "epochs": epochs, "seed": seed, **metrics}


@pytest.fixture
def bench(cache: Path) -> Benchmark:
    rows = [
        row(ZERO, 200, "777", test_acc=10.0),
        row(ZERO, 200, "888", test_acc=10.2),
        row(SKIP, 200, "777", test_acc=80.0),
        row(CONV, 200, "777", test_acc=93.0),
        row(CONV, 200, "888", test_acc=94.0),
        row(SKIP_TWIN, 200, "777", test_acc=81.0),
        row(CONV, 200, "mean", test_acc=93.6),
        row(CONV, 12, "777", val_acc=70.0, train_s=110.0),
        row(SKIP, 12, "777", val_acc=60.0, train_s=math.nan),
        *(
            row(
                arch, 0, "", **{"params": params, "proxy:synflow": score, "proxy_s:synflow": 0.5, "latency_ms@fpga": ms}
            )
            for arch, params, score, ms in [(ZERO, 1e4, math.nan, 1.0), (SKIP, 1e4, 2.0, 2.0), (CONV, 3e5, 9.0, 7.0)]
        ),
        row(CONV, 200, "777", "cifar100", test_acc=70.0),
        row(ZERO, 200, "777", "cifar100", test_acc=1.0),
    ]
    space = get_space("nasbench201")
    table = merge([NamedFragment("by hand", fragment_from_rows(rows))])
    write_table("tiny", "nasbench201", "r", table, [space.digest(space.parse(arch)) for arch in table.archs], "# tiny")
    return pb.load("tiny")


def test_text_graph_and_index_name_the_same_row(bench: Benchmark) -> None:
    graph = bench.space.parse(CONV)
    index = bench.archs.index(CONV)
    for arch in (CONV, graph, index, f" {CONV} "):
        assert bench.query(arch, dataset="cifar10", metric="test_acc", epochs=200, seed=777) == 93.0


def test_a_digest_names_a_row_when_it_is_the_only_one(bench: Benchmark) -> None:
    assert bench.index(bench.space.digest(bench.space.parse(CONV))) == bench.archs.index(CONV)
    assert bench.index(bench.space.parse(CONV).digest) == bench.archs.index(CONV)


def test_twins_share_a_digest_and_the_query_says_so(bench: Benchmark) -> None:
    digest = bench.space.digest(bench.space.parse(SKIP))
    assert digest == bench.space.digest(bench.space.parse(SKIP_TWIN))
    with pytest.raises(pb.AmbiguousArchitecture, match="2 architectures of tiny share"):
        bench.index(digest)


def test_twins_are_different_rows(bench: Benchmark) -> None:
    answers = [bench.query(arch, dataset="cifar10", metric="test_acc", epochs=200) for arch in (SKIP, SKIP_TWIN)]
    assert answers == [80.0, 81.0]


def test_the_mean_is_over_the_runs_there_are(bench: Benchmark) -> None:
    assert bench.query(ZERO, dataset="cifar10", metric="test_acc", epochs=200, seed="mean") == pytest.approx(10.1)
    assert bench.query(SKIP, dataset="cifar10", metric="test_acc", epochs=200, seed="mean") == 80.0


def test_a_published_mean_stands_before_the_mean_over_runs(bench: Benchmark) -> None:
    assert bench.query(CONV, dataset="cifar10", metric="test_acc", epochs=200) == 93.6


def test_two_queries_give_the_same_answer(bench: Benchmark) -> None:
    answers = {bench.query(ZERO, dataset="cifar10", metric="test_acc", epochs=200) for _ in range(50)}
    assert len(answers) == 1


def test_what_is_not_measured_is_an_error_and_what_failed_is_nan(bench: Benchmark) -> None:
    assert math.isnan(bench.query(ZERO, dataset="cifar10", metric="proxy:synflow"))
    with pytest.raises(pb.NotMeasured, match="coverage"):
        bench.query(SKIP_TWIN, dataset="cifar10", metric="proxy:synflow")
    with pytest.raises(pb.NotMeasured):
        bench.query(SKIP, dataset="cifar10", metric="test_acc", epochs=200, seed=888)


def test_an_architecture_that_is_not_in_the_table(bench: Benchmark) -> None:
    with pytest.raises(pb.NotMeasured, match="does not hold"):
        bench.index(ABSENT)
    assert ABSENT not in bench
    assert CONV in bench
    assert bench.space.parse(CONV) in bench


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"dataset": "cifar-10"}, r"unknown dataset 'cifar-10'\. Did you mean 'cifar10'\? Valid: cifar10, cifar100"),
        ({"metric": "test_ac"}, r"'test_ac' of tiny on cifar10\. Did you mean 'test_acc'"),
        ({"epochs": 199}, r"199 is not among the epochs of test_acc on cifar10\. Valid: 200"),
        ({"seed": 778}, r"unknown seed.* 778\..*Valid: 777, 888, mean"),
        ({"dataset": None}, r"several data sets; choose one of: cifar10, cifar100"),
    ],
)
def test_an_unknown_value_lists_the_valid_ones(bench: Benchmark, question: dict[str, object], message: str) -> None:
    asked = {"dataset": "cifar10", "metric": "test_acc", "epochs": 200, "seed": "mean", **question}
    with pytest.raises(pb.UnknownName, match=message):
        bench.query(CONV, **asked)


def test_an_index_outside_the_table(bench: Benchmark) -> None:
    with pytest.raises(IndexError):
        bench.query(99, dataset="cifar10", metric="test_acc", epochs=200)


def test_epochs_may_be_left_out_where_there_is_one_budget(bench: Benchmark) -> None:
    assert bench.query(CONV, dataset="cifar10", metric="val_acc") == 70.0


def test_frame_has_one_row_per_architecture_in_index_order(bench: Benchmark) -> None:
    frame = bench.frame(dataset="cifar10", metrics=["test_acc", "params"], epochs=200)
    assert frame.index.tolist() == list(bench.archs)
    assert frame.loc[CONV].tolist() == [93.6, 3e5]
    assert math.isnan(frame.loc[SKIP_TWIN, "params"])


def test_the_frame_cannot_change_the_table(bench: Benchmark) -> None:
    frame = bench.frame(dataset="cifar10", metrics=["test_acc"], epochs=200)
    frame.loc[CONV, "test_acc"] = 0.0
    assert bench.query(CONV, dataset="cifar10", metric="test_acc", epochs=200) == 93.6


def test_columns_of_a_frame_belong_to_the_batch(bench: Benchmark) -> None:
    """Warnings are errors here, so that none is given."""
    batch, params = bench.batch("none"), bench.frame(dataset="cifar10", metrics=["params"], epochs=0)["params"]
    batch.require_rows(params, "params")
    assert batch.with_columns(mine=params).column("mine").tolist()[1:3] == params.tolist()[1:3]
    batch[1:].require_rows(params[1:], "params")
    batch[[2, 0]].require_rows(params.iloc[[2, 0]], "params")
    assert pb.rank_metrics(params, np.arange(len(params)))["answered"] == params.notna().sum()
    with pytest.raises(ValueError, match="the pandas index of params names different architectures"):
        batch.require_rows(params[::-1], "params")


def test_batch_carries_proxies_and_costs(bench: Benchmark) -> None:
    batch = bench.batch(dataset="cifar10")
    assert sorted(batch.columns) == ["cost:latency_ms@fpga", "cost:params", "proxy:synflow"]
    assert len(batch) == 4
    assert [bench.space.format(arch) for arch in batch] == list(bench.archs)
    assert batch.column("proxy:synflow")[bench.archs.index(CONV)] == 9.0
    assert bench.batch("none", dataset="cifar10").columns == {}


def test_best_is_largest_accuracy_and_smallest_latency(bench: Benchmark) -> None:
    assert bench.best(dataset="cifar10", metric="test_acc", epochs=200).index.tolist() == [CONV]
    assert bench.best(dataset="cifar10", metric="latency_ms@fpga", k=2).index.tolist() == [ZERO, SKIP]


def test_best_leaves_out_what_is_not_finite(bench: Benchmark) -> None:
    assert bench.best(dataset="cifar10", metric="proxy:synflow", k=9).index.tolist() == [CONV, SKIP]


def test_neighbours_are_those_of_the_table(bench: Benchmark) -> None:
    assert [bench.space.format(arch) for arch in bench.neighbours(ZERO)] == [SKIP]


def test_coverage_counts_values_and_failures(bench: Benchmark) -> None:
    coverage = bench.coverage().set_index(["dataset", "epochs", "seed", "metric"])
    assert coverage.loc["cifar10", 0, "", "proxy:synflow"].tolist() == [3, 1]
    assert coverage.loc["cifar10", 200, "777", "test_acc"].tolist() == [4, 0]


def test_an_unknown_benchmark_suggests_the_nearest(cache: Path) -> None:
    with pytest.raises(pb.UnknownName, match="Did you mean 'nasbench201'"):
        pb.load("nasbench-201")


def test_a_registered_benchmark_that_is_not_here_names_the_command(cache: Path) -> None:
    with pytest.raises(pb.DataNotAvailable, match="run: proxybench fetch nasbench201"):
        pb.load("nasbench201")
    assert pb.list_benchmarks()["nasbench201"].available is False


def test_values_are_read_only(bench: Benchmark) -> None:
    values = bench.values("test_acc", dataset="cifar10", epochs=200)
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 1.0
    assert isinstance(values, np.ndarray)


def test_columns_of_all_data_sets_carry_their_name(bench: Benchmark) -> None:
    batch = bench.batch()
    assert "proxy:synflow[cifar10]" in batch.columns
    assert bench.batch("proxy:synflow").columns.keys() == {"proxy:synflow[cifar10]"}


@pytest.mark.parametrize("arch", [True, 1.5, None, -1])
def test_what_is_no_architecture_is_refused(bench: Benchmark, arch: object) -> None:
    with pytest.raises((TypeError, IndexError), match="index"):
        bench.index(arch)


def test_one_metric_may_be_given_without_a_list(bench: Benchmark) -> None:
    assert bench.frame(dataset="cifar10", metrics="val_acc").columns.tolist() == ["val_acc"]
