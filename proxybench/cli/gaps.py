"""The command that lists what the leaderboard lacks."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxybench.cli.output import Json, fail_if, print_json, print_table

if TYPE_CHECKING:
    from proxybench.board_gaps import Gap, PoolSummary

SUMMARY = ("pool", "due", "filled", "share", "does not apply", "needs an import", "gaps by reason")
SHOWN = 6  # methods in a row; --json has all
ROWS = ("task", "pool", "reason", "methods", "detail")


def gaps(
    folder: Annotated[Path, typer.Option(help="The folder with runs/*.jsonl.")] = Path("leaderboard"),
    suite: Annotated[list[str] | None, typer.Option(help="Only tasks of this suite; may be repeated.")] = None,
    fail_under: Annotated[
        float, typer.Option(min=0, max=100, help="Exit with code 1 if less than this percentage is filled.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """List the methods that tasks lack a result of, with the reason, and the share that is filled.

    Due are the columns of a task and the controls; every registered proxy where a task ranks scores of networks at the
    benchmark's own size; and, on a task with a training part, every registered predictor at the training sizes up to
    800 and the five best at larger sizes. Nothing is due on a table that only a user's official file provides, before
    it is imported.
    """
    from dataclasses import asdict

    from proxybench.board_gaps import find_gaps
    from proxybench.evaluation.plans import suite_tasks
    from proxybench.evaluation.tasks import load_tasks
    from proxybench.records import read_records

    chosen = {task.name: task for name in suite or () for task in suite_tasks(name)}
    tasks = list(chosen.values()) or list(load_tasks().values())
    found = find_gaps(tasks, read_records(sorted((folder / "runs").glob("*.jsonl"))))
    summaries = [*found.pools, found.total]
    if as_json:
        numbers = [{**asdict(one), "percent": round(one.percent, 2)} for one in summaries]
        print_json({"summary": numbers, "gaps": [asdict(gap) for gap in found.gaps]})
    else:
        print_table(ROWS, _rows(found.gaps))
        typer.echo("")
        print_table(SUMMARY, [_summary(one) for one in summaries])
    if found.total.percent < fail_under:
        fail_if([f"{found.total.percent:.1f} percent of the leaderboard is filled, less than {fail_under:g}"])


def _rows(gaps: tuple[Gap, ...]) -> list[tuple[str, ...]]:
    """One row for the methods of a task that lack a result for the same reason."""
    methods: defaultdict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for gap in gaps:
        first_line = gap.detail.splitlines()[0] if gap.detail else ""
        methods[gap.task, gap.pool, gap.reason, first_line].append(gap.method)
    return [(task, pool, reason, _listed(names), detail) for (task, pool, reason, detail), names in methods.items()]


def _listed(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _summary(one: PoolSummary) -> tuple[str, ...]:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in one.reasons.items())
    not_due = f"{one.inapplicable:,}", f"{one.importable:,}"
    return one.pool, f"{one.due:,}", f"{one.filled:,}", f"{one.percent:.1f} %", *not_due, reasons
