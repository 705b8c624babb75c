"""Processor time of trainings with passes compiled by numba and with torch alone, for the shipped recipes.

    python tests/bench/bench_training_passes.py [SPACE ...] [--archs 6]

One epoch on 2,048 random images, three seeds of each architecture, one thread; the smaller of two interleaved runs.
"""

from __future__ import annotations

import argparse
import resource
from dataclasses import replace

import torch

from proxybench.spaces import get_space
from proxybench.training import layers, stack
from proxybench.training.population import population
from proxybench.training.recipe import RECIPES
from proxybench.training.train import split, train

SPACES = ("nasbench201", "nasbench101", "nds-darts", "vit-micro")
TRAIN, HELD_OUT, SEEDS = 2048, 256, (0, 1, 2)
COMPILED = layers.has_loops


def processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(name: str, count: int) -> None:
    recipe = replace(RECIPES[name], epochs=1, budgets=(1,), train=TRAIN, validation=HELD_OUT, test=HELD_OUT)
    space = get_space(name)
    items, _ = population(space, count, 0, recipe.architecture or None)
    archs = [space.parse(text) for text in items.column("arch").to_pylist()]
    shape = (3, recipe.resolution, recipe.resolution)
    draws = torch.Generator().manual_seed(0)
    images = torch.randn(TRAIN + 2 * HELD_OUT, *shape, generator=draws)
    parts = split(images, torch.randint(0, 10, (len(images),), generator=draws), recipe)
    spent: dict[str, list[float]] = {"numba": [], "torch": []}
    for way in ("warm", "numba", "torch", "numba", "torch"):
        layers.has_loops = stack.has_loops = (lambda layer: False) if way == "torch" else COMPILED
        start = processor_s()
        for arch in archs[:1] if way == "warm" else archs:
            networks = []
            for seed in SEEDS:
                torch.manual_seed(seed)
                networks.append(space.build(arch, 10, shape, **recipe.network))
            train(networks, parts, recipe, list(SEEDS))
        if way != "warm":
            spent[way].append(processor_s() - start)
    layers.has_loops = stack.has_loops = COMPILED
    numba, plain = min(spent["numba"]), min(spent["torch"])
    print(f"{name}: numba {numba:.1f} s, torch {plain:.1f} s, torch / numba {plain / numba:.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spaces", nargs="*", default=SPACES)
    parser.add_argument("--archs", type=int, default=6)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for one in options.spaces:
        measure(one, options.archs)
