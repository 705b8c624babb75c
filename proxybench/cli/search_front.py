"""`proxybench search --against COST`: the front of an objective and a cost, found by two-objective searchers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from proxybench.cli.output import print_json, print_table, show

if TYPE_CHECKING:
    from proxybench.search.experiments.experiment import TableSearch
    from proxybench.search.experiments.two_objectives import FrontProblem, FrontRun

COLUMNS = ("searcher", "runs", "trainings", "share of the hypervolume", "least", "on the front")


def search_front(
    table_search: TableSearch, cost: str, searchers: Sequence[str], budget: int, seeds: Sequence[int], as_json: bool
) -> None:
    """Run the searchers and print their fronts."""
    from proxybench.progress import step_progress
    from proxybench.search.experiments.two_objectives import FrontProblem

    problem = FrontProblem(table_search, cost)
    runs = []
    with step_progress() as on_step:
        for one in problem.runs(searchers, budget, seeds):
            on_step(f"{one.searcher}, seed {one.seed}")
            runs.append(one)
    if as_json:
        print_json([_answer(table_search, problem, one) for one in runs])
        return
    typer.echo(f"{table_search.task.name} against {cost}: {len(table_search.problem)} candidates")
    print_table(COLUMNS, [_row([one for one in runs if one.searcher == name]) for name in searchers])


def _row(runs: list[FrontRun]) -> tuple[str, ...]:
    import numpy as np

    from proxybench.ranking.repeats import half_of_runs

    shares = np.array([one.share[-1] for one in runs])
    half = half_of_runs(shares)
    return (
        runs[0].searcher,
        str(len(runs)),
        show(float(np.mean([len(one.share) for one in runs]))),
        f"{shares.mean():.4f}" + ("" if half is None else f" ± {half:.4f}"),
        f"{shares.min():.4f}",
        show(float(np.mean([one.history.front.sum() for one in runs]))),
    )


def _answer(table_search: TableSearch, problem: FrontProblem, one: FrontRun) -> dict[str, Any]:
    """A run as JSON; the front is sorted by falling objective, with values as in the table."""
    from proxybench.tables.quantities import sign_of

    history = one.history
    found = [place for place in (-history.points[:, 0]).argsort(kind="stable") if history.front[place]]
    return {
        "searcher": one.searcher,
        "seed": one.seed,
        "queries": len(history.candidates),
        "hypervolume_share": float(one.share[-1]),
        "front": [
            {
                "arch": table_search.problem.space.format(table_search.problem.archs[int(history.candidates[place])]),
                "objective": sign_of(table_search.objective) * float(history.points[place, 0]),
                "cost": sign_of(problem.cost) * float(history.points[place, 1]),
            }
            for place in found
        ],
    }
