"""Tables of latencies: measured block by block on this machine, or fitted to those of whole networks in a table."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from proxybench.errors import ProxybenchError
from proxybench.oneshot.latency_table import LatencyTable
from proxybench.oneshot.supernet import ChoiceSupernet, Path, Supernet
from proxybench.ranking.metrics import get_metric
from proxybench.sweeps.sweep import one_thread
from proxybench.training.train import clock

Floats = NDArray[np.float64]


def measured(
    supernet: ChoiceSupernet,
    in_shape: tuple[int, int, int],
    paths: Sequence[Path],
    *,
    batch: int = 64,
    repeats: int = 20,
    description: Mapping[str, Any] | None = None,
) -> LatencyTable:
    """Latencies of the modules of a supernet at their places, each the median of several passes on one thread.

    Processor time is measured on a CPU, which other processes disturb little. Rounds of one pass of everything follow
    each other, so that a change of the clock frequency affects all alike.

    Args:
        supernet: provides the modules; its weights do not matter.
        in_shape: (channels, height, width) of an image.
        paths: n whole networks that are measured too; the description names the rank correlation of their latencies
            with sums of the table.
        batch: images in a pass.
        repeats: passes of which the median is taken.
        description: entries to add to that of the table.

    Raises:
        ProxybenchError: for numbers below 1, or fewer than two paths.
    """
    if min(batch, repeats) < 1 or len(paths) < 2:
        raise ProxybenchError(
            f"a measurement needs a batch and repeats of at least 1 and two networks, not {batch}, {repeats} and "
            f"{len(paths)}"
        )
    images = torch.randn(batch, *in_shape)
    supernet.eval()
    with torch.no_grad(), one_thread():
        blocks = _blocks(supernet, images)
        passes = [partial(module, maps) for options in blocks for places in options for module, maps in places]
        whole = [partial(_pass, supernet, path, images) for path in paths]
        seconds = _medians([*passes, *whole], images, repeats)
    remaining = iter(seconds)
    values = tuple(tuple(1000 * sum(next(remaining) for _ in places) for places in options) for options in blocks)
    truth = 1000 * np.array(list(remaining))
    space = supernet.arch(paths[0]).space
    sums = np.array([LatencyTable(space, 0.0, values, {}).of(path) for path in paths])
    return LatencyTable(
        space,
        float(np.median(truth - sums)),
        values,
        {
            **(description or {}),
            "in_shape": list(in_shape),
            "batch": batch,
            "repeats": repeats,
            "networks": len(paths),
            "spearman": get_metric("spearman")(truth, sums),
        },
    )


def fitted(
    supernet: Supernet,
    paths: Sequence[Path],
    latencies: Floats,
    train: int,
    *,
    description: Mapping[str, Any] | None = None,
) -> LatencyTable:
    """The additive latencies that are nearest to those of whole networks, by least squares.

    Args:
        supernet: of the space.
        paths: n architectures.
        latencies: in ms, float64[n].
        train: the first ones, to which the table is fitted; the description names the rank correlation on the others.
        description: entries to add to that of the table.

    Raises:
        ProxybenchError: unless `train` leaves two networks for the comparison, or an option occurs in none of them.
    """
    if not 1 <= train <= len(paths) - 2:
        raise ProxybenchError(f"train must be 1 to {len(paths) - 2} of the {len(paths)} networks, not {train}")
    rows = np.array(paths)
    columns = np.concatenate([rows[:, [place]] == range(size) for place, size in enumerate(supernet.options)], axis=1)
    if not columns[:train].any(axis=0).all():
        raise ProxybenchError(f"the {train} networks do not contain all options of all choices; raise train")
    mean = float(latencies[:train].mean())
    weights, *_ = np.linalg.lstsq(columns[:train].astype(float), latencies[:train] - mean, rcond=None)
    parts = np.split(weights, np.cumsum(supernet.options)[:-1])
    values = tuple(tuple((part - part.min()).tolist()) for part in parts)
    table = LatencyTable(supernet.arch(paths[0]).space, mean + float(sum(part.min() for part in parts)), values, {})
    sums = [table.of(path) for path in paths[train:]]
    agreement = {"networks": len(sums), "spearman": get_metric("spearman")(latencies[train:], sums)}
    return LatencyTable(table.space, table.fixed, values, {**(description or {}), "fitted_to": train, **agreement})


def _blocks(supernet: ChoiceSupernet, images: Tensor) -> list[list[list[tuple[nn.Module, Tensor]]]]:
    """For each choice and option, its modules with the maps that they take."""
    maps: dict[nn.Module, Tensor] = {}
    choices = range(len(supernet.options))
    places = [place for choice in choices for place in supernet.places(choice)]
    hooks = [place.register_forward_pre_hook(lambda place, given: maps.update({place: given[0]})) for place in places]
    _pass(supernet, (0,) * len(supernet.options), images)
    for hook in hooks:
        hook.remove()
    return [
        [
            [(place.operations[option], maps[place]) for place in supernet.places(choice)]
            for option in range(supernet.options[choice])
        ]
        for choice in choices
    ]


def _pass(supernet: Supernet, path: Path, images: Tensor) -> Tensor:
    supernet.select(path)
    logits: Tensor = supernet(images)
    return logits


def _medians(passes: Sequence[Callable[[], Tensor]], images: Tensor, repeats: int) -> list[float]:
    """The median seconds of each of several passes, after one that does not count."""
    seconds: list[list[float]] = [[] for _ in passes]
    for _ in range(repeats + 1):
        for taken, run in zip(seconds, passes, strict=True):
            start = clock(images)
            run()
            taken.append(clock(images) - start)
    return [statistics.median(taken[1:]) for taken in seconds]
