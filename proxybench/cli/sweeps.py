"""Running resumable work for a command, in processes or on a cluster; long progress on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from proxybench.jobs.chunked_work import ChunkedWork

LINE_S = 60.0


def carry_out(work: ChunkedWork, jobs: int, dask: str | None) -> None:
    """Do all chunks; when interrupted, say how to resume and exit with code 130."""
    from proxybench.sweeps.front import do_work

    try:
        total = work.items.num_rows
        with long_progress("architectures") as on_progress:
            do_work(work, jobs, dask, lambda done: on_progress(done, total))
    except KeyboardInterrupt:
        typer.echo("interrupted; run the same command again to resume", err=True)
        raise typer.Exit(130) from None


@contextmanager
def long_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A callback for the number of things done and their total: a bar on a terminal, otherwise one line per minute."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from proxybench.progress import quiet

    if quiet.get():
        yield lambda done, total: None
        return
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(True))
        with Progress(*columns, console=console, transient=True, speed_estimate_period=600) as progress:
            task = progress.add_task(what, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)
        return
    begun = last = time.monotonic()
    first: int | None = None

    def line(done: int, total: int) -> None:
        nonlocal first, last
        first = done if first is None else first
        now = time.monotonic()
        if now - last >= LINE_S and done > first:
            last = now
            left = (now - begun) / (done - first) * (total - done)
            print(f"{done} of {total} {what}, {left / 60:.0f} minutes left", file=sys.stderr, flush=True)

    yield line
