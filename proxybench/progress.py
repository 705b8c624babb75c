"""Progress on standard error, where it is a terminal; silence otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from proxybench.records import Record


@contextmanager
def download_progress() -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
    """Callbacks for bytes that arrived and for steps that begin."""
    with _progress(DownloadColumn(), TransferSpeedColumn()) as progress:
        task = progress.add_task("downloading", total=None)
        yield lambda size: progress.advance(task, size), lambda step: progress.update(task, description=step)


@contextmanager
def step_progress() -> Iterator[Callable[[str], None]]:
    """A callback for steps that begin."""
    with download_progress() as (_, on_step):
        yield on_step


@contextmanager
def cell_progress(cells: int) -> Iterator[Callable[[Record], None]]:
    """A callback for records; shows how many of `cells` are done and the time left."""
    with _progress(MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task("cells", total=cells)
        yield lambda record: progress.update(task, advance=1, description=f"{record.task.name} {record.method}")


def _progress(*amounts: ProgressColumn) -> Progress:
    """A bar with what is being done before it and `amounts` after it, gone when it ends."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), *amounts)
    return Progress(*columns, console=console, disable=not (console.is_terminal or console.is_jupyter), transient=True)
