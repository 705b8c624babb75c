"""Progress on standard error, where it is a terminal; silence otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from proxybench.records import Record

quiet: ContextVar[bool] = ContextVar("quiet", default=False)  # whether nothing is to be shown


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


@contextmanager
def network_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A callback for networks that are scored: the space, how many are done, and how many there are."""
    with _progress(MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        tasks: dict[str, TaskID] = {}

        def update(space: str, done: int, total: int) -> None:
            if space not in tasks:
                tasks[space] = progress.add_task(f"networks of {space}", total=total)
            progress.update(tasks[space], completed=done)

        yield update


def _progress(*amounts: ProgressColumn) -> Progress:
    """A bar with what is being done before it and `amounts` after it, gone when it ends."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), *amounts)
    return Progress(
        *columns,
        console=console,
        disable=quiet.get() or not (console.is_terminal or console.is_jupyter),
        transient=True,
    )
