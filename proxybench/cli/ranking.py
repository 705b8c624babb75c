"""Commands for ranking: run, leaderboard build, check, show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxybench.cli.output import Json, fail_if, number_of, print_json, print_table

if TYPE_CHECKING:
    from proxybench.leaderboard.ranks.entries import Entry

TASK_COLUMNS = ("pool", "rank", "method", "params", "kendall_tau_b", "spearman", "attempted", "failed", "target")
OVERALL_COLUMNS = ("pool", "place", "method", "params", "average_rank", "compared_on", "ranked_on", "kendall_tau_b")
GAIN_COLUMNS = ("n_train", "method", "params", "gain", "low", "high", "better", "repeats")
Folder = Annotated[Path, typer.Option(help="The folder with runs/*.jsonl.")]


def run(
    suite: Annotated[
        str | None,
        typer.Option(help="Suite of tasks; default: published, unless --task, --benchmark or --tasks is given."),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="Only this task, of any suite if --suite is missing; may be repeated.")
    ] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="All tasks of a benchmark, such as a table of your own results.")
    ] = None,
    tasks: Annotated[
        Path | None, typer.Option(help="Your own tasks: a file in the format of data/tasks.toml, such as mine.toml.")
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            help="Rank scores computed elsewhere: a CSV or parquet file with a column arch or digest, and one column "
            "for each score."
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help='A column, a predictor, "module:name", or "columns" or "predictors" for all of them; may be repeated. '
            "Default: columns, or none with --scores. A module:name runs as trusted code in its own process."
        ),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help='Exclude this method from "columns" or "predictors".')
    ] = None,
    size: Annotated[
        list[int] | None, typer.Option(help="Only this number of training architectures (n); may be repeated.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Splits per training size.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    timeout: Annotated[float | None, typer.Option(min=0.1, help="Time limit of one job in seconds.")] = None,
    memory: Annotated[int | None, typer.Option(min=64, help="Memory limit of one worker in megabytes.")] = None,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler to run the jobs on.")] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Records go to its runs/ folder, in the file of the first suite that a task belongs to. Default: "
            "leaderboard; own-leaderboard for your own tables and tasks, which are kept apart."
        ),
    ] = None,
    skip_absent: Annotated[bool, typer.Option(help="Report and skip tasks whose table is missing.")] = False,
    redo: Annotated[
        bool, typer.Option(help="Discard the records of these jobs and of older versions of their tasks.")
    ] = False,
    retry: Annotated[bool, typer.Option("--retry-failed", help="Rerun failed jobs.")] = False,
    images: Annotated[
        str, typer.Option(help="For your own proxies: digits, noise, cifar10:PATH or parquet:FOLDER.")
    ] = "digits",
    batch: Annotated[int, typer.Option(min=1, help="For your own proxies: batch size.")] = 64,
    resolution: Annotated[int, typer.Option(min=1, help="For your own proxies: height and width of images.")] = 32,
    network: Annotated[
        str, typer.Option(help="For your own proxies: network options, such as channels=16,cells=5.")
    ] = "",
    keep_scores: Annotated[
        bool, typer.Option(help="Also write scores of single architectures to local/, for plots on a local page.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Evaluate methods on every task of a suite, and record the results.

    Jobs already recorded are skipped, so an interrupted run resumes with the missing ones. Your own methods are
    evaluated again when their file has changed.
    """
    from proxybench.evaluation.network_proxies import NetworkSetting
    from proxybench.evaluation.plan_runs import FAILURES
    from proxybench.front_door import evaluate
    from proxybench.grammar import parse_arguments

    if not (suite or task or benchmark or tasks):
        suite = "published"
    folder = folder or Path("leaderboard" if tasks is None and _is_listed(benchmark) else "own-leaderboard")
    results = evaluate(
        method or None,
        suite=suite,
        tasks=[*(task or ()), *([tasks] if tasks else [])],
        benchmark=benchmark,
        scores=scores,
        repeats=repeats,
        sizes=size or (),
        without=without or (),
        jobs=jobs,
        timeout_s=timeout,
        memory_mb=memory,
        dask=dask,
        folder=folder,
        networks=NetworkSetting(images, batch, resolution, parse_arguments(network)),
        redo=redo,
        retry_failed=retry,
        keep_scores=keep_scores,
    )
    summary = results.summary
    assert summary is not None  # it is None only for loaded results
    if as_json:
        left_out = {"not_run": summary.lacking, "refused": summary.refused}
        answer = {"outcomes": summary.outcomes, "skipped": summary.skipped, "absent": results.absent}
        print_json(answer | {name: given for name, given in left_out.items() if given})
    else:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(summary.outcomes.items())) or "none"
        names = {record.task.name for record in results.records}
        ran = f"{number_of(len(results), 'job')} of {number_of(len(names), 'task')}"
        typer.echo(f"{ran}: new {counts}; {summary.skipped} already recorded")
        typer.echo(f"recorded in {folder}; for its page, run: proxybench leaderboard build --folder {folder}")
    absent = [f"task {name}: {reason}" for name, reason in results.absent.items()]
    if skip_absent:
        for line in absent:
            typer.echo(f"left out: {line}", err=True)
    failed = [record for record in results.records if record.outcome in FAILURES]
    problems = [f"{len(failed)} jobs failed, such as {failed[0].method}: {failed[0].message}"] if failed else []
    problems += [f"{count} jobs were not run and not recorded: {why}" for why, count in sorted(summary.lacking.items())]
    for worker, reason in sorted(summary.refused.items()):
        typer.echo(f"left out: Dask worker {worker}: {reason}", err=True)
    fail_if(problems + ([] if skip_absent else absent))


