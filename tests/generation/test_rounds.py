"""Guides refined where they lead: what is asked, what comes back, what is found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from predictors.arch import ArchGraph
from predictors.errors import UnknownName
from proxybench.errors import ProxybenchError
from proxybench.generation import Aim, DiffusionModel, Plan, Refined, Sampler, refine_guide
from proxybench.spaces import get_space

SPACE = get_space("nasbench201")
PLAN = Plan(200, first=0.5, rounds=2, draws=1.5, sampler=Sampler("pc", 12))
AIM = Aim("convs", "above", share=0.1)


def convolutions(archs: Sequence[ArchGraph]) -> dict[str, np.ndarray]:
    return {"convs": np.array([arch.ops.count("nor_conv_3x3") for arch in archs], dtype=float)}


@pytest.fixture(scope="module")
def asked() -> list[ArchGraph]:
    return []


@pytest.fixture(scope="module")
def refined(small_model: DiffusionModel, asked: list[ArchGraph]) -> Refined:
    def label(archs: Sequence[ArchGraph]) -> dict[str, np.ndarray]:
        asked.extend(archs)
        return convolutions(archs)

    return refine_guide(small_model, label, AIM, PLAN, steps=80, hidden=48)


def test_no_more_is_asked_than_planned_and_nothing_twice(refined: Refined, asked: list[ArchGraph]) -> None:
    assert len(asked) == len(set(asked)) <= 200
    assert refined.archs == asked
    assert refined.generated.tolist() == [False] * 100 + [True] * (len(asked) - 100)
    assert refined.drawn == 150
    assert refined.answers["convs"].tolist() == convolutions(asked)["convs"].tolist()


def test_what_is_generated_is_better_than_what_is_drawn_at_random(refined: Refined) -> None:
    """Uniform cells have 1.2 convolutions of 3x3 of 6; a tenth of them has 3 or more."""
    values = refined.answers["convs"]
    assert values[~refined.generated].mean() == pytest.approx(1.2, abs=0.3)
    assert values[refined.generated].mean() > 2.5


def test_the_best_are_generated_and_of_different_keys(refined: Refined) -> None:
    best = refined.best(10)
    counts = convolutions(best)["convs"].tolist()
    assert counts == sorted(refined.answers["convs"][refined.generated].tolist(), reverse=True)[:10]
    assert set(best) <= set(refined.archs[100:])
    different = refined.best(10, of="convs", key=SPACE.digest)
    assert len({SPACE.digest(arch) for arch in different}) == 10
    assert len(refined.best(10_000)) == refined.generated.sum()
    with pytest.raises(ProxybenchError, match="'acc' was not answered; name one of: convs"):
        refined.best(1, of="acc")


def test_what_has_no_answer_is_a_question_spent(small_model: DiffusionModel) -> None:
    def label(archs: Sequence[ArchGraph]) -> dict[str, np.ndarray]:
        values = convolutions(archs)["convs"]
        values[[arch.ops[1] == "none" for arch in archs]] = np.nan
        return {"convs": values}

    plan = Plan(40, first=0.5, rounds=1, sampler=Sampler("em", 6))
    found = refine_guide(small_model, label, AIM, plan, steps=5, hidden=16)
    assert np.isfinite(found.answers["convs"]).all()
    assert len(found.archs) < 40
    assert all(arch.ops[1] != "none" for arch in found.archs)


def test_mistakes_are_named(small_model: DiffusionModel) -> None:
    plan = Plan(8, rounds=1, sampler=Sampler("em", 2))
    with pytest.raises(UnknownName, match="Did you mean 'convs'"):
        refine_guide(small_model, convolutions, Aim("conv"), plan, steps=2, hidden=8)
    with pytest.raises(ProxybenchError, match="two architectures"):
        refine_guide(small_model, lambda archs: {"convs": [np.nan] * len(archs)}, AIM, plan, steps=2, hidden=8)
    with pytest.raises(ValueError, match="at least four calls"):
        Plan(calls=3)
