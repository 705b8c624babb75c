"""Commands for tables from the user's files: import, of official files and of own results; remove."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from proxybench.cli.output import Json, print_json, print_table

if TYPE_CHECKING:
    from proxybench.tables.benchmark import Benchmark

_OFFICIAL = "nats-tss, nats-sss, nasbench101, nds, suite-zero"


def import_(
    kind: Annotated[str, typer.Argument(help=f"csv or parquet for your own results; for official files {_OFFICIAL}.")],
    path: Annotated[Path, typer.Argument(help="The file, or the official folder.")],
    name: Annotated[str | None, typer.Option(help="Own results: name of the table.")] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="Own results: columns to rank by, [COLUMN=][DATASET/]METRIC[@EPOCHS], such as val_acc@108 or "
            "accuracy=test_acc@108; separated by commas, or repeated."
        ),
    ] = None,
    arch: Annotated[str | None, typer.Option(help="Own results: column of architecture texts; needs --space.")] = None,
    space: Annotated[
        str | None, typer.Option(help='Search space of --arch: a name from `list spaces`, or "module:Class".')
    ] = None,
    graphs: Annotated[
        str | None, typer.Option(help='Own results: column of JSON, {"ops": [...], "edges": [[i, j], ...]}.')
    ] = None,
    configs: Annotated[
        bool, typer.Option("--configs", help="Own results: all remaining columns are the fields of a configuration.")
    ] = False,
    config: Annotated[
        list[str] | None,
        typer.Option(help="Like --configs, for these columns only (may be repeated), or a column of JSON objects."),
    ] = None,
    seed: Annotated[str | None, typer.Option(help="Own results: column of the seeds of trainings.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            help="Own results: column known without training: params, flops, latency_ms@DEVICE or COLUMN=METRIC; any "
            "other name is a proxy. Separated by commas, or repeated."
        ),
    ] = None,
    dataset: Annotated[str, typer.Option(help="Own results: name of the data set.")] = "data",
    unit: Annotated[
        Literal["percent", "fraction"] | None,
        typer.Option(help="Own results: unit of accuracies; default: fractions if none is above 1."),
    ] = None,
    replace: Annotated[bool, typer.Option(help="Own results: replace a table of that name.")] = False,
    as_json: Json = False,
) -> None:
    """Import your own results from a CSV or parquet file, or an official benchmark file that you have downloaded.

    Your own results have one row per architecture, or per architecture and seed. Empty fields were not measured, nan is
    a failed training; both are counted on the table's card, nothing is filled in.
    """
    from proxybench.tables.own.assembly import Reading
    from proxybench.tables.own.table import KINDS, import_own

    if kind not in KINDS:
        given = (name, target, arch, space, graphs, config, seed, column, unit)
        if configs or replace or any(option is not None for option in given):
            raise typer.BadParameter(f"only {' and '.join(KINDS)} take options; {kind} is an official file")
        _import_official(kind, path, as_json)
        return
    if name is None:
        raise typer.BadParameter("your own results need --name, the name of the table")
    if configs and config:
        raise typer.BadParameter("--configs uses all remaining columns, --config only those named; use one of them")
    chosen: bool | str | list[str] = configs or (config[0] if config and len(config) == 1 else config or False)
    how = Reading(_split(target), arch, space, graphs, chosen, seed, _split(column), dataset, unit)
    bench = import_own(kind, path, how, name, replace)
    if as_json:
        print_json(_answer(bench))
        return
    typer.echo(bench.card)
    typer.echo(f"table {name} is ready; rank on it with: proxybench run --benchmark {name}")


def remove(name: Annotated[str, typer.Argument(help="A table of your own.")]) -> None:
    """Remove a table of your own results; the file that it was made from is not touched."""
    from proxybench.tables.own.table import remove_table

    remove_table(name)
    typer.echo(f"table {name} is removed")


def _split(options: list[str] | None) -> list[str]:
    return [part.strip() for option in options or () for part in option.split(",") if part.strip()]


def _answer(bench: Benchmark) -> dict[str, Any]:
    return {
        "name": bench.name,
        "architectures": len(bench),
        "space": bench.space.reference,
        "datasets": bench.datasets,
        "digest": bench.recipe,
        "card": bench.card,
    }


def _import_official(kind: str, path: Path, as_json: bool) -> None:
    from proxybench.progress import step_progress
    from proxybench.tables.official import import_official

    with step_progress() as on_step:
        tables = import_official(kind, path, on_step)
    infos = [table.info for table in tables]
    if as_json:
        print_json([{"name": info.name, "architectures": info.architectures} for info in infos])
    else:
        print_table(("benchmark", "architectures"), [(info.name, f"{info.architectures:,}") for info in infos])
