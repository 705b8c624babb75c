"""The searches on the page as plain values: problems, searchers on them, curves, and totals over problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxybench.leaderboard.page.names import shown_name
from proxybench.leaderboard.page.rounding import rounded
from proxybench.leaderboard.searches.records import Curve, SearchedProblem, SearcherRuns
from proxybench.leaderboard.searches.verdicts import BASELINES, SearcherTest, searcher_tests, short_names, totals

TITLES = {"random": "random search", "robot-paper proposals=random": "random weights"}  # of the baselines


def search_content(problems: Sequence[SearchedProblem]) -> dict[str, Any]:
    """All of these, ready to be written as JSON; empty lists if there are no searches."""
    found = searcher_tests(problems)
    tests = {(test.problem.task.name, id(test.runs), test.baseline): test for test in found}
    names = short_names(problems)
    labels = {runs.label: _label(runs) for problem in problems for runs in problem.searchers}
    present = [name for name in BASELINES if any(test.baseline == name for test in found)]
    return {
        "baselines": [[labels[name], TITLES[name]] for name in present],
        "problems": [
            {
                "name": names[problem.task.name],
                "task": problem.task.name,
                "benchmark": problem.task.benchmark,
                "objective": problem.task.target,
                "report": problem.report,
                "population": problem.task.population,
                "size": problem.task.size,
                "optimum": rounded(problem.optimum),
                "searchers": [
                    _searcher(runs, [tests.get((problem.task.name, id(runs), name)) for name in present])
                    for runs in problem.searchers
                ],
            }
            for problem in problems
        ],
        "totals": [
            [
                labels[total.searcher],
                total.budget,
                present.index(total.baseline),
                total.better,
                total.worse,
                total.problems,
                rounded(total.improvement, 3),
            ]
            for total in totals(found)
        ],
    }


def _label(runs: SearcherRuns) -> str:
    return shown_name(runs.searcher, runs.options)


def _searcher(runs: SearcherRuns, against: Sequence[SearcherTest | None]) -> dict[str, Any]:
    return {
        "label": _label(runs),
        "budget": runs.budget,
        "runs": len(runs.regret),
        "regret": rounded(sum(runs.regret) / len(runs.regret), 4),
        "rank": list(runs.rank),
        "value": runs.value[1],
        "reported": None if runs.reported is None else runs.reported[0],
        "improvement": rounded(runs.improvement, 3),
        "train_s": rounded(runs.train_s, 4),
        "wall_s": runs.wall_s,
        "note": runs.note,
        "against": [
            None if test is None else [rounded(test.wins, 3), rounded(test.p_holm, 2), test.verdict] for test in against
        ],
        "curves": {curve.axis: _curve(curve, runs.halves(curve)) for curve in runs.curves},
    }


def _curve(curve: Curve, halves: list[float | None]) -> dict[str, Any]:
    return {
        "at": curve.at,
        "mean": curve.mean,
        "half": halves,
        "median": curve.median,
        "low": curve.low,
        "high": curve.high,
        "reported": curve.reported,
    }
