"""Percentiles of scores among a shipped population."""

from __future__ import annotations

import math

import numpy as np
import pytest

import proxybench as pb
from proxybench.scores.reference import reference
from proxybench.scores.shipped import shipped_scores

SHAPE = (16, 3, 8, 8)


@pytest.fixture(scope="module")
def synflow() -> np.ndarray:
    return shipped_scores("nasbench201").scores["proxy:synflow"].to_numpy(np.float64)


def test_half_of_the_population_is_below_its_median(synflow: np.ndarray) -> None:
    found = pb.percentiles({"synflow": float(np.nanmedian(synflow))}, SHAPE)
    assert found["synflow"] == pytest.approx(50, abs=0.1)


def test_extremes_and_ties(synflow: np.ndarray) -> None:
    answered = synflow[np.isfinite(synflow)]
    best, worst = float(answered.max()), float(answered.min())
    assert pb.percentiles({"synflow": 2 * best}, SHAPE)["synflow"] == 100
    assert pb.percentiles({"synflow": worst - abs(worst) - 1}, SHAPE)["synflow"] == 0
    ties = np.sum(answered == worst)
    assert pb.percentiles({"synflow": worst}, SHAPE)["synflow"] == pytest.approx(100 * ties / 2 / len(answered))


def test_no_percentile_where_it_would_mean_nothing() -> None:
    assert math.isnan(pb.percentiles({"synflow": math.nan}, SHAPE)["synflow"])
    assert math.isnan(pb.percentiles({"mine": 3.0}, SHAPE)["mine"])
    assert math.isnan(pb.percentiles({"synflow": 3.0}, (16, 3, 9, 9))["synflow"])
    assert pb.percentiles({"params": 1.0}, (16, 3, 9, 9))["params"] == 0


def test_a_space_without_shipped_scores_is_refused() -> None:
    with pytest.raises(pb.DataNotAvailable, match="proxybench compute mnasnet"):
        pb.percentiles({"synflow": 3.0}, SHAPE, among="mnasnet")


def test_the_population_is_described() -> None:
    found = reference("nasbench201", SHAPE)
    assert (found.size, found.shape) == (6466, SHAPE)
    assert found.describe(SHAPE).endswith("scored on 16 images of 3 x 8 x 8.")


def test_the_population_has_the_batch_of_the_network_where_there_is_a_choice() -> None:
    full_size = reference("nasbench201", (64, 3, 32, 32))
    assert full_size.shape == (64, 3, 32, 32)
    own = dict(full_size.scores.scores.iloc[0])
    found = pb.percentiles({"nwot": own["proxy:nwot"]}, (64, 3, 32, 32))
    assert 0 < found["nwot"] < 100
