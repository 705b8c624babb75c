"""Users' own network proxies (functions of a network's Probe) as methods: scoring the networks of a task.

The networks of a task's architectures are built and scored before its jobs begin, several at a time, by the resumable
sweeps of `proxybench.sweeps`. A sweep is cached under a name made of everything its scores depend on, including the
proxy's file, so that the same proxy in the same setting is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from proxybench.cache_folder import cache_dir
from proxybench.errors import CorruptData, Unsupported
from proxybench.evaluation.tasks import Task
from proxybench.images.tokens import TOKENS, names_tokens
from proxybench.jobs.chunked_work import ChunkedWork
from proxybench.jobs.job_spec import JobSpec
from proxybench.jobs.run import run_in_processes
from proxybench.jobs.shard_store import ShardStore
from proxybench.jobs.work_folder import begin
from proxybench.networks import NETWORKS
from proxybench.networks.text_inputs import text_input
from proxybench.scores.score_file import read_scores
from proxybench.spaces import get_space
from proxybench.sweeps.inputs import batch_for
from proxybench.sweeps.merge import merge
from proxybench.sweeps.selection import choose_proxies, items_of
from proxybench.sweeps.sweep import require_torch, sweep_work
from proxybench.tables.benchmark import load

SWEEPS = "sweeps"
OnNetworks = Callable[[str, int, int], None]


@dataclass(frozen=True)
class NetworkSetting:
    """How the networks of architectures are built and scored.

    Attributes:
        images: source of the images, `digits`, `noise`, `cifar10:PATH` or `parquet:FOLDER`; or `tokens:LENGTH`.
            Networks that read text are scored on `tokens` whatever the source of images.
        batch: number of images.
        resolution: height and width to resize the images to; None keeps their own.
        network: options of the space's network, such as {"channels": 16, "cells": 5}; if empty, its published size.
        seed: seed of weights, draws and images.
    """

    images: str = "digits"
    batch: int = 64
    resolution: int | None = 32
    network: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0


def with_scores(
    specs: Sequence[JobSpec],
    tasks: Iterable[Task],
    setting: NetworkSetting,
    workers: int,
    on_networks: OnNetworks | None = None,
) -> list[JobSpec]:
    """The jobs, with score files added to those of network proxies; missing scores are computed.

    Args:
        specs: jobs of any methods.
        tasks: the tasks of the jobs.
        setting: how networks are built and scored.
        workers: number of processes.
        on_networks: progress callback, called with the space, the number of networks scored and their total.

    Raises:
        Unsupported: if the space has no networks.
        ProxybenchError: if torch is missing, or a proxy cannot be loaded.
    """
    own = [spec for spec in specs if spec.payload.get("network")]
    if not own:
        return list(specs)
    require_torch()
    by_name = {task.name: task for task in tasks}
    space_of = {spec.task.name: load(by_name[spec.task.name].benchmark).space.reference for spec in own}
    tasks_of: dict[tuple[str, str], dict[str, Task]] = {}
    for spec in own:
        wanted = space_of[spec.task.name], str(spec.payload["target"])
        tasks_of.setdefault(wanted, {})[spec.task.name] = by_name[spec.task.name]
    files = {}
    for (space, target), chosen in tasks_of.items():
        work = _sweep(space, target, list(chosen.values()), setting)
        files[space, target] = str(_done(work, workers, on_networks))
    return [
        msgspec.structs.replace(
            spec, payload={**spec.payload, "scores": files[space_of[spec.task.name], spec.payload["target"]]}
        )
        if spec.payload.get("network")
        else spec
        for spec in specs
    ]


def _sweep(space: str, target: str, tasks: Sequence[Task], setting: NetworkSetting) -> ChunkedWork:
    """The work of scoring the networks of the tasks' populations, in a cache folder named after it."""
    if space not in NETWORKS and not get_space(space).builds_networks:
        raise Unsupported(
            f"{target} scores networks, but {space} has none; a space of your own has them if it defines build"
        )
    archs, digests = [], []
    for task in tasks:
        bench = load(task.benchmark)
        for row in task.rows(bench).tolist():
            archs.append(bench.arch(row))
            digests.append(bench.digests[row])
    items = items_of(archs, get_space(space), digests)
    chosen, _ = choose_proxies([target])
    source, resolution = setting.images, setting.resolution
    if text_input(space) is not None:
        source, resolution = source if names_tokens(source) else TOKENS, None
    batch = batch_for(space, source, setting.batch, network=setting.network, resolution=resolution, seed=setting.seed)
    work = sweep_work(Path(), space, items, chosen, batch, network=setting.network, seed=setting.seed)
    return begin(replace(work, folder=cache_dir() / SWEEPS / f"{space.replace(':', '.')}-{work.digest}"))


def _done(work: ChunkedWork, workers: int, on_networks: OnNetworks | None) -> Path:
    """The file of a sweep's scores, once it is complete."""
    file, total = work.folder / "scores.parquet", work.items.num_rows
    if not file.is_file():
        space = str(work.setting["space"])
        show = None if on_networks is None else lambda done: on_networks(space, done, total)
        run_in_processes(ShardStore(work, show), workers)
        merge(work, file)
    return file


def scores_in(file: Path, proxy: str, digests: Sequence[str]) -> NDArray[np.float64]:
    """The scores of architectures by digest, float64[n]; NaN if there is no answer.

    Raises:
        CorruptData: if the file lacks the proxy or an architecture.
    """
    found = read_scores(file)
    place = {digest: row for row, digest in enumerate(found.digests)}
    column = f"proxy:{proxy}"
    missing = [digest for digest in digests if digest not in place]
    if column not in found.scores or missing:
        raise CorruptData(f"{file} lacks scores of {proxy} for some architectures; remove its folder and run again")
    values: NDArray[np.float64] = found.scores[column].to_numpy(np.float64)
    return values[[place[digest] for digest in digests]]
