"""`pb.compute(...)`: proxies for many architectures' networks in one call; shares code with the command `compute`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from predictors.arch import ArchGraph
from proxybench.errors import ProxybenchError
from proxybench.jobs.chunked_work import ChunkedWork
from proxybench.jobs.run import run_here, run_in_processes
from proxybench.jobs.shard_store import Progress, ShardStore
from proxybench.progress import network_progress
from proxybench.scores.score_file import SweepScores, read_scores
from proxybench.spaces import SearchSpace, get_space
from proxybench.sweeps.inputs import batch_for
from proxybench.sweeps.merge import merge
from proxybench.sweeps.selection import choose_proxies, items_of, whole_space
from proxybench.sweeps.sweep import begin_sweep, require_torch
from proxybench.tables.benchmark import load


def compute(
    space: str,
    proxies: str | Sequence[str] = "all",
    *,
    archs: Sequence[ArchGraph | str] | None = None,
    benchmark: str | None = None,
    sample: int | None = None,
    first: int | None = None,
    images: str | None = None,
    batch: int = 64,
    resolution: int | None = None,
    network: Mapping[str, Any] | None = None,
    classes: int | None = None,
    initialisation: str = "torch",
    seed: int = 0,
    device: str = "cpu",
    jobs: int | None = None,
    dask: str | None = None,
    folder: str | Path | None = None,
    progress: bool = True,
) -> SweepScores:
    """Compute zero-cost proxies for a space's architectures, scoring isomorphic ones only once.

        scores = pb.compute("nasbench201", ["synflow", "nwot"], sample=100, network={"channels": 16, "cells": 5})
        scores.scores                  # pandas: one column per proxy, one row per architecture

    Args:
        space: name of the search space (`proxybench list spaces`).
        proxies: "all", or names (`proxybench list proxies`) and "module:name" for your own proxies.
        archs: the architectures, as graphs or texts; by default all of the space.
        benchmark: use the architectures of this table instead.
        sample: draw this many architectures with `seed` instead.
        first: compute only this many, the first by digest. Digests say nothing about accuracy, so these are a random
            sample, and a larger `first` keeps the architectures of a smaller one.
        images: `noise`, `digits`, `cifar10:PATH` of cifar-10-python.tar.gz, or `parquet:FOLDER`; for networks that
            read text, `tokens:LENGTH`. None means noise, or texts of 64 tokens.
        batch: number of images or texts.
        resolution: height and width to resize the images to.
        network: options of the space's network.
        classes: number of logits; by default the number of classes of the images or, for text, that of the space.
        initialisation: weight initialisation, by its name in `networks.initialise`.
        seed: seed of weights, draws, images and `sample`.
        device: torch device.
        jobs: processes on this machine; None means one per processor.
        dask: address of a Dask scheduler to run the work on.
        folder: where the work is saved, so that it can be resumed; None means a temporary folder.
        progress: show a progress bar in terminals and notebooks.

    Raises:
        UnknownName: for an unknown space, proxy, image source or initialisation; suggests the nearest.
        ProxybenchError: if architectures are given in two ways, or a network cannot be built.
        OtherSetting: if the folder holds another sweep.
    """
    require_torch()
    names = [proxies] if isinstance(proxies, str) else list(proxies)
    chosen, _ = choose_proxies(names)
    known = get_space(space)
    items = items_of(*architectures(known, archs, benchmark, sample, seed)).slice(0, first)
    with ExitStack() as stack:
        place = Path(folder) if folder is not None else Path(stack.enter_context(TemporaryDirectory()))
        work = begin_sweep(
            place / "sweep",
            space,
            items,
            chosen,
            batch_for(space, images, batch, network=network, classes=classes, resolution=resolution, seed=seed),
            network=network,
            classes=classes,
            initialisation=initialisation,
            seed=seed,
            device=device,
        )
        on_progress = None
        if progress:
            show = stack.enter_context(network_progress())
            on_progress = _shown(show, space, items.num_rows)
        do_work(work, jobs or os.cpu_count() or 1, dask, on_progress)
        file = place / "scores.parquet"
        merge(work, file)
        return read_scores(file)


def architectures(
    space: SearchSpace,
    archs: Sequence[ArchGraph | str] | None = None,
    benchmark: str | None = None,
    sample: int | None = None,
    seed: int = 0,
) -> tuple[Sequence[ArchGraph], SearchSpace, Sequence[str] | None]:
    """The architectures selected in one of three ways, or all of the space, in the form `selection.items_of` takes.

    Raises:
        ProxybenchError: if two ways are combined, the table is of another space, the sample is larger than the space,
            or the space cannot be enumerated.
        InvalidArchitecture: if a text is not an architecture of the space.
    """
    if sum(choice is not None for choice in (benchmark, sample, archs)) > 1:
        raise ProxybenchError("a benchmark, a sample and given architectures exclude each other; choose one")
    if benchmark is not None:
        bench = load(benchmark)
        if bench.space.name != space.name:
            raise ProxybenchError(f"benchmark {benchmark} is of space {bench.space.name}, not {space.name}")
        return list(bench), space, bench.digests
    if sample is not None:
        try:
            return space.sample(sample, seed), space, None
        except ValueError as error:
            raise ProxybenchError(str(error)) from error
    if archs is not None:
        return [space.parse(arch) if isinstance(arch, str) else arch for arch in archs], space, None
    return list(whole_space(space)), space, None


def do_work(work: ChunkedWork, jobs: int = 1, dask: str | None = None, on_progress: Progress | None = None) -> None:
    """Do all chunks: on the Dask cluster at `dask`, in `jobs` processes, or in this process.

    Raises:
        WorkerFailed: if the processes cannot start, or a chunk keeps failing.
        ClusterLost: if the scheduler does not answer.
    """
    store = ShardStore(work, on_progress)
    if dask is not None:
        from proxybench.jobs.dask_run import run_on_cluster

        run_on_cluster(store, dask)
    elif jobs > 1:
        run_in_processes(store, jobs)
    else:
        run_here(store)


def _shown(show: Callable[[str, int, int], None], space: str, total: int) -> Progress:
    return lambda done: show(space, done, total)
