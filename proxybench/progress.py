"""Progress on standard error if it is a terminal; nothing otherwise."""

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

quiet: ContextVar[bool] = ContextVar("quiet", default=False)  # whether progress is hidden


@contextmanager
def download_progress() -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
    """Callbacks for received bytes and for new steps."""
    with _progress(DownloadColumn(), TransferSpeedColumn()) as progress:
        task = progress.add_task("downloading", total=None)
        yield lambda size: progress.advance(task, size), lambda step: progress.update(task, description=step)


@contextmanager
def step_progress() -> Iterator[Callable[[str], None]]:
    """A callback for new steps."""
    with download_progress() as (_, on_step):
        yield on_step


@contextmanager
def job_progress(jobs: int) -> Iterator[Callable[[Record], None]]:
    """A callback for records; shows how many of the `jobs` jobs are done and the time left."""
    with _progress(MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task("jobs", total=jobs)
        yield lambda record: progress.update(task, advance=1, description=f"{record.task.name} {record.method}")


@contextmanager
def count_progress(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """A callback for the names of things before they are computed; shows how many of the `total` have begun."""
    with _progress(MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task(what, total=total)
        begun = iter(range(total))
        yield lambda name: progress.update(task, completed=next(begun), description=f"{what}: {name}")


@contextmanager
def network_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A callback for scored networks; takes the space, the number done, and the total."""
    with _progress(MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        tasks: dict[str, TaskID] = {}

        def update(space: str, done: int, total: int) -> None:
            if space not in tasks:
                tasks[space] = progress.add_task(f"networks of {space}", total=total)
            progress.update(tasks[space], completed=done)

        yield update


def _progress(*amounts: ProgressColumn) -> Progress:
    """A progress bar with a description before it and `amounts` after it; removed when it ends."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), *amounts)
    return Progress(
        *columns,
        console=console,
        disable=quiet.get() or not (console.is_terminal or console.is_jupyter),
        transient=True,
    )
