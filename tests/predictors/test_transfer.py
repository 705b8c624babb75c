"""Transfer: weights by hand, scales that do not matter, and what sources are worth."""

from __future__ import annotations

import numpy as np
import pytest

from predictors import ArchBatch, Transfer, check_predictor, make
from predictors.checks import example_batch
from predictors.errors import MissingInput, NotFitted
from predictors.transfer import _share_of_first

BATCH, TARGETS = example_batch(120, seed=1)
OTHER, OTHER_TARGETS = example_batch(90, seed=2)
RIDGE = {"predictor": make("ridge"), "learner": make("ridge", encodings="columns")}


def test_shares_by_hand() -> None:
    # Three orthogonal directions: the scores correlate by .48 with each other, and by .6 and .8 with the targets, so
    # their weights are to each other as .6 - .48 * .8 = .216 and .8 - .48 * .6 = .512.
    targets = np.array([1.0, 1, 1, 1, -1, -1, -1, -1])
    across, aside = np.array([1.0, 1, -1, -1] * 2), np.array([1.0, -1] * 4)
    one, other = 0.6 * targets + 0.8 * across, 0.8 * targets + 0.6 * aside
    assert _share_of_first(one, other, targets) == pytest.approx(0.216 / 0.728)
    alike = 0.8 * targets + 0.6 * across
    assert _share_of_first(one, alike, targets) == 0  # the second errs in the same way, and less
    assert _share_of_first(-one, other, targets) == 0  # the wrong way round is worth nothing
    assert _share_of_first(one, across, targets) == pytest.approx(1)
    assert _share_of_first(across, aside, targets) == 0.5  # nothing speaks for either


def test_unknown_scores_of_the_second_are_left_out() -> None:
    one, other, targets = np.random.default_rng(0).normal(size=(3, 20)) + np.arange(20)
    other[3] = np.nan
    known = np.isfinite(other)
    assert _share_of_first(one, other, targets) == _share_of_first(one[known], other[known], targets[known])


def test_only_the_order_of_a_source_and_of_its_columns_matters() -> None:
    stretched = ArchBatch(OTHER.archs, {name: np.exp(values / 1e9) for name, values in OTHER.columns.items()})
    models = [
        Transfer(sources=[source], unlabelled=BATCH, **RIDGE).fit(BATCH[:20], TARGETS[:20])
        for source in ((OTHER, OTHER_TARGETS), (stretched, np.exp(OTHER_TARGETS)))
    ]
    one, other = (model.predict(BATCH) for model in models)
    assert np.allclose(one, other)


def test_sources_rank_what_no_label_describes() -> None:
    """The only column is 1,000 times larger than in the source, and the labels are all equal."""
    draw = np.random.default_rng(0)
    here, there = (ArchBatch(BATCH.archs, {"proxy:good": scale * draw.normal(size=120)}) for scale in (1000.0, 1.0))
    model = Transfer(sources=[(there, there.column("proxy:good"))], unlabelled=here, **RIDGE)
    model.fit(here[:5], np.ones(5))
    alone, labelled = model.parts(here)
    order = np.argsort(here.column("proxy:good"))
    assert np.all(np.diff(alone[order]) >= 0)
    assert np.ptp(alone) > 1
    assert np.ptp(labelled) < 1e-9


def test_sources_that_say_nothing_lose_against_labels() -> None:
    shuffled = np.random.default_rng(3).permutation(OTHER_TARGETS)
    weights = [
        Transfer(sources=[(OTHER, targets)], unlabelled=BATCH, **RIDGE).fit(BATCH[:60], TARGETS[:60]).weight_
        for targets in (OTHER_TARGETS, shuffled)
    ]
    assert weights[1] < weights[0] < 1


def test_the_weight_of_the_sources_by_hand() -> None:
    source = (OTHER, OTHER_TARGETS)
    # Nine labels show nothing: (9 / 2 + 32 * 8 / 17) / 41.
    assert Transfer(sources=[source], **RIDGE).fit(BATCH[:9], TARGETS[:9]).weight_ == pytest.approx(0.47704, abs=1e-5)
    # A source that ranks the wrong way round has no share in what 96 labels show: (0 + 32 * 8 / 104) / 128.
    wrong = Transfer(sources=[(BATCH, -TARGETS)], **RIDGE).fit(BATCH[:96], TARGETS[:96])
    assert wrong.weight_ == pytest.approx(0.019231, abs=1e-6)


def test_learning_curves_and_columns_of_one_side_are_left_out() -> None:
    here = BATCH.extended({"curve:1": TARGETS, "proxy:only_here": TARGETS})
    there = OTHER.extended({"curve:1": OTHER_TARGETS, "proxy:only_there": OTHER_TARGETS})
    model = Transfer(sources=[(there, OTHER_TARGETS)], **RIDGE).fit(here[:20], TARGETS[:20])
    assert model.columns_ == sorted(BATCH.columns)


def test_many_architectures_are_drawn_evenly_from_the_sources() -> None:
    class Counts:
        def fit(self, X: ArchBatch, y: np.ndarray) -> Counts:
            self.numbers = len(X)
            return self

        def predict(self, X: ArchBatch) -> np.ndarray:
            return np.zeros(len(X))

    sources = [(OTHER, OTHER_TARGETS), (BATCH, TARGETS), (OTHER[:10], OTHER_TARGETS[:10])]
    model = Transfer(sources=sources, learner=Counts(), predictor=make("ridge"), most=100)
    assert model.fit(BATCH[:20], TARGETS[:20]).learner_.numbers == 33 + 33 + 10


def test_it_is_a_predictor() -> None:
    check_predictor(lambda: Transfer(sources=[(OTHER, OTHER_TARGETS)], predictor=make("ridge"), learner=make("ridge")))


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(NotFitted, match="Transfer is not fitted"):
        Transfer(sources=[(OTHER, OTHER_TARGETS)]).parts(BATCH)
    with pytest.raises(ValueError, match="no sources; pass sources="):
        Transfer().fit(BATCH, TARGETS)
    with pytest.raises(ValueError, match="most is 0; it must be at least the number of sources, 1"):
        Transfer(sources=[(OTHER, OTHER_TARGETS)], most=0).fit(BATCH, TARGETS)
    bare = ArchBatch(OTHER.archs, {"proxy:else": OTHER_TARGETS})
    with pytest.raises(MissingInput, match="the sources have proxy:else, the training set has cost"):
        Transfer(sources=[(bare, OTHER_TARGETS)]).fit(BATCH, TARGETS)
    with pytest.raises(ValueError, match="targets are not finite"):
        Transfer(sources=[(OTHER, np.full(len(OTHER), np.nan))]).fit(BATCH, TARGETS)