def _is_listed(benchmark: str | None) -> bool:
    """Whether the tasks of a benchmark are among those of this project."""
    from proxybench.evaluation.tasks import load_tasks

    return benchmark is None or any(task.benchmark == benchmark for task in load_tasks().values())


def build(
    folder: Folder = Path("leaderboard"),
    repository: Annotated[str, typer.Option(help="Address of the source code, for a link on the page.")] = "",
) -> None:
    """Build the CSV files, pictures and page from the records; if local/ exists, also a page with all scores."""
    from proxybench.board_facts import board_facts
    from proxybench.leaderboard.build import LOCAL, Leaderboard, write, write_local
    from proxybench.leaderboard.page.html import missing_extra

    leaderboard = Leaderboard.of(folder)
    facts = board_facts(repository)
    for path in write(folder, leaderboard, facts):
        typer.echo(path)
    if missing_extra():
        typer.echo(missing_extra(), err=True)
    elif (folder / LOCAL).is_dir():
        typer.echo(write_local(folder, leaderboard, facts)[0])


def check(folder: Folder = Path("leaderboard")) -> None:
    """Check that the CSV files and the pictures match the records; exit with code 1 if they differ."""
    from proxybench.leaderboard.build import differences

    fail_if([f"{name} does not match the records; run: proxybench leaderboard build" for name in differences(folder)])
    typer.echo(f"all files in {folder} match its records")


def serve(
    folder: Folder = Path("leaderboard"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 picks a free one.")] = 8765,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Serve the page to browsers on this machine, until interrupted."""
    import webbrowser

    from proxybench.leaderboard.build import LOCAL
    from proxybench.leaderboard.page.html import PAGE
    from proxybench.leaderboard.serve import HOST, server

    local = (folder / LOCAL / PAGE).is_file()
    with server(folder, port) as running:
        address = f"http://{HOST}:{running.server_port}/{f'{LOCAL}/' if local else ''}"
        typer.echo(f"serving {address} (Ctrl-C to stop)")
        if browser:
            webbrowser.open(address)
        running.serve_forever()


def show(
    folder: Folder = Path("leaderboard"),
    task: Annotated[str | None, typer.Option(help="One task; default: average ranks over all tasks.")] = None,
    compare: Annotated[
        str | None,
        typer.Option(help="With --task: show the others' gains in Kendall's tau over this method on the same splits."),
    ] = None,
    mann_whitney: Annotated[
        bool,
        typer.Option("--mann-whitney", help="With --compare: the p-value of the Mann-Whitney U test over repeats too."),
    ] = False,
    beside: Annotated[str | None, typer.Option(hidden=True)] = None,
    as_json: Json = False,
) -> None:
    """Print the leaderboard of a task, or the methods by average rank over all tasks."""
    import csv
    import io

    from predictors.errors import unknown_name
    from proxybench.leaderboard.build import OVERALL, Leaderboard
    from proxybench.leaderboard.ranks.overall import ALL

    if beside is not None:
        raise typer.BadParameter(f"--beside is now called --compare; use --compare {beside}")
    leaderboard = Leaderboard.of(folder)
    if task is not None and task not in leaderboard.ranked:
        raise unknown_name("task", task, leaderboard.ranked)
    if compare is not None:
        if task is None:
            fail_if(["--compare compares methods on one task; add --task"])
        _show_gains([one for one in leaderboard.entries if one.task.name == task], compare, mann_whitney, as_json)
        return
    rows = csv.DictReader(io.StringIO(leaderboard.tables()[f"{task}.csv" if task else OVERALL].decode()))
    columns = TASK_COLUMNS if task else OVERALL_COLUMNS
    shown = [row for row in rows if task or row["scope"] == ALL]
    if as_json:
        print_json(shown)
    else:
        print_table(columns, [tuple(row[column] for column in columns) for row in shown])


def _show_gains(entries: list[Entry], method: str, with_p_value: bool, as_json: bool) -> None:
    """Print gains over a method, named as for `proxybench run`."""
    from proxybench.evaluation.entrants import find_entrant
    from proxybench.leaderboard.ranks.entries import label_of
    from proxybench.leaderboard.ranks.paired import paired_gains
    from proxybench.records import params_text

    entrant = find_entrant(method)
    found = paired_gains(entries, label_of(entrant.name, params_text(entrant.params)))
    columns = (*GAIN_COLUMNS, "mann_whitney_p") if with_p_value else GAIN_COLUMNS
    rows = [
        {
            "n_train": one.entry.n_train,
            "method": one.entry.method,
            "params": one.entry.params,
            "gain": one.gain,
            "low": one.low,
            "high": one.high,
            "better": one.better,
            "repeats": one.repeats,
            "mann_whitney_p": one.p_value,
        }
        for one in found
    ]
    if as_json:
        print_json([{name: row[name] for name in columns} for row in rows])
    else:
        print_table(columns, [tuple(_cell(name, row[name]) for name in columns) for row in rows])


def _cell(column: str, value: object) -> str:
    """A gain with its sign, a p-value with three digits, None as empty text, anything else as is."""
    if column == "mann_whitney_p" and isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:+.4f}" if isinstance(value, float) else "" if value is None else str(value)
