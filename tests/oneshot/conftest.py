"""Tiny supernets trained on a few digits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch

from proxybench.images.batch import load_batch
from proxybench.oneshot import METHODS, SUPERNETS
from proxybench.oneshot.method import Method
from proxybench.oneshot.supernet import Supernet
from proxybench.training.recipe import Recipe
from proxybench.training.train import Parts, split

NETWORKS: dict[str, dict[str, Any]] = {
    "autoformer-tiny": {"width": 0.1, "patch": 4},
    "darts": {"channels": 2, "cells": 3},
    "fbnet": {"width": 0.1},
    "mbconv-micro": {"channels": 2, "head_channels": 8},
    "nasbench101": {"channels": 6, "modules": 1},
    "nasbench201": {"channels": 2, "cells": 1},
    "nasbench-macro": {"channels": 2, "head_channels": 8},
    "natsbench-size": {"channels": 1},
    "resnet20-pooling": {"width": 0.1},
    "transnas101-micro": {"channels": 4, "cells": 1, "modules": [4, 1]},
    "vit-micro": {"width": 0.25, "head_channels": 4, "patch": 2},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "bossnas": {"units": 4, "compared": 4},
    "gm": {"repeats": 1},
    "mos": {"units": 4},
    "shiftnas": {"every": 2, "pool": 3, "updates": 2},
}
RECIPE = Recipe(resolution=8, train=96, validation=40, test=20, epochs=1, budgets=(1,), batch=32, rate=0.1)


@pytest.fixture(scope="session")
def parts() -> Parts:
    batch = load_batch("digits", RECIPE.images)
    return split(torch.from_numpy(batch.images), torch.from_numpy(batch.labels), RECIPE)


def new_supernet(space: str = "nasbench201") -> Supernet:
    supernet: Supernet = SUPERNETS[space](num_classes=10, in_shape=(1, 8, 8), **NETWORKS[space])
    return supernet


def new_method(name: str) -> Method:
    method: Method = METHODS[name](**SETTINGS.get(name, {}))
    return method


def recipe_of(space: str) -> Recipe:
    return replace(RECIPE, network=NETWORKS[space])
