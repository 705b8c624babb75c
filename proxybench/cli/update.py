"""The command that brings the leaderboard up to date, and its report of one screen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxybench.cli.output import fail_if, number_of, print_table

if TYPE_CHECKING:
    from proxybench.board_update import Update
    from proxybench.leaderboard.ranks.overall import Comparison

SHOWN = 10  # methods
NAMED = 3  # tables


def update(
    folder: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("leaderboard/latest"),
    released: Annotated[
        Path,
        typer.Option(help="Released leaderboard, whose records are used for jobs without a record in the folder."),
    ] = Path("leaderboard"),
    repeats: Annotated[int, typer.Option(min=1, help="Splits per training size of predictors.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    published: Annotated[bool, typer.Option(help="Fetch the published tables, and evaluate on them too.")] = True,
) -> None:
    """Evaluate the fast methods again, and build the tables and the page of the whole leaderboard.

    It takes minutes. Published tables that cannot be fetched are left out; their recorded results stay.
    """
    from proxybench import board_update
    from proxybench.evaluation.plan_runs import FAILURES

    start = time.perf_counter()

    def say(step: str) -> None:
        typer.echo(f"{time.perf_counter() - start:4.0f} s  {step}", err=True)

    done = board_update.update(folder, released, repeats=repeats, jobs=jobs, published=published, on_step=say)
    _report(done)
    failed = [one for results in done.results.values() for one in results.records if one.outcome in FAILURES]
    fail_if([f"{len(failed)} jobs failed, such as {failed[0].method}: {failed[0].message}"] if failed else [])


def _report(done: Update) -> None:
    suites = ("published", "trained")
    for suite in sorted(suites, key=lambda name: not done.results.get(name, ())):  # one that was evaluated now
        comparison = done.comparison(f"suite {suite}", "training-free")
        if comparison is not None and comparison.compared_on:
            _print_ranking(f"suite {suite}", comparison)
            break
    tasks = {record.task.name for results in done.results.values() for record in results.records}
    evaluated = f"{number_of(done.jobs, 'job')} of {number_of(len(tasks), 'task')}"
    typer.echo(f"\nEvaluated {evaluated} in {_duration(done.seconds)}.")
    for reason, names in done.left_out.items():
        typer.echo(f"Not evaluated anew, so that their recorded results stay: {_named(names)}. Reason: {reason}")
    if done.page is None:
        from proxybench.leaderboard.page.html import missing_extra

        typer.echo(f"Tables: {done.folder}/*.csv ({missing_extra()})")
    else:
        typer.echo(f"Page: {done.page} (or: proxybench leaderboard serve --folder {done.folder})")


def _print_ranking(scope: str, comparison: Comparison) -> None:
    ranked = [standing for standing in comparison.standings if standing.place is not None]
    typer.echo(f"Training-free methods, {scope}, average rank over {len(comparison.compared_on)} tasks:\n")
    rows = [
        (f"{one.place:g}", one.label, f"{one.average_rank:.2f}", "" if one.kendall is None else f"{one.kendall:.3f}")
        for one in ranked[:SHOWN]
    ]
    print_table(("place", "method", "average rank", "mean tau-b"), rows)
    if len(ranked) > SHOWN:
        typer.echo(f"and {len(ranked) - SHOWN} more")


def _named(tables: Sequence[str]) -> str:
    if len(tables) <= NAMED:
        return ", ".join(tables)
    return f"{len(tables)} published tables ({', '.join(tables[:NAMED])} and {len(tables) - NAMED} more)"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
