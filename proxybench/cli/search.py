"""The verb search: searchers on a table, over seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxybench.cli.output import Json, print_json, print_table, show
from proxybench.cli.search_front import search_front

if TYPE_CHECKING:
    from proxybench.search.outcomes import SearchRecord

COLUMNS = ("searcher", "options", "runs", "queries", "value", "reported", "median rank", "mean rank", "train_s")


def search(
    benchmark: Annotated[str, typer.Option(help="Table on this machine.")],
    searcher: Annotated[
        list[str], typer.Option(help="NAME or NAME:OPTION=VALUE,...; may be repeated. An unknown name lists them all.")
    ],
    budget: Annotated[int, typer.Option(min=1, help="Full trainings to pay.")] = 20,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each searcher.")] = 10,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first run; the others follow it.")] = 0,
    dataset: Annotated[str | None, typer.Option(help="Of the table; may be left out where it has one.")] = None,
    objective: Annotated[
        str | None, typer.Option(help="What a query answers: [DATASET/]METRIC[@EPOCHS][#SEED], such as val_acc@12.")
    ] = None,
    report: Annotated[str | None, typer.Option(help="What is reported of what was found, in the same form.")] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="A cost to trade the objective for, such as latency_ms@edgegpu: searchers nsga2 and random, judged by "
            "the hypervolume of what they found. Such runs are not recorded."
        ),
    ] = None,
    where: Annotated[list[str] | None, typer.Option(help="Metric that must be measured; may be repeated.")] = None,
    columns_of: Annotated[
        str | None, typer.Option(help='Data set whose proxies are known, or "all"; by default --dataset.')
    ] = None,
    computed: Annotated[bool, typer.Option(help="Proxies that this project computed itself are known too.")] = False,
    every_row: Annotated[bool, typer.Option(help="Count isomorphic architectures as different ones.")] = False,
    output: Annotated[Path | None, typer.Option(help="Journal of the runs; those in it are not run again.")] = None,
    curves: Annotated[Path | None, typer.Option(help="CSV of the best so far, with bands.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Leaderboard whose page shall show all runs of --output: writes its searches/.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run searchers on a table, once for each seed, and report what they found.

    Isomorphic architectures are one query. With --output a run is on disk when it ends, and a rerun of the command
    does what is missing; several processes may share the file, each with seeds of its own (--first-seed).
    """
    from proxybench.cli.progress import cell_progress
    from proxybench.files import replace_file
    from proxybench.harness.journal import Journal
    from proxybench.leaderboard.search_verdicts import compared
    from proxybench.leaderboard.searches import SEARCHES, merge_searches
    from proxybench.search.curves import curves_csv
    from proxybench.search.experiment import MULTI_FIDELITY, Entry, Posed, Setting, run_experiment
    from proxybench.search.groups import groups_of, read_groups
    from proxybench.search.summary import searched_problems

    if folder is not None and output is None:
        raise typer.BadParameter("say with --output which file keeps the runs that the leaderboard shows")
    if output is not None:
        shown = None if folder is None else folder / SEARCHES / f"{output.stem}.jsonl"
        for name, other in (("--curves", curves), ("the searches of --folder", shown)):
            if other is not None and other.resolve() == output.resolve():
                raise typer.BadParameter(f"{name} would be written over the runs of --output; name another file")
    if against is not None:
        if output or curves or report:
            raise typer.BadParameter("--against goes without --output, --curves, --folder and --report")
        known = (*(where or ()), against)
        setting = Setting(benchmark, dataset, objective, None, known, "index" if every_row else "digest")
        search_front(Posed(setting), against, searcher, budget, range(first_seed, first_seed + seeds), as_json)
        return
    entries = list({text: Entry.parse(text) for text in searcher}.values())
    posed = Posed(
        Setting(
            benchmark,
            dataset,
            objective,
            report,
            tuple(where or ()),
            "index" if every_row else "digest",
            columns_of,
            fidelities=any(entry.name in MULTI_FIDELITY for entry in entries),
            computed=computed,
        )
    )
    wanted = range(first_seed, first_seed + seeds)
    with cell_progress(len(entries) * seeds) as on_record:
        runs = run_experiment(posed, entries, budget, wanted, Journal(output) if output else None, on_record)
    if curves is not None:
        replace_file(curves, curves_csv(runs))
    if folder is not None and output is not None:
        merge_searches(folder / SEARCHES / f"{output.stem}.jsonl", searched_problems(read_groups([output])))
    if as_json:
        print_json([_answer(one) for one in runs])
        return
    problem = posed.problem
    typer.echo(
        f"{posed.task.name}: {len(problem)} candidates, best {show(posed.objective.sign * problem.values.max())}"
    )
    print_table(COLUMNS, [_row([one for one in runs if _same(one, entry)]) for entry in entries])
    for test in compared(searched_problems(groups_of(runs)), ["random"]):
        typer.echo(f"{test.runs.label} beside random, {test.seeds} pairs: {test.verdict}, p {test.p_value:.2g}")


def _same(one: SearchRecord, entry: Any) -> bool:
    return (one.method, one.params) == (entry.name, entry.options)


def _answer(one: SearchRecord) -> dict[str, Any]:
    """A run as JSON. `val_acc` is the objective and `test_acc` what is reported, whatever metrics they are."""
    return {
        "searcher": one.method,
        "options": one.params,
        "seed": one.repeat,
        "budget": one.n_train,
        "queries": int(one.metrics["queries"] or 0),
        "arch": one.arch,
        "val_acc": one.metrics["value"],
        "test_acc": one.metrics.get("reported"),
        "rank": int(one.metrics["rank"] or 0),
        "objective_rank": int(one.metrics["value_rank"] or 0),
        "objective": one.task.target,
        "report": one.report or None,
        "train_s": one.cost.get("train_s"),
        "metrics": one.metrics,
    }


def _row(runs: list[SearchRecord]) -> tuple[str, ...]:
    import numpy as np

    def mean(values: list[float | None]) -> str:
        known = [value for value in values if value is not None]
        return f"{np.mean(known):.6g} ± {np.std(known):.2g}" if known else "-"

    ranks = [one.metrics["rank"] or 0.0 for one in runs]
    return (
        runs[0].method,
        ",".join(f"{key}={value}" for key, value in runs[0].params.items()) or "-",
        str(len(runs)),
        show(float(np.mean([one.metrics["queries"] or 0.0 for one in runs]))),
        mean([one.metrics["value"] for one in runs]),
        mean([one.metrics.get("reported") for one in runs]),
        f"{np.median(ranks):g}",
        f"{np.mean(ranks):.1f}",
        mean([one.cost.get("train_s") for one in runs]),
    )
