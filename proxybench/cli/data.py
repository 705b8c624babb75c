"""Commands for tables: fetch, verify, info, query."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from predictors.errors import UnknownName
from proxybench.cli.output import Json, fail_if, print_json, print_table, show

if TYPE_CHECKING:
    from proxybench.tables.benchmark import Benchmark
    from proxybench.tables.fetch import Fetched


def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Benchmark names from `proxybench list`.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All registered benchmarks.")] = False,
    rebuild: Annotated[bool, typer.Option(help="Import again even if the table is present.")] = False,
    jobs: Annotated[int, typer.Option(min=1, max=32, help="Simultaneous downloads.")] = 4,
    as_json: Json = False,
) -> None:
    """Download, verify and import benchmarks; those that come with the project are only checked.

    Files come from PROXYBENCH_MIRROR (a folder or a base URL) if it is set, otherwise from their public addresses.
    PROXYBENCH_OFFLINE=1 disables network access.
    """
    from proxybench.progress import download_progress
    from proxybench.tables.fetch import fetch as fetch_tables
    from proxybench.tables.sources.registry import load_registry

    if bool(names) == everything:
        raise typer.BadParameter("name the benchmarks to fetch, or use --all")
    wanted = list(load_registry().benchmarks) if everything else list(names or [])
    with download_progress() as (on_bytes, on_step):
        results = fetch_tables(wanted, rebuild=rebuild, jobs=jobs, on_bytes=on_bytes, on_step=on_step)
    if as_json:
        print_json([dataclasses.asdict(result) for result in results])
    else:
        said = {"shipped": "comes with the project"}
        rows = [
            (
                result.name,
                said.get(result.outcome, result.outcome),
                f"{result.architectures:,}",
                "; ".join(result.licences),
            )
            for result in results
        ]
        print_table(("benchmark", "outcome", "architectures", "licence of the sources"), rows)
    fail_if(failures_of(results))


def failures_of(results: Iterable[Fetched]) -> list[str]:
    """One line for each different failure, with the benchmarks that it concerns."""
    names: dict[str, list[str]] = {}
    for result in results:
        if result.outcome == "failed":
            names.setdefault(result.message, []).append(result.name)
    return [f"{', '.join(concerned)}: {message}" for message, concerned in names.items()]


def verify(as_json: Json = False) -> None:
    """Recompute the checksums of everything in the cache, and read the tables that come with the project."""
    from proxybench.tables.fetch import verify as verify_cache

    results = verify_cache()
    if as_json:
        print_json([dataclasses.asdict(result) for result in results])
    else:
        print_table(("name", "kind", "state"), [(result.name, result.kind, result.state) for result in results])
    fail_if([f"{result.kind} {result.name}: {result.state}" for result in results if not result.ok])


def info(
    name: Annotated[str, typer.Argument(help="A benchmark from `proxybench list`.")],
    as_json: Json = False,
) -> None:
    """Print the card of a benchmark: population, meaning of its figures, licences, citation, checks.

    The card of a table that is not on this machine lacks what is counted from its content.
    """
    from proxybench.tables.catalogue import describe, list_benchmarks

    card = describe(name)
    if as_json:
        print_json(dataclasses.asdict(list_benchmarks()[name]) | {"card": card})
    else:
        typer.echo(card.rstrip("\n"))


def query(
    benchmark: Annotated[str, typer.Argument(help="A benchmark on this machine.")],
    arch: Annotated[str, typer.Argument(help="Architecture text, digest, or index.")],
    metric: Annotated[list[str] | None, typer.Option(help="Metric; may be repeated. Default: all metrics.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Data set.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epoch budget.")] = None,
    seed: Annotated[str | None, typer.Option(help='Seed of one run, or "mean".')] = None,
    as_json: Json = False,
) -> None:
    """Look up one architecture in a table."""
    import proxybench as pb
    from proxybench.tables.lookup import row_of_text

    bench = pb.load(benchmark)
    row = row_of_text(bench, arch)
    if metric:
        answers = [
            {
                "metric": name,
                "value": bench.query(row, metric=name, dataset=dataset, epochs=epochs, seed=seed),
                "unit": _unit(name),
            }
            for name in metric
        ]
    else:
        answers = _everything(bench, row, dataset, epochs, seed)
        if not answers:
            raise UnknownName(
                f"{benchmark} has no values for epochs={epochs}, seed={seed}; omit them to see everything it has"
            )
    if as_json:
        print_json({"benchmark": benchmark, "index": row, "arch": bench.archs[row], "answers": answers})
        return
    typer.echo(f"{benchmark}[{row}] {bench.archs[row]}")
    names = list(answers[0]) if answers else []
    print_table(names, [tuple(show(answer[name]) for name in names) for answer in answers])


def _everything(
    bench: Benchmark, row: int, dataset: str | None, epochs: int | None, seed: str | None
) -> list[dict[str, Any]]:
    from proxybench.errors import NotMeasured

    answers = []
    for name in [dataset] if dataset is not None else bench.datasets:
        for metric in bench.metrics(name):
            for budget in bench.epochs(metric, name):
                for label in bench.seeds(metric, name, budget):
                    if epochs not in (None, budget) or seed not in (None, label):
                        continue
                    try:
                        value = bench.query(row, dataset=name, metric=metric, epochs=budget, seed=label)
                    except NotMeasured:
                        continue
                    answers.append(
                        {
                            "dataset": name,
                            "metric": metric,
                            "epochs": budget,
                            "seed": label,
                            "value": value,
                            "unit": _unit(metric),
                        }
                    )
    return answers


def _unit(metric: str) -> str:
    from proxybench.tables.store.schema import metric_of

    return metric_of(metric).unit
