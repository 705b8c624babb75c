"""The tables of trainings that come with the project: reliable, described, and ready to rank all kinds of methods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import proxybench as pb
from proxybench.evaluation.plans import suite_tasks
from proxybench.evaluation.tasks import load_tasks
from proxybench.resources import data_path
from proxybench.scores.shipped import shipped_scores
from proxybench.training.card import card
from proxybench.training.reliability import by_seed, split_half
from proxybench.training.table import TrainedTable, read_table

NAMES = [task.benchmark for task in suite_tasks("trained")]
NDS = [name for name in NAMES if name.startswith("trained-nds-")]
MOST = 600_000  # bytes of a file of trainings


def file_of(name: str) -> Path:
    return Path(data_path(f"tables/{name}.parquet"))


@pytest.fixture(scope="module", params=NDS)
def table(request: pytest.FixtureRequest) -> TrainedTable:
    return read_table(file_of(request.param))


def test_every_table_that_comes_with_the_project_is_ranked() -> None:
    assert sorted(NAMES) == sorted(name for name, info in pb.list_benchmarks().items() if info.shipped)


@pytest.mark.parametrize("name", NAMES)
def test_its_tasks_are_about_all_its_architectures(name: str) -> None:
    bench, tasks = pb.load(name), load_tasks()
    ranked, learned, columns = (tasks[f"{name}-{kind}"] for kind in ("test", "predict", "predict-all-columns"))
    assert {task.size for task in (ranked, learned, columns)} == {len(bench.archs)}
    assert {task.columns for task in (ranked, learned, columns)} == {"all"}
    assert len({task.target for task in (ranked, learned, columns)}) == 1
    assert max(columns.sizes) <= len(bench.archs) / 2


@pytest.mark.parametrize("name", NAMES)
def test_proxies_of_all_its_networks_come_with_it(name: str) -> None:
    bench = pb.load(name)
    scores = shipped_scores(bench.space.name)
    assert set(bench.digests) <= set(scores.digests)
    assert scores.nodes
    batch = bench.batch("all")
    assert {name for name in batch.columns if name.startswith("proxy:")} >= {
        f"{column}@proxybench" for column in scores.scores if column not in ("proxy:params", "proxy:flops")
    }


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_and_has_a_card(name: str) -> None:
    assert file_of(name).stat().st_size <= MOST
    space = pb.load(name).space.name
    for card_of in (name, f"{space}-proxies"):
        assert Path(data_path(f"cards/{card_of}.md")).is_file()


def test_seeds_agree_on_the_order_of_an_nds_table(table: TrainedTable) -> None:
    recipe = table.setting["recipe"]
    archs, runs = by_seed(table.values, "test_acc", recipe["epochs"])
    assert len(archs) >= 300
    assert runs.shape[1] >= 3
    assert np.isfinite(runs).all()
    assert split_half(runs).mean() >= 0.85


@pytest.mark.parametrize("name", NDS)
def test_the_card_of_an_nds_table_is_made_from_it(name: str) -> None:
    assert Path(data_path(f"cards/{name}.md")).read_text() == card(read_table(file_of(name)))
