"""Small trainings on digits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch

from proxybench.images.batch import load_batch
from proxybench.networks import build
from proxybench.networks.base import Network
from proxybench.spaces import get_space
from proxybench.training.recipe import Recipe
from proxybench.training.train import Parts, split

NETWORKS = {
    "nasbench101": {"channels": 8, "modules": 1},
    "nasbench201": {"channels": 4, "cells": 1},
    "nds-darts": {"channels": 4, "cells": 3},
    "vit-micro": {"width": 0.25, "head_channels": 2},
}


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Two epochs of four steps."""
    return Recipe(resolution=8, train=128, validation=60, test=70, epochs=2, budgets=(1, 2), batch=32, rate=0.1)


@pytest.fixture(scope="session")
def parts(recipe: Recipe) -> Parts:
    """Digits in float64, split as the recipe says."""
    batch = load_batch("digits", recipe.images)
    return split(torch.from_numpy(batch.images.astype(np.float64)), torch.from_numpy(batch.labels), recipe)


@pytest.fixture
def networks() -> Callable[..., list[Network]]:
    """A function: float64 networks of one of a space's samples, one for each seed."""

    def make(space: str, number: int = 0, seeds: int = 2) -> list[Network]:
        arch = get_space(space).sample(number + 1, 3)[number]
        made = []
        for seed in range(seeds):
            torch.manual_seed(seed)
            made.append(build(arch, 10, (1, 8, 8), **NETWORKS[space]).double())
        return made

    return make
