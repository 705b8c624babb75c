"""Heat maps: what a cell is the mean of, which scores count, and the order of rows and columns."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

import pytest

from proxybench.leaderboard.page.facts import BenchmarkFacts, Facts
from proxybench.leaderboard.page.front_content import front_content
from proxybench.leaderboard.page.heat import Heat, heats_of
from proxybench.leaderboard.page.heat_picture import heat_picture
from proxybench.leaderboard.page.pictures import draw
from proxybench.leaderboard.page.searcher_heat import searcher_heats
from proxybench.leaderboard.ranks.entries import entries_of
from proxybench.leaderboard.searches.records import SearchedProblem, SearcherRuns


def only(records: list[Any], facts: Facts | None = None, suites: dict[str, list[str]] | None = None) -> Heat:
    (heat,) = heats_of(entries_of(records), suites or {}, facts or Facts())
    return heat


def cells(heat: Heat) -> dict[str, dict[str, float]]:
    return {row.name: {name: round(cell.value, 6) for name, cell in row.cells.items()} for row in heat.rows}


def test_a_cell_is_the_mean_over_the_tasks_that_the_column_compares(record) -> None:
    heat = only([record("a", 0.2, "one"), record("a", 0.6, "two"), record("b", 0.1, "one"), record("b", 0.3, "two")])
    assert cells(heat) == {"a": {"nasbench201": 0.4}, "b": {"nasbench201": 0.2}}
    assert heat.compared == {"nasbench201": ("one", "two")}


def test_the_interval_of_a_cell_is_the_mean_of_those_of_its_tasks(record) -> None:
    first = record("a", 0.2, "one", intervals={"kendall": (0.1, 0.3)})
    second = record("a", 0.6, "two", intervals={"kendall": (0.4, 0.7)})
    cell = only([first, second]).rows[0].cells["nasbench201"]
    assert (cell.low, cell.high) == (pytest.approx(0.25), pytest.approx(0.5))
    assert only([first, record("a", 0.6, "two")]).rows[0].cells["nasbench201"].low is None


def test_a_method_without_all_tasks_of_the_column_is_marked(record) -> None:
    heat = only([record(name, 0.5, task) for name in ("a", "b") for task in ("one", "two")] + [record("c", 0.1, "one")])
    same = {row.name: row.cells["nasbench201"].same for row in heat.rows}
    assert same == {"a": True, "b": True, "c": False}


def test_a_method_with_architectures_missing_is_marked(record) -> None:
    heat = only([record("a", 0.5), record("b", 0.4), record("c", 0.9, attempted=3.0)])
    assert {row.name: row.cells["nasbench201"].same for row in heat.rows} == {"a": True, "b": True, "c": False}


def test_scores_of_this_project_count_where_there_are_any(record, task) -> None:
    other = task("elsewhere", "nasbench101")
    heat = only([record("zen", 0.9), record("zen@proxybench", 0.2), record("zen", 0.7, other)])
    assert cells(heat) == {"zen": {"nasbench201": 0.2, "nasbench101": 0.7}}
    assert {name: cell.ours for name, cell in heat.rows[0].cells.items()} == {"nasbench201": True, "nasbench101": False}


def test_predictors_have_a_map_for_each_size_that_a_task_comes_near(record, task) -> None:
    records = [
        record("gbdt", 0.5, "one", kind="predictor", n_train=78),
        record("gbdt", 0.6, task("two", "nasbench101"), kind="predictor", n_train=100),
        record("gbdt", 0.7, task("three", "darts"), kind="predictor", n_train=4000),
    ]
    found = {heat.n: cells(heat) for heat in heats_of(entries_of(records), {}, Facts())}
    assert found[100] == {"gbdt": {"nasbench201": 0.5, "nasbench101": 0.6}}
    assert set(found) == {100}


def test_published_benchmarks_come_first_and_decide_the_order_of_rows(record, task) -> None:
    ours = task("own", "trained-nasbench201")
    heat = only(
        [record("a", 0.1), record("b", 0.3), record("a", 0.9, ours), record("b", 0.2, ours), record("c", 1.0, ours)]
    )
    assert heat.columns == ("nasbench201", "trained-nasbench201")
    assert [row.name for row in heat.rows] == ["b", "a", "c"]


def test_a_method_on_few_benchmarks_comes_after_those_on_more(record, task) -> None:
    names = [
        "nasbench101",
        "nasbench201",
        "darts-swap",
        "natsbench-size",
        "nasbench-macro",
        "accel-nasbench",
        "flexibert",
    ]
    records = [record(method, tau, task(name, name)) for name in names for method, tau in (("a", 0.3), ("b", 0.2))]
    records += [record("c", 0.9, task(name, name)) for name in names[:2]]
    assert [row.name for row in only(records).rows] == ["a", "b", "c"]  # two of seven is less than a third
    records += [record("c", 0.9, task(names[2], names[2]))]
    assert [row.name for row in only(records).rows] == ["c", "a", "b"]


def test_latencies_are_no_part_of_the_map_of_accuracies(record) -> None:
    records = [record(name, tau, task) for task in ("one", "device") for name, tau in (("a", 0.2), ("b", 0.1))]
    records[2] = record("a", -0.9, "device")
    assert cells(only(records, suites={"devices": ["device"]}))["a"] == {"nasbench201": 0.2}


def test_facts_decide_the_section_of_a_benchmark() -> None:
    facts = Facts(benchmarks={"mine": BenchmarkFacts("yours")})
    assert [facts.section(name) for name in ("mine", "trained-x", "nasbench201")] == ["yours", "ours", "published"]


def test_searchers_have_the_share_of_runs_that_beat_random_search(task) -> None:
    def runs(searcher: str, regret: list[float]) -> SearcherRuns:
        return SearcherRuns(searcher, {}, 10, "0-3", regret, (1, None, None), (0.5, 0.5))

    searched = [runs("local", [0.0, 0.0, 2.0, 1.0]), runs("random", [1.0, 1.0, 1.0, 1.0])]
    (heat,) = searcher_heats([SearchedProblem(task("tiny"), "", 1.0, searched)], Facts())
    assert (heat.group, heat.n) == ("searchers", 10)
    assert cells(heat) == {"local": {"nasbench201": 0.625}}  # better twice, worse once, once equal


def content(records: list[Any], searches: Sequence[SearchedProblem] = ()) -> dict[str, Any]:
    entries = entries_of(records)
    facts = Facts()
    heats = [*heats_of(entries, {}, facts), *searcher_heats(searches, facts)]
    found = front_content(entries, heats, facts)
    decoded: dict[str, Any] = json.loads(json.dumps(found))
    return decoded


def test_a_square_names_its_first_task_by_number_and_counts_the_others(record, task) -> None:
    names = [f"task {number}" for number in range(9)]
    found = content([record(method, 0.5, name) for method in ("a", "b") for name in names])
    first, tasks = found["heat"][0]["rows"][0]["cells"][0][3:5]
    assert (found["tasks"][first]["name"], tasks) == (names[0], 9)

    runs = [SearcherRuns(name, {}, 10, "0", [0.0], (1, None, None), (0.5, 0.5)) for name in ("local", "random")]
    searched = [SearchedProblem(task(name), "", 1.0, runs) for name in ("one", "two")]
    found = content([record("a", 0.5)], searched)
    first, problems = found["heat"][-1]["rows"][0]["cells"][0][3:5]
    assert (found["problems"][first], problems) == ("one", 2)


def test_average_ranks_name_their_tasks_and_who_is_left_out(record) -> None:
    records = [record(name, tau, task) for task in ("one", "two") for name, tau in (("a", 0.3), ("b", 0.2), ("c", 0.1))]
    (found,) = content([*records, record("d", 0.9, "one")])["ranks"]
    assert found["ranks"] == [["a", 1.0], ["b", 2.0], ["c", 3.0]]
    assert (found["tasks"], found["of"], found["left_out"]) == (["one", "two"], 2, ["d"])


def test_the_day_of_the_page_is_that_of_its_latest_record(record) -> None:
    times = ["2026-03-01T10:00:00", "2026-05-02T10:00:00"]
    records = [record(f"m{number}", 0.1, provenance={"time": time}) for number, time in enumerate(times)]
    assert content(records)["date"] == "2026-05-02"
    assert content([record("a", 0.1)])["date"] == ""


def test_the_picture_has_the_number_of_every_cell_and_marks_scores_of_others(record, task) -> None:
    other = task("elsewhere", "nasbench101")
    records = [record(f"{name}@proxybench", tau) for name, tau in (("a", 0.3), ("b", 0.2), ("c", -0.1))]
    records += [record(name, 0.5, other) for name in ("a", "b", "c")]
    spec = heat_picture(entries_of(records), {})
    assert spec is not None
    drawn = draw(spec)
    texts = [node.text for node in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert {"a", "b", "c", "nasbench201", "nasbench101", "0.30", "0.20", "-0.10", "0.50†"} <= set(texts)


def test_without_three_methods_on_a_benchmark_there_is_no_picture(record) -> None:
    assert heat_picture(entries_of([record("a", 0.3), record("b", 0.2)]), {}) is None


def test_scores_at_full_size_count_before_others_of_this_project(record) -> None:
    records = [record("zen@proxybench", 0.2, "small"), record("zen", 0.6, "full"), record("zen@published", 0.9, "full")]
    assert cells(only(records, suites={"full-size": ["full"]})) == {"zen": {"nasbench201": 0.6}}
