"""The front of a trained supernet: what is estimated, and what is on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")
pytest.importorskip("pymoo", reason="the extra nas-proxybench[search] is not installed")

from proxybench.images.batch import load_batch
from proxybench.networks import build
from proxybench.networks.counts import count_flops
from proxybench.oneshot import OneShot
from proxybench.search.core.problem import InvalidProblem
from proxybench.search.experiments.elastic_front import ElasticFront, elastic_front
from proxybench.training.recipe import default_recipe

NETWORK = {"channels": 1}


@pytest.fixture(scope="module")
def shot() -> OneShot:
    recipe = replace(default_recipe("natsbench-size"), train=96, validation=40, test=20, batch=32, network=NETWORK)
    return OneShot("natsbench-size", "instatune", epochs=4, recipe=recipe).fit(load_batch("digits", recipe.images))


def test_a_front_is_found_with_as_many_estimates_as_allowed(shot: OneShot) -> None:
    found = elastic_front(shot, 12, rounds=2, pool=40)
    assert len(set(found.archs)) == 12
    frame = found.frame()
    assert frame["flops"].is_monotonic_increasing
    assert frame["accuracy"].is_monotonic_increasing
    row = frame.iloc[0]
    assert row["accuracy"] == shot.estimate([row["arch"]])[0]
    network = build(shot.space.parse(row["arch"]), 10, (1, 8, 8), **NETWORK)
    assert row["flops"] == pytest.approx(count_flops(network, (1, 8, 8)).total / 1e6)
    assert elastic_front(shot, 12, rounds=2, pool=40).archs == found.archs


def test_the_area_of_a_front_is_that_below_its_steps() -> None:
    front = ElasticFront(("a", "b"), np.array([60.0, 80.0]), np.array([1.0, 3.0]), np.array([True, True]))
    assert front.hypervolume(50.0, 5.0) == 10 * 4 + 20 * 2


def test_a_budget_beyond_the_pool_is_refused(shot: OneShot) -> None:
    with pytest.raises(InvalidProblem, match="8 to the 40"):
        elastic_front(shot, 41, pool=40)
