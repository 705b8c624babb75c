"""The latency command: a table of latencies of the blocks of a space, measured here or fitted to a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxybench.cli.output import Json, print_json
from proxybench.errors import ProxybenchError, unknown_name

if TYPE_CHECKING:
    from proxybench.oneshot.latency_table import LatencyTable


def latency(
    space: Annotated[str, typer.Argument(help="A space with a supernet of choices, such as mbconv-micro.")],
    output: Annotated[Path, typer.Option(help="File to write, such as latencies.json.")],
    network: Annotated[str, typer.Option(help="Network options, such as channels=8.")] = "",
    batch: Annotated[int, typer.Option(min=1, help="Images in a pass.")] = 64,
    repeats: Annotated[int, typer.Option(min=1, help="Passes of which the median is taken.")] = 20,
    check: Annotated[int, typer.Option(min=2, help="Whole networks measured for comparison.")] = 40,
    fit: Annotated[str | None, typer.Option(help="Instead fit to a metric of the table, such as pixel3.")] = None,
    table: Annotated[str | None, typer.Option(help="With --fit: the table, by default that of the space.")] = None,
    train: Annotated[int, typer.Option(min=1, help="With --fit: networks to fit to; the rest is compared.")] = 900,
    as_json: Json = False,
) -> None:
    """Make a table of latencies in which those of the blocks of a network add up to its own.

    Blocks are measured one by one on this machine, on one thread. The agreement of the sums with whole networks is
    printed, and kept in the file.
    """
    from proxybench.sweeps.sweep import require_torch

    require_torch()
    made = _measured(space, network, batch, repeats, check) if fit is None else _fitted(space, fit, table, train)
    made.write(output)
    if as_json:
        print_json({"file": str(output), **made.description})
    else:
        typer.echo(
            f"{output}: sums agree with {made.description['networks']} whole networks at Spearman's rho "
            f"{made.description['spearman']:.3f}"
        )


def _supernet(space: str, **options: Any) -> Any:
    from proxybench.oneshot import SUPERNETS

    if space not in SUPERNETS:
        raise unknown_name("space with a supernet", space, SUPERNETS)
    return SUPERNETS[space](**options)


def _measured(space: str, network: str, batch: int, repeats: int, check: int) -> LatencyTable:
    from proxybench.grammar import parse_arguments
    from proxybench.oneshot.latency_sources import measured
    from proxybench.oneshot.supernet import ChoiceSupernet
    from proxybench.spaces import get_space
    from proxybench.training.recipe import default_recipe

    recipe = default_recipe(space)
    options = {**recipe.network, **parse_arguments(network)}
    in_shape = (3, recipe.resolution, recipe.resolution)
    supernet = _supernet(space, num_classes=10, in_shape=in_shape, **options)
    if not isinstance(supernet, ChoiceSupernet):
        raise ProxybenchError(f"the options of {space} are not modules of their own; choose mbconv-micro or fbnet")
    paths = [supernet.path(arch) for arch in get_space(space).sample(check, 0)]
    return measured(
        supernet, in_shape, paths, batch=batch, repeats=repeats, description={"device": "cpu", "network": options}
    )


def _fitted(space: str, device: str, table: str | None, train: int) -> LatencyTable:
    import numpy as np

    from proxybench.oneshot.latency_sources import fitted
    from proxybench.tables.benchmark import load

    bench = load(table or space)
    if bench.space.name != space:
        raise ProxybenchError(f"{bench.name} has architectures of {bench.space.name}, not of {space}")
    values = bench.values(f"latency_ms@{device}")
    rows = np.flatnonzero(np.isfinite(values))
    supernet = _supernet(space)
    paths = [supernet.path(bench.arch(int(row))) for row in rows]
    return fitted(supernet, paths, values[rows], train, description={"device": device, "table": bench.name})
