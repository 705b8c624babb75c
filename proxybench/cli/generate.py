"""The verbs generate and train-generator: architectures from a diffusion model, and the model."""

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
    n: Annotated[int, typer.Option(min=1, help="Different architectures.")] = 10,
    guide: Annotated[
        str | None, typer.Option(help="Quantity to be large, [DATASET/]METRIC[@EPOCHS][#SEED], such as val_acc@200.")
    ] = None,
    constraint: Annotated[
        list[str] | None, typer.Option(help='Bound to keep, such as "latency_ms@edgegpu<5"; may be repeated.')
    ] = None,
    benchmark: Annotated[str | None, typer.Option(help="Table that guides; by default the space's.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Of the table; may be left out where it has one.")] = None,
    size: Annotated[int, typer.Option(min=2, help="Training architectures, whose guiding quantity is known.")] = 50,
    predictor: Annotated[str, typer.Option(help="What learns from them, of predictors.available().")] = "ensemble",
    columns: Annotated[
        str | None,
        typer.Option(help="That the predictor sees: training-free, computed, all; by default all there are."),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=0, help="In which the guide asks the predictor; 0 asks of all at once.")
    ] = 5,
    calls: Annotated[int, typer.Option(min=4, help="Architectures that it is asked of in rounds.")] = 1000,
    share: Annotated[
        float | None, typer.Option(help="The best part of this size is asked for; by default what proved best.")
    ] = None,
    scale: Annotated[
        float, typer.Option(help="Of the guide's gradient; more gives better and less varied ones.")
    ] = 4.0,
    guide_steps: Annotated[int, typer.Option(min=1, help="Of the guide's training.")] = 1000,
    model: Annotated[Path | None, typer.Option(help="Model of train-generator; by default the shipped one.")] = None,
    method: Annotated[str, typer.Option(help="pc, em or ode.")] = "pc",
    steps: Annotated[int, typer.Option(min=2, help="Of sampling.")] = 50,
    snr: Annotated[float, typer.Option(help="Signal-to-noise ratio of the corrector.")] = 0.16,
    rerank: Annotated[int, typer.Option(min=1, help="Generate so many times n, keep those predicted best.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is random.")] = 0,
    csv: Annotated[Path | None, typer.Option(help="Write the architectures there as well.")] = None,
    as_json: Json = False,
) -> None:
    """Generate architectures, led to what is asked for, with predicted and, where the table has them, true values.

    The guide learns from --size random architectures of the table and predicts the rest. Exit code 1 where fewer than n
    different architectures came.
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
        fail_if([f"{len(rows)} of {n} architectures came; a smaller --scale or a larger --share gives more variety"])


def _rows(archs: list[Any], source: DiffusionModel, table: TableGuide | None, n: int) -> list[dict[str, Any]]:
    """One dictionary an architecture: its text and, where there is a guide, what was predicted and what is true."""
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
    output: Annotated[Path, typer.Option(help="File of the model; its checkpoint stands beside it.")],
    steps: Annotated[int, typer.Option(min=1, help="Of training.")] = 6000,
    layers: Annotated[int, typer.Option(min=1, help="Of the score network.")] = 4,
    width: Annotated[int, typer.Option(min=1, help="Of a node's state.")] = 64,
    attention: Annotated[str, typer.Option(help='"reachable" as published, or "all".')] = "reachable",
    published: Annotated[
        bool, typer.Option(help="Network, rate, steps and mean of the paper instead; takes days of a processor.")
    ] = False,
    sde: Annotated[str, typer.Option(help="ve, vp or subvp.")] = "ve",
    rate: Annotated[float, typer.Option(help="Learning rate.")] = 1e-3,
    most: Annotated[int, typer.Option(min=1, help="Architectures to learn from at most.")] = 100_000,
    half: Annotated[bool, typer.Option(help="Leave half of the space out, to measure what is new.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Of torch.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, batches and noise.")] = 0,
    as_json: Json = False,
) -> None:
    """Train a diffusion model of a space's architectures. Killed and started again, it goes on where it was."""
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
    """A callback for how many are done: a bar where standard error is a terminal, silence otherwise."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(True))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
