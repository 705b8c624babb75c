"""A small model of NAS-Bench-201, trained once."""

from __future__ import annotations

import pytest

from proxybench.generation import Architecture, DiffusionModel, Settings, train_generator
from proxybench.spaces import get_space

SMALL = Architecture(layers=1, width=16, heads=2, feedforward=32)


@pytest.fixture(scope="session")
def small_model() -> DiffusionModel:
    settings = Settings(SMALL, steps=60, batch=128, rate=1e-2, warmup=10, average=0.9)
    return train_generator(get_space("nasbench201").sample(3000, 0), settings)
