"""search as a user meets it, on a table of nine cells."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path

import pytest

from proxybench.leaderboard.searches.records import read_searches
from proxybench.spaces import get_space
from proxybench.tables.store.merge import NamedFragment, merge
from proxybench.tables.store.schema import fragment_from_rows
from proxybench.tables.store.writing import write_table

BASE = ("search", "small", "--budget", "4", "--seeds", "3")


@pytest.fixture(autouse=True)
def small(cache: Path) -> None:
    """Nine cells: the operations of the first and the last edge; worth grows with both, synflow says so."""
    space = get_space("nasbench201")
    rows: list[dict[str, object]] = []
    for first, last in itertools.product(range(3), repeat=2):
        names = ("skip_connect", "nor_conv_1x1", "nor_conv_3x3")
        arch = f"|{names[first]}~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|{names[last]}~2|"
        worth = 80.0 + 3 * first + last
        rows.append({"arch": arch, "dataset": "images", "epochs": 12, "seed": "0", "val_acc": worth, "train_s": 2.0})
        rows.append({"arch": arch, "dataset": "images", "epochs": 200, "seed": "0", "test_acc": worth + 5})
        rows.append({"arch": arch, "dataset": "images", "epochs": 0, "seed": "", "proxy:synflow": worth})
        rows[-1]["latency_ms@fpga"] = 1.0 + first + last
    table = merge([NamedFragment("by hand", fragment_from_rows(rows))])
    write_table("small", "nasbench201", "r", table, [space.digest(space.parse(one)) for one in table.archs], "# small")


def test_json_is_a_list_of_runs(run) -> None:
    answer = run(*BASE, "--searcher", "robot(signs=positive)", "--json")
    assert answer.code == 0
    runs = json.loads(answer.out)
    assert [one["seed"] for one in runs] == [0, 1, 2]
    best = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|"
    for one in runs:
        assert (one["queries"], one["arch"], one["val_acc"], one["test_acc"], one["rank"]) == (4, best, 88, 93, 1)
        assert (one["objective"], one["report"], one["train_s"]) == ("val_acc@12", "test_acc@200", 8)


def test_a_table_has_one_line_for_each_searcher(run) -> None:
    answer = run(*BASE, "--searcher", "random", "--searcher", "ranking(metrics=synflow)")
    lines = answer.out.splitlines()
    assert lines[0].endswith(": 9 candidates")
    assert [line.split()[0] for line in lines[1:4]] == ["searcher", "ranking(metrics=synflow)", "random"]  # best first


def test_a_rerun_does_what_is_missing(run, tmp_path: Path) -> None:
    output = tmp_path / "runs.jsonl"
    first = json.loads(run(*BASE, "--searcher", "random", "--output", str(output), "--json").out)
    assert len(output.read_text().splitlines()) == 3
    again = json.loads(run(*BASE, "--searcher", "random", "--searcher", "local", "--output", str(output), "--json").out)
    assert len(output.read_text().splitlines()) == 6
    assert again[:3] == first
    more = run(*BASE, "--searcher", "random", "--first-seed", "2", "--output", str(output), "--json")
    assert [one["seed"] for one in json.loads(more.out)] == [2, 3, 4]
    assert len(output.read_text().splitlines()) == 8


def test_curves_are_against_trainings_and_seconds(run, tmp_path: Path) -> None:
    curves = tmp_path / "curves.csv"
    assert run(*BASE, "--searcher", "random", "--curves", str(curves)).code == 0
    rows = list(csv.DictReader(curves.read_text().splitlines()))
    assert {row["axis"] for row in rows} == {"trainings", "seconds"}
    means = [float(row["mean"]) for row in rows if row["axis"] == "trainings" and row["quantity"] == "value"]
    assert len(means) == 4
    assert means == sorted(means)


def test_runs_are_put_on_a_leaderboard(run, tmp_path: Path) -> None:
    output, folder = tmp_path / "mine.jsonl", tmp_path / "board"
    run(*BASE, "--searcher", "random", "--output", str(output))
    answer = run(*BASE, "--searcher", "robot", "--output", str(output), "--folder", str(folder))
    assert answer.code == 0
    (problem,) = read_searches([folder / "searches/mine.jsonl"])
    assert [(runs.searcher, runs.seeds) for runs in problem.searchers] == [("random", "0-2"), ("robot", "0-2")]
    assert run(*BASE, "--searcher", "robot", "--folder", str(folder)).code == 2


def test_runs_are_not_written_over(run, tmp_path: Path) -> None:
    output = tmp_path / "searches" / "mine.jsonl"
    same = run(*BASE, "--searcher", "random", "--output", str(output), "--curves", str(output))
    shown = run(*BASE, "--searcher", "random", "--output", str(output), "--folder", str(tmp_path))
    assert (same.code, shown.code, output.exists()) == (2, 2, False)


def test_a_file_of_something_else_is_no_output(run, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("remember the milk")
    answer = run(*BASE, "--searcher", "random", "--output", str(notes))
    assert (answer.code, notes.read_text()) == (1, "remember the milk")
    assert "notes.txt:1 is not a record" in answer.err


def test_searchers_are_tested_against_random_search(run) -> None:
    lines = run(*BASE, "--searcher", "random", "--searcher", "ranking(metrics=synflow)").out.splitlines()
    # Three pairs, however different, cannot be significant: the exact p is at least 2 / 2^3.
    assert lines[-1].startswith("ranking metrics=synflow compared with random, 3 pairs: no difference, p ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--searcher", "robott"), "Did you mean 'robot'"),
        (("--searcher", "robot(metrics=synflo)"), "Did you mean 'synflow'"),
        (("--searcher", "random(population=3)"), "random: unknown option 'population'"),
        (("--searcher", "random", "--objective", "val_acc@13"), "epochs of val_acc"),
        (("--searcher", "random", "--dataset", "image"), "Did you mean 'images'"),
    ],
)
def test_a_mistake_is_one_line_with_the_next_step(run, words: tuple[str, ...], message: str) -> None:
    answer = run(*BASE, *words)
    assert answer.code == 1
    assert message in answer.err
    assert answer.err.count("\n") == 1


def test_against_a_cost_the_front_is_searched(run) -> None:
    # All nine cells are paid for. Of each latency, 1 + first + last, the cell with the larger first is worth most.
    answer = run(
        *BASE[:2], "--budget", "9", "--seeds", "2", "--searcher", "random", "--against", "latency_ms@fpga", "--json"
    )
    runs = json.loads(answer.out)
    assert [(one["searcher"], one["seed"], one["queries"]) for one in runs] == [("random", 0, 9), ("random", 1, 9)]
    for one in runs:
        assert one["hypervolume_share"] == pytest.approx(1)
        assert [(point["objective"], point["cost"]) for point in one["front"]] == [
            (88, 5),
            (87, 4),
            (86, 3),
            (83, 2),
            (80, 1),
        ]


def test_the_front_is_shown_as_a_table(run) -> None:
    answer = run(*BASE, "--searcher", "random", "--searcher", "nsga2", "--against", "latency_ms@fpga")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert "against latency_ms@fpga: 9 candidates" in lines[0]
    assert [line.split()[0] for line in lines[2:4]] == ["random", "nsga2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--searcher", "robot", "--against", "latency_ms@fpga"), "Valid: nsga2, random"),
        (("--searcher", "nsga2", "--against", "latency_ms@fpg"), "Did you mean 'latency_ms@fpga'"),
        (("--searcher", "nsga2", "--against", "latency_ms@fpga", "--curves", "c.csv"), "--against excludes"),
    ],
)
def test_a_front_that_cannot_be_searched(run, words: tuple[str, ...], message: str) -> None:
    answer = run(*BASE, *words)
    assert answer.code != 0
    assert message in " ".join((answer.out + answer.err).split())
