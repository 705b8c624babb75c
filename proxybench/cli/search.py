"""The search command: run searchers on a table over several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxybench.cli.output import Json, print_json, print_table, show
from proxybench.cli.search_front import search_front

if TYPE_CHECKING:
    from proxybench.search.experiments.run_records import SearchRecord


def search(
    benchmark: Annotated[str, typer.Argument(help="Table on this machine, such as nasbench201.")],
    searcher: Annotated[
        list[str], typer.Option(help="NAME or NAME(ARGUMENT=VALUE, ...); may be repeated. See `list searchers`.")
    ],
    budget: Annotated[int, typer.Option(min=1, help="Budget in full trainings.")] = 20,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each searcher.")] = 10,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first run; the others count up from it.")] = 0,
    dataset: Annotated[str | None, typer.Option(help="Data set; optional if the table has only one.")] = None,
    objective: Annotated[
        str | None, typer.Option(help="Quantity a query returns: [DATASET/]METRIC[@EPOCHS][#SEED], such as val_acc@12.")
    ] = None,
    report: Annotated[str | None, typer.Option(help="Quantity to report for the result, in the same form.")] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="A cost to trade off against the objective, such as latency_ms@edgegpu: searchers nsga2 and random, "
            "judged by the hypervolume they reach. These runs are not recorded."
        ),
    ] = None,
    where: Annotated[list[str] | None, typer.Option(help="Metric that must be measured; may be repeated.")] = None,
    columns_of: Annotated[
        str | None, typer.Option(help='Data set whose proxies searchers see, or "all"; default: --dataset.')
    ] = None,
    computed: Annotated[bool, typer.Option(help="Searchers also see proxies computed by this project.")] = False,
    every_row: Annotated[bool, typer.Option(help="Treat isomorphic architectures as distinct.")] = False,
    output: Annotated[Path | None, typer.Option(help="Journal of the runs; runs already in it are skipped.")] = None,
    curves: Annotated[Path | None, typer.Option(help="Write the best so far, with bands, to this CSV file.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Leaderboard folder in whose searches/ to publish all runs of --output.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run searchers on a table, once per seed, and report what they found.

    Isomorphic architectures count as one query. With --output each run is saved when it ends, and rerunning the command
    does only the missing ones; several processes may share the file if their seeds differ (--first-seed).
    """
    from proxybench.files import replace_file
    from proxybench.leaderboard.searches.records import SEARCHES, merge_searches
    from proxybench.leaderboard.searches.verdicts import searcher_tests
    from proxybench.search.experiments.curves import curves_csv
    from proxybench.search.experiments.experiment import ProblemSetting, TableSearch
    from proxybench.search.experiments.run_groups import groups_of, read_groups
    from proxybench.search.experiments.search import search as run_searches
    from proxybench.search.experiments.summary import searched_problems

    if folder is not None and output is None:
        raise typer.BadParameter("--folder needs --output, the file with the runs to show on the leaderboard")
    if output is not None:
        shown = None if folder is None else folder / SEARCHES / f"{output.stem}.jsonl"
        for name, other in (("--curves", curves), ("the searches of --folder", shown)):
            if other is not None and other.resolve() == output.resolve():
                raise typer.BadParameter(f"{name} would overwrite the runs in --output; choose another file")
    if against is not None:
        if output or curves or report:
            raise typer.BadParameter("--against excludes --output, --curves, --folder and --report")
        known = (*(where or ()), against)
        setting = ProblemSetting(benchmark, dataset, objective, None, known, "index" if every_row else "digest")
        search_front(TableSearch(setting), against, searcher, budget, range(first_seed, first_seed + seeds), as_json)
        return
    found = run_searches(
        benchmark,
        searcher,
        budget=budget,
        seeds=seeds,
        first_seed=first_seed,
        dataset=dataset,
        objective=objective,
        report=report,
        where=where or (),
        columns_of=columns_of,
        computed=computed,
        every_row=every_row,
        journal=output,
    )
    runs = list(found.records)
    if curves is not None:
        replace_file(curves, curves_csv(runs))
    if folder is not None and output is not None:
        merge_searches(folder / SEARCHES / f"{output.stem}.jsonl", searched_problems(read_groups([output])))
    if as_json:
        print_json([_answer(one) for one in runs])
        return
    typer.echo(f"{runs[0].task.name}: {runs[0].task.size} candidates")
    board = found.leaderboard()
    print_table(list(board.columns), [["" if value != value else show(value) for value in row] for row in board.values])
    for test in searcher_tests(searched_problems(groups_of(runs)), ["random"]):
        typer.echo(f"{test.runs.label} compared with random, {test.seeds} pairs: {test.verdict}, p {test.p_value:.2g}")


def _answer(one: SearchRecord) -> dict[str, Any]:
    """A run as JSON, with the two values keyed by their metrics."""
    from proxybench.search.experiments.results import value_names

    objective, reported = value_names(one)
    return {
        "searcher": one.method,
        "options": one.params,
        "seed": one.repeat,
        "budget": one.n_train,
        "queries": int(one.metrics["queries"] or 0),
        "arch": one.arch,
        objective: one.metrics["value"],
        **({reported: one.metrics.get("reported")} if reported else {}),
        "rank": int(one.metrics["rank"] or 0),
        "objective_rank": int(one.metrics["value_rank"] or 0),
        "objective": one.task.target,
        "report": one.report or None,
        "train_s": one.cost.get("train_s"),
        "metrics": one.metrics,
    }
