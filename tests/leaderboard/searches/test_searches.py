"""Searches on the leaderboard: files, tests against baselines worked out by hand, CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest

from proxybench.errors import CorruptData
from proxybench.leaderboard.build import build, differences, write
from proxybench.leaderboard.searches.records import (
    Curve,
    SearchedProblem,
    SearcherRuns,
    merge_searches,
    read_searches,
    seed_ranges,
    write_searches,
)
from proxybench.leaderboard.searches.verdicts import searcher_tests, searches_csv, short_names, totals, verdict_lines
from proxybench.records import write_records

WEIGHTS = "robot-paper proposals=random"


def runs(searcher: str, regret: list[float], budget: int = 20, **params: str) -> SearcherRuns:
    curve = Curve("trainings", [1, 2], [80, 90], [1, 2], [81, 91], [70, 80], [85, 95])
    seeds = seed_ranges(range(len(regret)))
    return SearcherRuns(
        searcher, dict(params), budget, seeds, regret, (1, 1, 2), (90, 91), improvement=5, curves=[curve]
    )


@pytest.fixture
def problem(task):
    def make(name: str, *searched: SearcherRuns) -> SearchedProblem:
        return SearchedProblem(task(f"search {name}", name), "test_acc@200", 95, list(searched))

    return make


def test_seeds_are_ranges_and_come_back() -> None:
    assert seed_ranges([3, 0, 1, 2, 7, 9, 8]) == "0-3,7-9"
    assert msgspec.structs.replace(runs("random", [1.0]), seeds="0-3,7-9").numbers == [0, 1, 2, 3, 7, 8, 9]


def test_runs_are_paired_by_seed_and_the_sign_says_who_is_better(problem) -> None:
    random = runs("random", [5.0] * 12)
    better = runs("robot", [4.0 - 0.1 * seed for seed in range(12)])
    worse = runs("local", [6.0 + 0.1 * seed for seed in range(12)])
    by_name = {test.runs.searcher: test for test in searcher_tests([problem("a", random, better, worse)])}
    # Twelve differences of one sign: the exact two-sided p is 2 / 2^12.
    assert (by_name["robot"].wins, by_name["robot"].verdict) == (1, "better")
    assert by_name["robot"].p_value == by_name["robot"].p_holm == pytest.approx(2 / 2**12)
    assert (by_name["local"].wins, by_name["local"].verdict) == (0, "worse")
    assert "random" not in by_name


def test_equal_runs_differ_in_nothing(problem) -> None:
    (test,) = searcher_tests([problem("a", runs("random", [1.0] * 9), runs("ranking", [1.0] * 9))])
    assert (test.wins, test.p_value, test.verdict) == (0.5, 1, "no difference")


def test_p_values_are_corrected_over_the_problems_of_a_searcher(problem) -> None:
    # Six differences of one sign, p = 2 / 2^6 = .031: alone significant, of two problems not, as Holm doubles it.
    random, robot = runs("random", [5.0] * 6), runs("robot", [4.0, 3.9, 3.8, 3.7, 3.6, 3.5])
    one, two = problem("a", random, robot), problem("b", random, robot)
    assert [test.verdict for test in searcher_tests([one])] == ["better"]
    found = searcher_tests([one, two])
    assert [test.p_holm for test in found] == pytest.approx([2 * 2 / 2**6] * 2)
    assert [test.verdict for test in found] == ["no difference"] * 2


def test_only_equal_budgets_and_common_seeds_are_compared(problem) -> None:
    random = runs("random", [5.0] * 9)
    some = msgspec.structs.replace(runs("robot", [1.0] * 4), seeds="7-10")
    found = searcher_tests([problem("a", random, some, runs("local", [1.0] * 9, budget=100))])
    assert [(test.runs.searcher, test.seeds) for test in found] == [("robot", 2)]


def test_totals_count_problems(problem) -> None:
    random, weights = (
        runs("random", [5.0] * 12),
        runs("robot-paper", [3.0 + s / 9 for s in range(12)], proposals="random"),
    )
    robot = runs("robot", [4.0 - 0.1 * seed for seed in range(12)])
    found = totals(searcher_tests([problem("a", random, weights, robot), problem("b", random, robot)]))
    by_key = {(total.searcher, total.baseline): total for total in found}
    assert (by_key["robot", "random"].better, by_key["robot", "random"].problems) == (2, 2)
    assert (by_key["robot", WEIGHTS].problems, by_key[WEIGHTS, "random"].better) == (1, 1)
    assert "T=20: robot is significantly better than random on 2 of 2 problems, worse on 0" in verdict_lines(found)


def test_the_csv_has_a_row_for_each_searcher_with_its_tests(problem) -> None:
    found = searches_csv([problem("a", runs("random", [5.0] * 12), runs("robot", [4.0] * 12, climb="false"))])
    rows = list(csv.DictReader(io.StringIO(found.decode())))
    assert [row["searcher"] for row in rows] == ["random", "robot climb=false"]
    assert (rows[0]["verdict vs random"], rows[1]["verdict vs random"], rows[1]["wins vs random"]) == (
        "",
        "better",
        "1.000",
    )


def test_problems_of_one_objective_are_distinguished_by_report_and_population(problem) -> None:
    one, other = problem("a"), problem("a")
    other = msgspec.structs.replace(other, task=msgspec.structs.replace(other.task, name="x", population="five cells"))
    assert short_names([one]) == {"search a": "a cifar10 val_acc, 200 epochs, seed mean"}
    assert short_names([one, other])["x"].endswith("(test_acc@200, five cells)")


def test_searches_are_written_and_put_together_from_several_files(problem, tmp_path: Path) -> None:
    random, robot = runs("random", [5.0, 4.5]), runs("robot", [1.25, 0.0])
    one = write_searches(tmp_path / "one.jsonl", [problem("b", random), problem("a", random)])
    two = write_searches(tmp_path / "two.jsonl", [problem("a", robot)])
    found = read_searches([one, two])
    assert [entry.task.name for entry in found] == ["search a", "search b"]
    assert found[0].searchers == [random, robot]


def test_options_in_the_notation_of_old_records_are_shown_in_the_current_one(problem, tmp_path: Path) -> None:
    old = runs("guided", [1.0, 2.0], predictor="gin[members=1,min_steps=60]", every=5)
    new = runs("guided", [1.0, 2.0], predictor="gin(members=1, min_steps=60)", every=5)
    assert old.label == new.label == "guided every=5 predictor=gin(members=1, min_steps=60)"
    path = write_searches(tmp_path / "a.jsonl", [problem("a", old)])
    assert b"gin[members=1,min_steps=60]" in path.read_bytes()
    merge_searches(path, [problem("a", new)])
    assert read_searches([path])[0].searchers == [new]


def test_searches_are_put_into_a_file_without_loss(problem, tmp_path: Path) -> None:
    path = tmp_path / "searches" / "mine.jsonl"
    random, robot, better = runs("random", [5.0, 4.5]), runs("robot", [1.25, 0.0]), runs("robot", [1.0, 0.0, 0.5])
    merge_searches(path, [problem("a", random), problem("b", random)])
    merge_searches(path, [problem("a", robot)])
    assert [one.searchers for one in read_searches([path])] == [[random, robot], [random]]
    merge_searches(path, [problem("a", better)])
    assert [one.searchers for one in read_searches([path])] == [[random, better], [random]]
    before = path.read_bytes()
    with pytest.raises(CorruptData, match="holds runs of robot with seeds 0-2 that would be lost"):
        merge_searches(path, [problem("a", robot)])
    with pytest.raises(CorruptData, match="differs from the problem of this name"):
        merge_searches(path, [msgspec.structs.replace(problem("a", better), optimum=94)])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seeds": "0-999999999999"}, "needs one regret for each of 0-999999999999"),
        ({"seeds": "1-0"}, "are not ascending ranges"),
        ({"seeds": "0-1,1-1"}, "are not ascending ranges"),
        ({"seeds": "none"}, "are not a range"),
        ({"regret": [-1.0, 1.0]}, "a regret of random is -1"),
        ({"rank": (3, 1, 2)}, "the rank of random cannot be 3 between 1 and 2"),
        ({"rank": (2, 1, 9)}, "the rank of random cannot be 2 between 1 and 9"),
        ({"wall_s": -1.0}, "wall_s of random is -1"),
        ({"value": (1e200, 1.0)}, "a figure of random is"),
        ({"curves": [Curve("trainings", [1], [1, 2], None, [1], [1], [1])]}, "one figure of each kind"),
        ({"curves": [Curve("trainings", [1], [1], None, [1], [2], [1])]}, "quartiles .* are reversed"),
    ],
)
def test_searches_with_numbers_that_cannot_be_are_refused(problem, tmp_path: Path, fields, message: str) -> None:
    path = write_searches(
        tmp_path / "a.jsonl", [problem("a", msgspec.structs.replace(runs("random", [1.0, 2.0]), **fields))]
    )
    with pytest.raises(CorruptData, match=rf"a\.jsonl:1: search a: .*{message}"):
        read_searches([path])


def test_damaged_searches_are_refused_by_name(problem, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")
    with pytest.raises(CorruptData, match=r"a\.jsonl:1 is not a search problem"):
        read_searches([path])
    write_searches(path, [problem("a", msgspec.structs.replace(runs("random", [1.0, 2.0]), seeds="0-4"))])
    with pytest.raises(CorruptData, match="one regret for each of 0-4"):
        read_searches([path])
    twice = write_searches(tmp_path / "b.jsonl", [problem("a", runs("random", [1.0]))])
    with pytest.raises(CorruptData, match="random with 20 trainings occurs twice"):
        read_searches([twice, twice])


def test_halves_are_shown_of_twenty_runs_that_differ_from_the_tenth_training_on() -> None:
    def searched(count: int) -> SearcherRuns:
        return msgspec.structs.replace(runs("random", [1.0] * count), budget=12)

    curve = Curve("trainings", [9, 10, 11, 12], [1] * 4, [1, 2, 0, 4], [1] * 4, [1] * 4, [1] * 4)
    late = msgspec.structs.replace(curve, axis="seconds", at=[900, 1000, 1100, 1200])
    assert searched(20).halves(curve) == searched(20).halves(late) == [None, 2, None, 4]
    assert searched(19).halves(curve) == [None] * 4
    assert searched(20).halves(msgspec.structs.replace(curve, half=None)) == [None] * 4


def test_the_leaderboard_of_a_folder_shows_its_searches(problem, record, tmp_path: Path) -> None:
    write_records(tmp_path / "runs/a.jsonl", [record("nwot", 0.5)])
    before = build(tmp_path)
    assert not {"searches.csv", "searches-curves.csv"} & before.keys()
    write_searches(tmp_path / "searches/mine.jsonl", [problem("a", runs("random", [5.0]), runs("robot", [1.0]))])
    write(tmp_path)
    assert differences(tmp_path) == []
    manifest = json.loads((tmp_path / "MANIFEST.json").read_bytes())
    assert manifest["tables"] == {"a": ["0" * 32], "nasbench201": ["0" * 32]}
    assert {"searches.csv", "searches-curves.csv"} <= manifest["files"].keys()
    curves = list(csv.DictReader((tmp_path / "searches-curves.csv").read_text().splitlines()))
    assert [(row["at"], row["median"], row["half"]) for row in curves[:2]] == [
        ("1", "81", ""),
        ("2", "91", ""),
    ]
    (tmp_path / "searches/mine.jsonl").unlink()
    write(tmp_path)
    assert not (tmp_path / "searches.csv").exists()
