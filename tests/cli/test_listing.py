"""list names what other verbs take."""

from __future__ import annotations

import json

import pytest

from predictors import available
from proxybench import proxies
from proxybench.evaluation.tasks import load_tasks
from proxybench.search import SEARCHERS
from proxybench.spaces import SPACES

NAMES = {
    "tasks": ("task", set(load_tasks())),
    "suites": ("suite", {suite for task in load_tasks().values() for suite in task.suites}),
    "proxies": ("proxy", set(proxies.available())),
    "predictors": ("predictor", set(available())),
    "searchers": ("searcher", set(SEARCHERS)),
    "spaces": ("space", set(SPACES)),
}


@pytest.mark.parametrize("what", NAMES)
def test_every_name_is_listed_once(run, what: str) -> None:
    key, names = NAMES[what]
    rows = json.loads(run("list", what, "--json").out)
    assert len(rows) == len(names)
    assert {row[key] for row in rows} == names


def test_methods_are_proxies_costs_predictors_and_groups(run) -> None:
    kinds = {row["method"]: row["kind"] for row in json.loads(run("list", "methods", "--json").out)}
    assert kinds["synflow"] == "proxy"
    assert (kinds["params"], kinds["random"], kinds["gbdt"]) == ("cost", "control", "predictor")
    assert (kinds["columns"], kinds["predictors"]) == ("group", "group")
    assert kinds.keys() >= {*proxies.available(), *available()}


def test_people_get_a_table(run) -> None:
    lines = run("list", "spaces").out.splitlines()
    assert lines[0].split() == ["space", "architectures", "source", "example"]
    assert next(line for line in lines if line.startswith("nasbench201")).split()[1] == "15,625"


def test_an_unknown_kind_names_the_kinds(run) -> None:
    answer = run("list", "tables")
    assert answer.code == 2
    assert "'tasks'" in answer.err
