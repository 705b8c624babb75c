"""The oneshot command: trains a supernet, estimates architectures with its weights, and compares with a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxybench.cli.output import Json, print_json, print_table, show
from proxybench.errors import ProxybenchError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from proxybench.oneshot import OneShot
    from proxybench.oneshot.estimates import Estimates
    from proxybench.tables.benchmark import Benchmark


def oneshot(
    space: Annotated[str, typer.Argument(help="A space with a supernet, such as nasbench201.")],
    method: Annotated[str, typer.Option(help="spos, few-shot(choice=3), bignas, proxyless and others.")] = "spos",
    images: Annotated[
        str, typer.Option(help="cifar10:PATH of cifar-10-python.tar.gz, parquet:FOLDER or digits.")
    ] = "digits",
    epochs: Annotated[int, typer.Option(min=1, help="Epochs in all stages of the method together.")] = 50,
    evaluate: Annotated[str | None, typer.Option(help="Table whose architectures are estimated and compared.")] = None,
    target: Annotated[str, typer.Option(help="What to compare with, such as test_acc@3.")] = "test_acc",
    dataset: Annotated[str | None, typer.Option(help="Data set of the table, if it has several.")] = None,
    sample: Annotated[int, typer.Option(min=1, help="Without --evaluate: architectures drawn from the space.")] = 500,
    output: Annotated[Path, typer.Option(help="Folder of the training; rerunning resumes it.")] = Path("oneshot"),
    scores: Annotated[Path | None, typer.Option(help="Write the estimates to this CSV, for run --scores.")] = None,
    front: Annotated[
        int, typer.Option(min=0, help="Also search the front of accuracy and FLOPs with so many estimates.")
    ] = 0,
    network: Annotated[str, typer.Option(help="Network options, such as channels=8,cells=1.")] = "",
    averaged: Annotated[int, typer.Option(min=1, help="Average the weights after this many last epochs.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of weights, paths and order of images.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, or a torch device such as cuda.")] = "cpu",
    as_json: Json = False,
) -> None:
    """Train a supernet of a space and estimate the accuracy of architectures with its weights.

    The recipe is that of the space's trained table, with the same images: paths are trained on its training images and
    estimated on its validation images. An interrupted training resumes where it stopped.
    """
    from proxybench.sweeps.sweep import require_torch

    require_torch()
    shot = _shot(space, method, network, epochs=epochs, seed=seed, averaged=averaged, device=device)
    bench = None if evaluate is None else _table(evaluate, shot)
    archs = [shot.space.format(arch) for arch in _sampled(shot, sample)] if bench is None else list(bench.archs)
    found = _carry_out(shot, images, output, archs)
    if scores is not None:
        from proxybench.oneshot.scores_file import write_scores

        write_scores(scores, shot.name, archs, found)
    measures = {} if bench is None else _measures(bench, target, dataset, found)
    if not shot.classifies:
        measures.pop("accuracy", None)
    best = _front(shot, front, seed) if front else None
    _report(shot, output, scores, found, measures, best, as_json)


def _shot(space: str, method: str, network: str, **options: Any) -> OneShot:
    from dataclasses import replace

    from proxybench.grammar import parse_arguments, parse_call
    from proxybench.oneshot import SUPERNETS, OneShot
    from proxybench.training.recipe import default_recipe

    if space not in SUPERNETS:
        raise unknown_name("space with a supernet", space, SUPERNETS)
    call, recipe = parse_call(method), default_recipe(space)
    recipe = replace(recipe, network={**recipe.network, **parse_arguments(network)})
    return OneShot(space, call.name, recipe=recipe, **options, **call.arguments)


def _table(name: str, shot: OneShot) -> Benchmark:
    from proxybench.tables.benchmark import load

    bench = load(name)
    if bench.space.name != shot.space.name:
        raise ProxybenchError(f"{name} has architectures of {bench.space.name}, not of {shot.space.name}")
    return bench


def _sampled(shot: OneShot, n: int) -> Sequence[Any]:
    from proxybench.training.population import population

    items, _ = population(shot.space, n)
    return [shot.space.parse(text) for text in items.column("arch").to_pylist()]


def _carry_out(shot: OneShot, images: str, output: Path, archs: Sequence[str]) -> Estimates:
    """Train and estimate; when interrupted, say how to resume and exit with code 130."""
    from proxybench.cli.sweeps import long_progress

    try:
        with long_progress("steps") as on_step:
            shot.fit(images, output, on_step)
        with long_progress("estimates") as on_estimate:
            return shot.estimates(archs, on_estimate)
    except KeyboardInterrupt:
        typer.echo("interrupted; run the same command again to resume", err=True)
        raise typer.Exit(130) from None


def _measures(bench: Benchmark, target: str, dataset: str | None, found: Estimates) -> dict[str, dict[str, float]]:
    """The measures of agreement by the kind of estimate."""
    from proxybench.grammar import Quantity
    from proxybench.oneshot.agreement import agreement

    quantity = Quantity.parse(target)
    epochs = quantity.epochs
    if epochs is None:
        epochs = max(bench.epochs(quantity.metric, dataset))
    truth = bench.values(quantity.metric, dataset=dataset, epochs=epochs, seed=quantity.seed)
    return {"accuracy": agreement(truth, found.accuracy), "loss": agreement(truth, -found.loss)}


def _front(shot: OneShot, budget: int, seed: int) -> pd.DataFrame:
    """The columns arch, accuracy and flops."""
    from proxybench.cli.sweeps import long_progress
    from proxybench.search.experiments.elastic_front import elastic_front

    with long_progress("estimates") as on_round:
        return elastic_front(shot, budget, seed, on_round=on_round).frame()


def _report(
    shot: OneShot,
    output: Path,
    scores: Path | None,
    found: Estimates,
    measures: dict[str, dict[str, float]],
    front: pd.DataFrame | None,
    as_json: bool,
) -> None:
    trainer, findings, arch = shot.trainer, shot.findings, shot.derived
    derived = None if arch is None else shot.space.format(arch)
    if as_json:
        print_json(
            {
                "folder": str(output),
                "method": shot.name,
                "estimates": len(found.loss),
                "paths": trainer.passes,
                "train_s": trainer.seconds,
                "estimate_s": found.seconds,
                "losses": trainer.losses,
                "scores": None if scores is None else str(scores),
                "measures": measures,
                "derived": derived,
                "findings": dict(findings),
                "front": None if front is None else front.to_dict("records"),
            }
        )
        return
    typer.echo(
        f"{trainer.passes} paths trained in {trainer.seconds:.0f} s, {len(found.loss)} architectures estimated in "
        f"{found.seconds:.0f} s, in {output}"
    )
    if derived is not None:
        accuracy = shot.estimate([derived])[0]
        typer.echo(f"derived architecture: {derived}, with {show(accuracy)} % of the validation images right")
    for name, value in findings.items():
        typer.echo(f"{name.replace('_', ' ')}: {value if isinstance(value, str) else show(value)}")
    if measures:
        rows = [[name, *(show(measures[kind][name]) for kind in measures)] for name in measures["loss"]]
        print_table(["measure", *(f"by {kind}" for kind in measures)], rows)
    if front is not None:
        print_table(
            [*front.columns], [[arch, show(acc), show(flops)] for arch, acc, flops in front.to_numpy().tolist()]
        )
    if scores is not None:
        typer.echo(f"{scores}: rank with proxybench run --scores {scores}")
