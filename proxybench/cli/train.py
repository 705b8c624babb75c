"""The train-table command: trains sampled architectures with several seeds and budgets, and writes a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxybench.cli.output import Json, fail_if, print_json
from proxybench.cli.sweeps import carry_out
from proxybench.errors import ProxybenchError

if TYPE_CHECKING:
    from proxybench.jobs.chunked_work import ChunkedWork
    from proxybench.training.recipe import Recipe


def train_table(
    space: Annotated[str | None, typer.Argument(help="A space with a recipe, such as nasbench201 or nds-enas.")] = None,
    images: Annotated[
        str, typer.Option(help="cifar10:PATH of cifar-10-python.tar.gz, parquet:FOLDER or digits.")
    ] = "digits",
    dataset: Annotated[str | None, typer.Option(help="Data set name in the table; default: the images' name.")] = None,
    sample: Annotated[int, typer.Option(min=1, help="Architectures; a larger sample contains a smaller one.")] = 500,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings per architecture.")] = 3,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of a full training.")] = None,
    budgets: Annotated[str, typer.Option(help="Epochs after which to measure accuracy, such as 1,2,3.")] = "",
    output: Annotated[Path, typer.Option(help="Folder of the trainings; rerunning resumes it.")] = Path("training"),
    table: Annotated[Path | None, typer.Option(help="When finished, write the table to this parquet file.")] = None,
    merge: Annotated[Path | None, typer.Option(help="Only write the table of --output to this file.")] = None,
    partial: Annotated[bool, typer.Option(help="With --merge: allow missing trainings.")] = False,
    card: Annotated[
        Path | None, typer.Option(help="With --table or --merge: write the table's card to this file.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="Only print the architectures, one per line.")] = False,
    network: Annotated[str, typer.Option(help="Network options, such as channels=8,cells=1.")] = "",
    architecture: Annotated[str, typer.Option(help="For NDS spaces: width=[2,3,4],depth=3.")] = "",
    resolution: Annotated[int | None, typer.Option(min=1, help="Height and width to resize images to.")] = None,
    split: Annotated[str, typer.Option(help="Images for training, validation, test, such as 8000,3000,5000.")] = "",
    batch: Annotated[int | None, typer.Option(min=2, help="Batch size.")] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="Peak learning rate of the one-cycle schedule.")] = None,
    flip: Annotated[bool | None, typer.Option(help="Flip half of the images; default: for all but digits.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of images, weights, orders and architecture draws.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler to run the work on.")] = None,
    device: Annotated[str, typer.Option(help="cpu, or a torch device such as cuda.")] = "cpu",
    known: Annotated[Path | None, typer.Option(help="Table with the same setting, to reuse trainings from.")] = None,
    retry: Annotated[bool, typer.Option("--retry-failed", help="Retry failed trainings.")] = False,
    as_json: Json = False,
) -> None:
    """Train architectures of a space and write a table: accuracies and losses by seed and budget, seconds, sizes.

    Options default to the recipe of the space, scaled to the number of images available. An interrupted training
    resumes where it stopped, and processes started on the same folder share the work. The error of an architecture
    that fails is recorded, and the exit code is 1.
    """
    if merge is not None:
        from proxybench.jobs.work_folder import load

        work, table = load(output), merge
    elif space is None:
        raise typer.BadParameter("no search space given", param_hint="SPACE")
    else:
        from proxybench.sweeps.sweep import require_torch
        from proxybench.training.recipe import default_recipe

        recipe = _changed(default_recipe(space), network, architecture, epochs, budgets, resolution, batch, rate)
        if listing:
            _print_population(space, sample, seed, recipe)
            return
        require_torch()
        from proxybench.images.batch import load_batch
        from proxybench.sweeps.sweep import forget_failed
        from proxybench.training.work import begin_training

        recipe = _fitted(recipe, images, split, flip)
        work = begin_training(
            output,
            space,
            sample,
            recipe,
            load_batch(images, recipe.images, resolution=recipe.resolution, seed=seed),
            _name(images) if dataset is None else dataset,
            seeds=seeds,
            seed=seed,
            device=device,
        )
        if retry:
            forget_failed(work)
        if known is not None:
            from proxybench.training.table import take_over

            typer.echo(f"{known}: {take_over(work, known)} architectures reused", err=True)
        carry_out(work, jobs, dask)
    rows = None
    if table is not None:
        from proxybench.training.table import merge as merge_shards

        rows = merge_shards(work, table, partial=partial and merge is not None)
        if card is not None:
            from proxybench.files import replace_file
            from proxybench.training.card import card as card_of
            from proxybench.training.table import read_table

            replace_file(card, card_of(read_table(table)).encode())
    _report(work, table, rows, as_json)


def _changed(
    recipe: Recipe,
    network: str,
    architecture: str,
    epochs: int | None,
    budgets: str,
    resolution: int | None,
    batch: int | None,
    rate: float | None,
) -> Recipe:
    """The recipe with the user's changes; if only the epochs change, earlier budgets are kept."""
    from proxybench.grammar import parse_arguments
    from proxybench.training.recipe import parse_sizes

    changes: dict[str, Any] = {"resolution": resolution, "batch": batch, "rate": rate}
    if epochs is not None or budgets:
        chosen = _numbers(budgets, "--budgets") if budgets else recipe.budgets
        changes["epochs"] = chosen[-1] if epochs is None else epochs
        kept = chosen if budgets else tuple(budget for budget in chosen if budget < changes["epochs"])
        changes["budgets"] = kept if budgets else (*kept, changes["epochs"])
    changes["network"] = {**recipe.network, **parse_arguments(network)}
    changes["architecture"] = {**recipe.architecture, **parse_sizes(architecture)}
    return replace(recipe, **{name: value for name, value in changes.items() if value is not None})


