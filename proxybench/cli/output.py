"""Output of the commands: tables for people, JSON for programs, problems on standard error."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_json(value: object) -> None:
    """Print a value as JSON; NaN and infinities become null, since JSON cannot represent them."""
    typer.echo(json.dumps(_finite(value), indent=1, ensure_ascii=False, allow_nan=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns; lines are folded to the width of a terminal, and left whole in a pipe."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(header):
        table.add_column(name, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # not markup: architecture texts have brackets
    console = Console()
    if console.is_terminal:
        console.print(table)
        return
    wide = Console(width=1000)
    with wide.capture() as captured:
        wide.print(table)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def show(value: object) -> str:
    """A value as a table cell."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def number_of(count: int, noun: str) -> str:
    """A number and its noun, such as "1 task" and "1,200 tasks"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def fail_if(problems: Sequence[str]) -> None:
    """Print each problem as a line on standard error, and exit with code 1 if there are any."""
    for problem in problems:
        typer.echo(f"error: {problem}", err=True)
    if problems:
        raise typer.Exit(1)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
