"""The commands generate and train-generator: sample from a diffusion model of architectures, and train one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxybench.cli.output import Json, fail_if, print_json, print_table, show

if TYPE_CHECKING:
    from proxybench.generation.from_table import TableGuide
    from proxybench.generation.model import DiffusionModel


def generate(
    space: Annotated[str, typer.Argument(help="Search space, such as nasbench201.")],
    n: Annotated[int, typer.Option(min=1, help="Number of distinct architectures.")] = 10,
    guide: Annotated[
        str | None, typer.Option(help="Quantity to optimise, [DATASET/]METRIC[@EPOCHS][#SEED], such as val_acc@200.")
    ] = None,
    constraint: Annotated[
        list[str] | None, typer.Option(help='Constraint, such as "latency_ms@edgegpu<5"; may be repeated.')
    ] = None,
    benchmark: Annotated[str | None, typer.Option(help="Table to learn from; default: the space's.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Data set; optional if the table has only one.")] = None,
    size: Annotated[int, typer.Option(min=2, help="Architectures to train the guide on.")] = 50,
    predictor: Annotated[str, typer.Option(help="Predictor, one of predictors.available().")] = "ensemble",
    columns: Annotated[
        str | None,
        typer.Option(help="Columns the predictor sees: training-free, computed or all; default: every one available."),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=0, help="Rounds in which the guide queries the predictor; 0: everything at once.")
    ] = 5,
    calls: Annotated[int, typer.Option(min=4, help="Predictor queries over all rounds.")] = 1000,
    share: Annotated[
        float | None, typer.Option(help="Aim for the best fraction of this size; default: the one that worked best.")
    ] = None,
    scale: Annotated[float, typer.Option(help="Scale of the guide's gradient; larger: better but less varied.")] = 4.0,
    guide_steps: Annotated[int, typer.Option(min=1, help="Training steps of the guide.")] = 1000,
    model: Annotated[Path | None, typer.Option(help="Model from train-generator; default: the shipped one.")] = None,
    method: Annotated[str, typer.Option(help="Sampler: pc, em or ode.")] = "pc",
    steps: Annotated[int, typer.Option(min=2, help="Sampling steps.")] = 50,
    snr: Annotated[float, typer.Option(help="Signal-to-noise ratio of the corrector.")] = 0.16,
    rerank: Annotated[int, typer.Option(min=1, help="Generate this many times n and keep the best predicted.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    csv: Annotated[Path | None, typer.Option(help="Also write the architectures to this CSV file.")] = None,
    as_json: Json = False,
) -> None:
    """Generate architectures, optionally guided, with predicted and (if the table has them) true values.

    The guide learns from --size random architectures of the table and predicts the rest. The exit code is 1 if fewer
    than n distinct architectures were generated.
    """
    from proxybench.sweeps.sweep import require_torch

    require_torch()
    from proxybench.errors import ProxybenchError
    from proxybench.generation.generated import generate as draw
    from proxybench.generation.model import load_generator
    from proxybench.generation.sampling import Sampler

    source = load_generator(model or space)
    if source.space.name != space:
        raise ProxybenchError(f"{model} generates architectures of {source.space.name}, not of {space}")
    table = None
    if guide is not None or constraint:
        from proxybench.generation.from_table import Constraint, Posing, TableGuide
        from proxybench.tables.benchmark import load

        bounds = tuple(Constraint.parse(text) for text in constraint or ())
        options: dict[str, Any] = {"told": size, "predictor": predictor, "columns": columns, "steps": guide_steps}
        options |= {"rounds": rounds, "calls": calls, "seed": seed}
        posing = Posing(guide, bounds, dataset, share=share, scale=scale, **options)
        table = TableGuide(source, load(benchmark or space), posing)
    with _count(n * rerank, "architectures") as on_progress:
        found = draw(
            source,
            n * rerank,
            seed=seed,
            sampler=Sampler(method, steps, snr),
            guide=None if table is None else table.gradient,
            accept=None if table is None or not constraint else table.accepts,
            on_progress=on_progress,
        )
    rows = _rows(found.archs, source, table, n)
    if csv is not None:
        _write_csv(csv, rows)
    if as_json:
        print_json(rows)
    else:
        names = list(rows[0]) if rows else ["arch"]
        print_table(names, [[_shown(row[name]) for name in names] for row in rows])
        typer.echo(
            f"{len(rows)} of {found.drawn} samples ({found.invalid} invalid, {found.repeated} repeated, "
            f"{found.refused} refused); {1000 * found.seconds / max(1, found.drawn):.1f} ms a sample",
            err=True,
        )
    if len(rows) < n:
        hint = "a smaller --scale or a larger --share gives more variety"
        fail_if([f"only {len(rows)} of {n} architectures were generated; {hint}"])


def _rows(archs: list[Any], source: DiffusionModel, table: TableGuide | None, n: int) -> list[dict[str, Any]]:
    """One dictionary per architecture: its text and, with a guide, the predicted and true values."""
    if table is None or not archs:
        return [{"arch": source.space.format(arch)} for arch in archs[:n]]
    import numpy as np

    from proxybench.tables.quantities import sign_of

    predicted, true = table.predicted(archs), table.true(archs)
    order: Any = range(len(archs))
    if table.objective is not None:
        order = np.argsort(-sign_of(table.objective) * predicted[str(table.objective)], kind="stable")[:n].tolist()
    return [
        {
            "arch": source.space.format(archs[row]),
            **{f"predicted {name}": float(values[row]) for name, values in predicted.items()},
            **{f"true {name}": float(values[row]) for name, values in true.items()},
        }
        for row in list(order)[:n]
    ]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else show(value)


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    from proxybench.csv_text import csv_bytes
    from proxybench.files import replace_file

    header = list(rows[0]) if rows else ["arch"]
    replace_file(path, csv_bytes(header, ([row[name] for name in header] for row in rows)))


def train_generator(
    space: Annotated[str, typer.Argument(help="Search space, such as nasbench201.")],
    output: Annotated[Path, typer.Option(help="Model file; the checkpoint is saved next to it.")],
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 6000,
    layers: Annotated[int, typer.Option(min=1, help="Layers of the score network.")] = 4,
    width: Annotated[int, typer.Option(min=1, help="Width of a node's state.")] = 64,
    attention: Annotated[str, typer.Option(help='"reachable" as published, or "all".')] = "reachable",
    published: Annotated[
        bool, typer.Option(help="Use the paper's network, rate, steps and averaging; takes days on a CPU.")
    ] = False,
    sde: Annotated[str, typer.Option(help="ve, vp or subvp.")] = "ve",
    rate: Annotated[float, typer.Option(help="Learning rate.")] = 1e-3,
    most: Annotated[int, typer.Option(min=1, help="Maximum number of training architectures.")] = 100_000,
    half: Annotated[bool, typer.Option(help="Hold out half of the space, to measure novelty.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads for torch.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, batches and noise.")] = 0,
    as_json: Json = False,
) -> None:
    """Train a diffusion model of a space's architectures. An interrupted training resumes from its checkpoint."""
    from proxybench.sweeps.sweep import require_torch

    require_torch()
    import torch

    from proxybench.generation.codec import left_out, population
    from proxybench.generation.network import PUBLISHED, Architecture
    from proxybench.generation.sde import make_sde
    from proxybench.generation.training import Settings, Trainer
    from proxybench.spaces import get_space

    if threads is not None:
        torch.set_num_threads(threads)
    settings = Settings(
        Architecture(layers=layers, width=width, attention=attention), make_sde(sde), steps, rate=rate, seed=seed
    )
    if published:
        settings = Settings(PUBLISHED, make_sde(sde), 250_000, rate=2e-5, warmup=1000, average=0.9999, seed=seed)
    archs = population(get_space(space), most)
    if half:
        archs = [arch for arch, out in zip(archs, left_out(space, archs), strict=True) if not out]
    checkpoint = output.with_suffix(".checkpoint.npz")
    trainer = Trainer(archs, settings, checkpoint)
    losses: dict[int, float] = {}
    with _count(settings.steps, "steps") as on_step:

        def on_progress(step: int, loss: float) -> None:
            losses[step] = loss
            on_step(step)

        trained = trainer.run(on_progress=on_progress)
    trained.save(output)
    answer = {
        "space": space,
        "architectures": len(archs),
        "steps": trainer.step,
        "seconds": round(trainer.seconds, 1),
        "loss": list(losses.values())[-1] if losses else None,
        "bytes": output.stat().st_size,
        "file": str(output),
    }
    if as_json:
        print_json(answer)
    else:
        typer.echo(", ".join(f"{name} {value}" for name, value in answer.items()))


@contextmanager
def _count(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A progress callback: shows a bar if standard error is a terminal, nothing otherwise."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(True))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