def _fitted(recipe: Recipe, images: str, split: str, flip: bool | None) -> Recipe:
    """The recipe for an image source: split as given or scaled to the images available; digits are not flipped."""
    from proxybench.images.sources import open_source

    recipe = replace(recipe, flip=_name(images) != "digits" if flip is None else flip)
    if not split:
        return recipe.scaled_to(len(open_source(images, recipe.resolution).labels))
    parts = _numbers(split, "--split")
    if len(parts) != 3:
        raise ProxybenchError(f"--split {split}: expected three numbers of images, for training, validation and test")
    return replace(recipe, train=parts[0], validation=parts[1], test=parts[2])


def _numbers(text: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ProxybenchError(f"{option} {text}: expected comma-separated numbers, such as 1,2,3") from None


def _name(images: str) -> str:
    """cifar10, digits, or the folder's name."""
    kind, _, place = images.partition(":")
    return Path(place).resolve().name if kind == "parquet" else kind


def _print_population(space: str, architectures: int, seed: int, recipe: Recipe) -> None:
    from proxybench.spaces import get_space
    from proxybench.training.population import population

    items, _ = population(get_space(space), architectures, seed, recipe.architecture)
    for text in items.column("arch").to_pylist():
        typer.echo(text)


def _report(work: ChunkedWork, table: Path | None, rows: int | None, as_json: bool) -> None:
    from proxybench.training.work import progress_of

    found, setting = progress_of(work), work.setting
    if as_json:
        print_json(
            {
                "folder": str(work.folder),
                "work": work.digest,
                "architectures": work.items.num_rows,
                "done": found.done,
                "failed": len(found.errors),
                "diverged": found.diverged,
                "seconds": found.seconds,
                "dataset": setting["dataset"],
                "images": setting["images"],
                "recipe": setting["recipe"],
                "seeds": setting["seeds"],
                "table": None if table is None else str(table),
                "rows": rows,
            }
        )
    else:
        typer.echo(f"images: {setting['images']['source']}, {setting['images']['choice']}")
        typer.echo("recipe: " + ", ".join(f"{name} {value}" for name, value in setting["recipe"].items() if value))
        typer.echo(
            f"{found.done} of {work.items.num_rows} architectures in {work.folder}, {setting['seeds']} seeds each, "
            f"{found.seconds:.0f} s of work; trainings that diverged: {found.diverged}"
        )
        if table is not None:
            typer.echo(f"{table}: {rows} rows")
    errors = found.errors
    first = next(iter(errors.items()), ("", ""))
    fail_if([f"{len(errors)} architectures failed, such as {first[0]}: {first[1]}"] if errors else [])
