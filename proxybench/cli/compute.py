"""The compute command: a sweep of zero-cost proxies over architectures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from proxybench.cli.output import Json, fail_if, print_json
from proxybench.cli.sweeps import carry_out

if TYPE_CHECKING:
    import pyarrow as pa

    from proxybench.jobs.chunked_work import ChunkedWork

Choice = Literal["stratified", "random"]


def compute(
    space: Annotated[str | None, typer.Argument(help="Search space, such as nasbench201.")] = None,
    proxies: Annotated[str, typer.Option(help='Comma-separated names, "module:name" for your own, or all.')] = "all",
    images: Annotated[
        str | None,
        typer.Option(
            help="cifar10:PATH of cifar-10-python.tar.gz, parquet:FOLDER, digits or noise; for text tokens:LENGTH. "
            "Default: noise, or tokens:64."
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder of the sweep; rerunning resumes it.")] = Path("sweep"),
    table: Annotated[Path | None, typer.Option(help="When finished, write the scores to this parquet file.")] = None,
    merge: Annotated[Path | None, typer.Option(help="Only write the scores in --output to this file.")] = None,
    partial: Annotated[bool, typer.Option(help="With --merge: allow an unfinished sweep.")] = False,
    node_bits: Annotated[int, typer.Option(min=0, max=52, help="Mantissa bits to keep in node values.")] = 11,
    benchmark: Annotated[str | None, typer.Option(help="Use the architectures of this local table.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Number of architectures to draw with --seed.")] = None,
    archs: Annotated[Path | None, typer.Option(help="Text file with one architecture per line.")] = None,
    first: Annotated[
        int | None, typer.Option(min=1, help="Only the first N of them by digest, which are a random sample.")
    ] = None,
    network: Annotated[str, typer.Option(help="Network options, such as channels=16,cells=5.")] = "",
    resolution: Annotated[int | None, typer.Option(min=1, help="Height and width to resize images to.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Batch size.")] = 64,
    choice: Annotated[Choice, typer.Option(help="How images are sampled.")] = "stratified",
    classes: Annotated[
        int | None, typer.Option(min=2, help="Number of logits; default: the images' classes, or the space's for text.")
    ] = None,
    initialisation: Annotated[str, typer.Option(help="Weights: torch, kaiming, xavier, gaussian, ...")] = "torch",
    seed: Annotated[int, typer.Option(help="Seed of weights, draws, images and --sample.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes on this machine.")] = 1,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler to run the work on.")] = None,
    device: Annotated[str, typer.Option(help="cpu, or a torch device such as cuda.")] = "cpu",
    chunk: Annotated[int | None, typer.Option(min=1, help="Architectures per shard: the most lost if killed.")] = None,
    known: Annotated[
        Path | None, typer.Option(help="Table of an earlier sweep with the same setting, to reuse scores from.")
    ] = None,
    scores_of: Annotated[
        Path | None,
        typer.Option(
            "--with-scores",
            help="Table of an earlier sweep of other proxies, with the same setting and architectures, whose scores "
            "--table gets as well.",
        ),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry-failed", help="Retry failed architectures.")] = False,
    as_json: Json = False,
) -> None:
    """Compute zero-cost proxies for a space's architectures, scoring isomorphic ones only once.

    An interrupted sweep resumes where it stopped, and processes started on the same folder share the work. The error
    of an architecture that fails is recorded, and the exit code is 1.
    """
    if scores_of is not None and table is None and merge is None:
        raise typer.BadParameter(
            "needs --table or --merge, which name the file that gets the scores", param_hint="--with-scores"
        )
    if merge is not None:
        from proxybench.jobs.work_folder import load

        work, table = load(output), merge
    elif space is None:
        raise typer.BadParameter("no search space given", param_hint="SPACE")
    else:
        from proxybench.grammar import parse_arguments
        from proxybench.sweeps.inputs import batch_for
        from proxybench.sweeps.selection import choose_proxies
        from proxybench.sweeps.sweep import begin_sweep, forget_failed, require_torch

        require_torch()
        chosen, left_out = choose_proxies([name.strip() for name in proxies.split(",") if name.strip()])
        for line in left_out:
            typer.echo(f"left out: {line}", err=True)
        options = parse_arguments(network)
        work = begin_sweep(
            output,
            space,
            _items(space, benchmark, sample, archs, first, seed),
            chosen,
            batch_for(
                space,
                images,
                batch,
                network=options,
                classes=classes,
                resolution=resolution,
                seed=seed,
                choice=choice,
            ),
            network=options,
            classes=classes,
            initialisation=initialisation,
            seed=seed,
            device=device,
            chunk=chunk,
        )
        if scores_of is not None:
            from proxybench.sweeps.widen import require_matching

            require_matching(scores_of, work.plan["setting"], sorted(work.items.column("digest").to_pylist()))
        if retry:
            forget_failed(work)
        if known is not None:
            from proxybench.sweeps.known import take_over

            typer.echo(f"{known}: {take_over(work, known)} architectures reused", err=True)
        carry_out(work, jobs, dask)
    rows = None
    if table is not None:
        from proxybench.sweeps.merge import merge as merge_shards

        rows = merge_shards(work, table, node_bits=node_bits, partial=partial and merge is not None)
        if scores_of is not None:
            from proxybench.sweeps.widen import widen

            typer.echo(f"{table}: with the scores of {', '.join(widen(table, scores_of))}", err=True)
    _report(work, table, rows, as_json)


def _report(work: ChunkedWork, table: Path | None, rows: int | None, as_json: bool) -> None:
    from proxybench.sweeps.sweep import progress_of

    found = progress_of(work)
    if as_json:
        print_json(
            {
                "folder": str(work.folder),
                "sweep": work.digest,
                "architectures": work.items.num_rows,
                "done": found.done,
                "failed": len(found.errors),
                "unanswered": found.unanswered,
                "seconds": found.seconds,
                "images": work.setting["images"],
                "table": None if table is None else str(table),
                "rows": rows,
            }
        )
    else:
        images = work.setting["images"]
        typer.echo(_described(images))
        unanswered = ", ".join(f"{name} {count}" for name, count in found.unanswered.items())
        typer.echo(
            f"{found.done} of {work.items.num_rows} architectures in {work.folder}, {found.seconds:.0f} s of work"
            + (f"; without answer: {unanswered}" if unanswered else "")
        )
        if table is not None:
            typer.echo(f"{table}: {rows} rows")
    errors = found.errors
    first = next(iter(errors.items()), ("", ""))
    fail_if([f"{len(errors)} architectures failed, such as {first[0]}: {first[1]}"] if errors else [])


def _described(images: Mapping[str, Any]) -> str:
    """A line about the batch of images or tokens."""
    if "labels" in images:
        length = images["shape"][1]
        return f"texts of {length} {images['source']}, {images['choice']}; labels: {images['labels']}"
    return f"images: {images['source']}, {images['choice']}; {images['normalisation']}; resized: {images['resized']}"


def _items(
    space_name: str, benchmark: str | None, sample: int | None, file: Path | None, first: int | None, seed: int
) -> pa.Table:
    """The work items for the selected architectures; reports how many remain after deduplication."""
    from proxybench.spaces import get_space
    from proxybench.sweeps.front import architectures
    from proxybench.sweeps.selection import items_of, of_file

    space = get_space(space_name)
    chosen = architectures(space, None if file is None else of_file(space, file), benchmark, sample, seed)
    items = items_of(*chosen)
    if items.num_rows < len(chosen[0]) and (sample or file):
        typer.echo(f"{len(chosen[0])} architectures, {items.num_rows} after merging isomorphic ones", err=True)
    return items.slice(0, first)
