"""Few labels of a new space, together with what the columns of other spaces say of accuracy.

Proxies and costs have a meaning in every space, although their values do not compare between spaces. What a learner
makes of them elsewhere ranks architectures of a new space before any of them is trained; few labels correct it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from predictors.arch import ArchBatch, ArchGraph
from predictors.base import Architectures, as_batch, checked_targets
from predictors.cross_fitting import TrainingPart
from predictors.encodings import Columns
from predictors.encodings.columns import CURVE
from predictors.ensemble import stacked
from predictors.errors import MissingInput
from predictors.folds import random_folds
from predictors.learner import AT_ONCE, Learner
from predictors.targets import normal_scores, spread, standardised
from predictors.units import Units

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from predictors.learner import TrainingScores

    Floats = NDArray[np.float64]

_FEWEST = 10  # with fewer architectures, correlations are chance
_WORTH = 8  # number of labels for which sources count before labels say what they are worth
_TRUST = 32  # number of labels at which what they say counts for half
Source = tuple[Architectures, "ArrayLike"]


@dataclass(eq=False, repr=False, kw_only=True)
class Transfer(Learner):
    """A predictor for a few labels of one space that also learns from labelled architectures of others.

        model = Transfer(sources=[(other, accuracies)], unlabelled=batch)  # ArchBatches with the same columns
        model.fit(batch[:16], few).predict(batch)

    One learner is fitted on the columns that all sources and the training set have; each column is replaced by the
    share of its own space's architectures below a value, and targets by their normal scores within a source. A second
    one is fitted on the training set alone. The score is the weighted mean of both, standardised.

    The weight of the sources is (n a + 32 * 8 / (8 + n)) / (n + 32) with n labels: at first they count like eight
    labels, and later like what the labels say of them. That is a, the share of the first learner in the non-negative
    combination of both that is nearest to the normal scores of the labels, out-of-fold for the second learner (1/2
    with fewer than ten labels). The numbers 8 and 32 were chosen on the tables of six spaces that come with
    proxybench, each predicted from the others.

    Args:
        sources: pairs of architectures with columns, and their targets, larger is better. Put other spaces, or other
            data sets of the same space here.
        unlabelled: architectures of the new space, whose columns set the scale; None for those of the training set,
            which are too few to set it well. Up to `most` of them are used, drawn at random.
        predictor: what learns from the training set, unfitted; None for `ensemble`.
        learner: what learns from the sources, unfitted; None for ridge and extra trees on columns. If the sources are
            architectures of the same space, let it also read the graph: `make("ensemble")`.
        most: number of architectures learned from all sources together, drawn at random, equally many from each.
        folds: number of folds for the out-of-fold scores of the second learner.
        random_state: seed of all random numbers.
        space: as in `predictors.learner.Learner`.

    Attributes:
        columns_: names of the common columns.
        learner_: what was fitted on the sources.
        predictor_: what was fitted on the training set.
        weight_: weight of the sources in the score.

    Raises:
        ValueError: in `fit`, without sources, or if an argument is out of range.
        MissingInput: in `fit`, if the sources and the training set have no common column, for the default learner.
    """

    at_once = AT_ONCE

    sources: Sequence[Source] = ()
    unlabelled: ArchBatch | None = None
    predictor: Any = None
    learner: Any = None
    most: int = 1024
    folds: int = 5
    random_state: int = 0
    space: Any = None

    def _learn(self, batch: ArchBatch, targets: Floats) -> TrainingScores:
        sources = self._checked_sources()
        random = np.random.default_rng(self.random_state)
        reference = batch if self.unlabelled is None else _some(self.unlabelled, self.most, random)
        batches = [source for source, _ in sources]
        self.columns_ = _common([*batches, reference, batch])
        if not self.columns_ and self.learner is None:
            raise MissingInput(
                f"no column is in all sources and in the training set; the sources have {_listed(batches)}, the "
                f"training set has {_listed([batch])}; compute the same proxies for all, or pass a learner= that reads "
                "graphs"
            )
        self.scale_ = Columns("rank", only=tuple(self.columns_)).fit(reference)
        self.learner_ = self._from_sources(sources, random)
        part, model = TrainingPart(batch, targets), self._made(self.predictor, "ensemble")
        if len(targets) < _FEWEST:
            self.predictor_, shown = part.fit(model), 0.5
        else:
            folds = random_folds(len(targets), self.folds, self.random_state)
            self.predictor_, out_of_fold = part.cross_fitted(model, folds)
            shown = _share_of_first(self._known_scores(batch), out_of_fold, normal_scores(targets))
        n = len(targets)
        self.weight_ = (n * shown + _TRUST * _WORTH / (_WORTH + n)) / (n + _TRUST)
        self.scales_ = [(float(scores.mean()), spread(scores) or 1.0) for scores in self._both(reference)]
        predicted = self._scores(batch)
        self.units_ = Units.through(predicted, targets)
        return lambda chosen: predicted[chosen]

    def parts(self, X: Architectures) -> tuple[Floats, Floats]:
        """What is averaged: scores by the sources alone, and by the training set alone, both standardised, float64[n].

        Raises:
            NotFitted: before `fit`.
            UnknownName: if X lacks one of the common columns.
        """
        return self._standardised(self._known(X))

    def _scores(self, batch: ArchBatch) -> Floats:
        known, own = self._standardised(batch)
        return self.weight_ * known + (1 - self.weight_) * own

    def _standardised(self, batch: ArchBatch) -> tuple[Floats, Floats]:
        known, own = (
            (scores - mean) / deviation
            for scores, (mean, deviation) in zip(self._both(batch), self.scales_, strict=True)
        )
        return known, own

    def _both(self, batch: ArchBatch) -> tuple[Floats, Floats]:
        """Scores by what the sources taught, and by what the training set did."""
        own = self.predictor_
        scores = own.scores(batch) if isinstance(own, Learner) else own.predict(batch)
        return self._known_scores(batch), np.asarray(scores, dtype=np.float64)

    def _checked_sources(self) -> list[tuple[ArchBatch, Floats]]:
        if not self.sources:
            raise ValueError("Transfer has no sources; pass sources=[(batch, targets), ...] of other spaces")
        if self.most < len(self.sources):
            raise ValueError(f"most is {self.most}; it must be at least the number of sources, {len(self.sources)}")
        batches = [(as_batch(archs, self.space), targets) for archs, targets in self.sources]
        return [(archs, checked_targets(archs, targets)) for archs, targets in batches]

    def _from_sources(self, sources: Sequence[tuple[ArchBatch, Floats]], random: np.random.Generator) -> Any:
        """A predictor fitted on all sources, each on the scale of its own space."""
        archs: list[ArchGraph] = []
        shares, learned = [], []
        for source, targets in sources:
            scale = Columns("rank", only=tuple(self.columns_)).fit(source)
            chosen = np.sort(random.permutation(len(source))[: self.most // len(sources)])
            archs += source[chosen].archs
            shares.append(scale.transform(source[chosen]))
            learned.append(normal_scores(targets)[chosen])
        joined = ArchBatch(archs, dict(zip(self.columns_, np.concatenate(shares).T, strict=True)))
        learner = self._made(self.learner, "ensemble", members=["ridge", "extra_trees"], encodings="columns")
        return learner.fit(joined, np.concatenate(learned))

    def _known_scores(self, batch: ArchBatch) -> Floats:
        """What the sources taught of architectures of the new space."""
        shares = dict(zip(self.columns_, self.scale_.transform(batch).T, strict=True))
        return np.asarray(self.learner_.predict(ArchBatch(batch.archs, shares)), dtype=np.float64)

    def _made(self, given: Any, name: str, **params: Any) -> Any:
        from copy import deepcopy

        from predictors import make

        if given is not None:
            return deepcopy(given)
        return make(name, random_state=self.random_state, space=self.space, **params)


def _share_of_first(one: Floats, other: Floats, targets: Floats) -> float:
    """The share, from 0 to 1, of the first of two scores in the combination with the least squared error.

    The second may be NaN where it is unknown. The share is 1/2 if neither score helps.
    """
    known = np.isfinite(other)
    scores = np.stack([standardised(one[known]), standardised(other[known])])
    return float(stacked(scores, standardised(targets[known]))[0])


def _common(batches: Sequence[ArchBatch]) -> list[str]:
    """Names of the columns, other than learning curves, that all batches have."""
    names = set.intersection(*(set(batch.columns) for batch in batches))
    return sorted(name for name in names if not name.startswith(CURVE))


def _listed(batches: Sequence[ArchBatch]) -> str:
    return ", ".join(sorted(set().union(*(batch.columns for batch in batches)))) or "none"


def _some(batch: ArchBatch, most: int, random: np.random.Generator) -> ArchBatch:
    return batch if len(batch) <= most else batch[np.sort(random.permutation(len(batch))[:most])]
