"""Several predictors as one: averaged, stacked, or weighted by their out-of-fold predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from predictors.arch import ArchBatch
from predictors.calibration import Spread
from predictors.cross_fitting import TrainingPart, deviations, encoded_once, predictions
from predictors.encodings import EncodingLike
from predictors.errors import unknown_name
from predictors.folds import random_folds
from predictors.learner import AT_ONCE, Learner, UncertainLearner
from predictors.ranks import count_pairs
from predictors.tabular.base import DEFAULT_ENCODINGS, Tabular
from predictors.targets import normal_scores
from predictors.units import Units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from predictors.learner import TrainingScores

    Floats = NDArray[np.float64]

MEMBERS = ("extra_trees", "gbdt", "gp")
COMBINATIONS = ("mean", "rank", "stack", "weigh")
MANY = 600
_GRAPH_NETWORK = {"members": 1, "min_steps": 60}  # one network, trained more briefly than outside an ensemble
_KNOWN_TO_ALL = 1 / 3  # if fewer architectures were held out from all networks, these are cross-validated instead
_FEWEST = 10  # with fewer architectures, nothing is held out and all members have equal weights


@dataclass(eq=False, repr=False, kw_only=True)
class Ensemble(UncertainLearner):
    """A weighted mean of predictors.

    Scores are means of the members' scores on a common scale, which is roughly that of normal scores of the targets.
    Their standard deviation is that of the mixture of members (the mean of their variances plus the variance of their
    means), calibrated on out-of-fold residuals (`Spread`). To get these, the first call of `predict_std` refits the
    members once per fold, keeping the weights.

    The data used to choose the defaults is not recorded (CONTRIBUTING.md, "Where defaults come from").

    Args:
        members: a list of names accepted by `predictors.make`, or of unfitted predictors; None for `MEMBERS`. In
            graph networks, `parzc` and `mlp` the argument of this name is a number of networks.
        graphs: total weight of two additional graph networks (GATES), one with and one without the columns, for "mean"
            and "rank", where each member has weight 1; "stack" and "weigh" choose their own weights. They help if
            the columns carry little information; 2 is a good start then.
        combine: "mean": the mean of the scores, each standardised by its mean and standard deviation on the
            training set; "rank": the mean of their normal scores relative to training predictions; "stack":
            non-negative least-squares weights on out-of-fold predictions (Breiman, "Stacked Regressions", 1996);
            "weigh": weights that fall exponentially with the distance of a member's out-of-fold Kendall's tau from the
            best, in units of its standard error (`weighed`).
        folds: number of cross-validation folds for "stack" and "weigh"; with more than `MANY` architectures at most
            three, since each fold is then large enough. Predictors that hold architectures out while they are fitted
            (`Learner.held_out_scores`) are not fitted again.
        encodings: passed to tabular members given by name.
        columns, threads, space: passed to members given by name, if they accept them.
        random_state: passed to those members too, and the seed of the folds.

    Attributes:
        weights_: float64[members], with sum 1.
        members_: the fitted members with positive weights, with their indices in `members`.
        fold_scores_: out-of-fold Kendall's tau of each member; empty if nothing was held out.
        fit_seconds_: seconds of each member's fit and cross-validation.
    """

    at_once = AT_ONCE
    members: Sequence[Any] | None = None
    combine: str = "mean"
    folds: int = 5
    graphs: float = 0.0
    encodings: EncodingLike = DEFAULT_ENCODINGS
    columns: bool = True
    random_state: int = 0
    threads: int = 1
    space: Any = None

    def _learn(self, batch: ArchBatch, targets: Floats) -> TrainingScores:
        if self.combine not in COMBINATIONS:
            raise unknown_name("combination", self.combine, COMBINATIONS)
        if self.graphs < 0:
            raise ValueError(f"the weight of graph networks is {self.graphs:g}; it must be 0 or more")
        models = self._models()
        part = TrainingPart(batch, targets)
        self.part_ = part
        self.spread_: Spread | None = None  # computed when it is first needed
        self.fold_scores_: list[float] = []
        self.weights_, fitted = self._weighted(models, part)
        self.members_ = [(place, member) for place, member in enumerate(fitted) if self.weights_[place] > 0]
        known = self._encoded(batch)
        self.scales_ = [
            _MemberScale(self.combine == "rank").fit(predictions(member, batch, known)) for _, member in self.members_
        ]
        self.units_ = Units.through(normal_scores(targets), targets)
        return lambda chosen: self._scores(batch[chosen])

    def _scores(self, batch: ArchBatch) -> Floats:
        weighted: Floats = self._member_weights() @ self._means(batch, self._encoded(batch))
        return weighted

    def _beliefs(self, batch: ArchBatch) -> tuple[Floats, Floats]:
        if len(batch) == 0:
            return np.empty(0), np.empty(0)
        if self.spread_ is None:
            self.spread_ = Spread().fit(*self._left_out())
        known = self._encoded(batch)
        found = [deviations(member, batch, known) for _, member in self.members_]
        scaled = np.stack([one / scale.deviation_ for scale, one in zip(self.scales_, found, strict=True)])
        mean, deviation = _mixed(self._member_weights(), self._means(batch, known), scaled)
        return mean, self.spread_.calibrated(deviation)

    def _models(self) -> list[Any]:
        chosen = MEMBERS if self.members is None else self.members
        models = [self._named(member) if isinstance(member, str) else member for member in chosen]
        if self.graphs > 0:
            models.append(self._named("gates", **_GRAPH_NETWORK))
            models.append(self._named("gates", columns=False, random_state=self.random_state + 1, **_GRAPH_NETWORK))
        return models

    def _named(self, name: str, **others: Any) -> Any:
        from inspect import signature

        from predictors import PREDICTORS

        kind = PREDICTORS[name]
        shared = ["columns", "random_state", "threads", "space"]
        shared += ["encodings"] if issubclass(kind, Tabular) else []
        given = {**{key: getattr(self, key) for key in shared}, **others}
        known = signature(kind).parameters
        return kind(**{key: value for key, value in given.items() if key in known})

    def _weighted(self, models: list[Any], part: TrainingPart) -> tuple[Floats, list[Any]]:
        """The weight of each member, and the fitted members."""
        self.fit_seconds_: list[float] = []
        if self.combine in ("mean", "rank") or len(part.targets) < max(_FEWEST, 2):
            networks = 2 if self.graphs > 0 else 0
            weights = np.array([1.0] * (len(models) - networks) + [self.graphs / 2] * networks)
            return np.asarray(weights / weights.sum()), [self._timed(part.fit, model) for model in models]
        folds = self._folds(part)
        crossed = [self._timed(part.cross_fitted, model, folds) for model in models]
        found = np.stack([predicted for _, predicted in crossed])
        if np.isfinite(found).all(axis=0).mean() < _KNOWN_TO_ALL:
            gaps = np.flatnonzero(np.isnan(found).any(axis=1))
            found[gaps] = [part.cross_validated(models[place], folds) for place in gaps]
        known = np.isfinite(found).all(axis=0)
        means = np.stack([_MemberScale(False).fit(predicted).transform(predicted) for predicted in found[:, known]])
        scores = normal_scores(part.targets[known])
        self.fold_scores_ = [kendall(one, scores) for one in means]
        chosen = stacked(means, scores) if self.combine == "stack" else weighed(self.fold_scores_, len(scores))
        return chosen, [fitted for fitted, _ in crossed]

    def _timed(self, fit: Callable[..., Any], *given: Any) -> Any:
        """The result of a fit, whose seconds are noted."""
        start = perf_counter()
        found = fit(*given)
        self.fit_seconds_.append(perf_counter() - start)
        return found

    def _folds(self, part: TrainingPart) -> list[NDArray[np.int64]]:
        count = self.folds if len(part.targets) <= MANY else min(self.folds, 3)
        return random_folds(len(part.targets), count, self.random_state)

    def _left_out(self) -> tuple[Floats, Floats]:
        """Out-of-fold residual and standard deviation of each training architecture."""
        part = self.part_
        scores = normal_scores(part.targets)
        residuals, deviations = np.full((2, len(scores)), np.nan)
        if len(scores) < _FEWEST:
            return residuals, deviations
        models = [model.for_folds() if isinstance(model, Learner) else model for model in self._models()]
        for left_out in self._folds(part):
            kept = np.setdiff1d(np.arange(len(scores)), left_out)
            found = []
            for place, _ in self.members_:
                member = part.fit(models[place], kept)
                scale = _MemberScale(self.combine == "rank").fit(part.predictions(models[place], member, kept))
                mean = scale.transform(part.predictions(models[place], member, left_out))
                found.append((mean, part.deviations(models[place], member, left_out) / scale.deviation_))
            members = [np.stack(one) for one in zip(*found, strict=True)]
            mean, deviations[left_out] = _mixed(self._member_weights(), *members)
            residuals[left_out] = scores[left_out] - mean
        return residuals, deviations

    def _member_weights(self) -> Floats:
        weights: Floats = self.weights_[[place for place, _ in self.members_]]
        return weights

    def _encoded(self, batch: ArchBatch) -> dict[str, Floats]:
        return encoded_once([member for _, member in self.members_], batch)

    def _means(self, batch: ArchBatch, known: Mapping[str, Floats]) -> Floats:
        """Each member's predictions on the common scale, float64[members, n]; `known` comes from `_encoded`."""
        found = [predictions(member, batch, known) for _, member in self.members_]
        return np.stack([scale.transform(one) for scale, one in zip(self.scales_, found, strict=True)])


class _MemberScale:
    """Puts one member's predictions on the common scale for averaging.

    Args:
        ranks: whether to use normal scores relative to the training predictions, with linear inter- and extrapolation;
            otherwise predictions are standardised by the training predictions' mean and standard deviation.
    """

    def __init__(self, ranks: bool) -> None:
        self.ranks = ranks

    def fit(self, predicted: Floats) -> Self:
        self.centre_, self.deviation_ = float(predicted.mean()), float(predicted.std()) or 1.0
        self.points_, first = np.unique(predicted, return_index=True)
        self.scores_ = normal_scores(predicted)[first]
        return self

    def transform(self, predicted: Floats) -> Floats:
        """float64[n], increasing with the predictions."""
        straight = (predicted - self.centre_) / self.deviation_
        if not self.ranks or len(self.points_) < 2:
            return np.asarray(straight)
        low, high = self.points_[0], self.points_[-1]
        beyond = (np.minimum(predicted - low, 0) + np.maximum(predicted - high, 0)) / self.deviation_
        return np.asarray(np.interp(predicted, self.points_, self.scores_) + beyond)


def stacked(predicted: Floats, targets: Floats) -> Floats:
    """Non-negative weights float64[m] with sum 1, from out-of-fold predictions float64[m, n]."""
    from scipy.optimize import nnls

    weights = np.asarray(nnls(predicted.T, targets)[0])
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(predicted), 1 / len(predicted))


def weighed(taus: Sequence[float], n: int, sharpness: float = 1.0, least: float = 0.04) -> Floats:
    """Weights float64[m] with sum 1 from the members' out-of-fold Kendall's taus on n architectures.

    A weight is proportional to exp(sharpness * sqrt(n) * tau). The standard error of a tau is about 1 / sqrt(n), so
    differences that few architectures cannot show hardly matter. Weights below `least` become 0: such members cost more
    time than they are worth.
    """
    weights = np.exp(sharpness * math.sqrt(n) * (np.asarray(taus) - max(taus)))
    weights /= weights.sum()
    weights[weights < min(least, weights.max())] = 0.0
    return np.asarray(weights / weights.sum())


def kendall(one: Floats, other: Floats) -> float:
    """Kendall's tau-b; -1 if it is undefined, so that a constant prediction is never chosen."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return -1.0
    pairs = count_pairs(one, other)
    # Two roots and two divisions, as in scipy.stats.kendalltau: the last bit decides between equal members.
    tau = pairs.balance / math.sqrt(pairs.everything - pairs.tied_first)
    return max(-1.0, min(1.0, tau / math.sqrt(pairs.everything - pairs.tied_second)))


def _mixed(weights: Floats, means: Floats, deviations: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of a mixture: weights [m], means and deviations [m, n]; deviation 0 means unknown."""
    mean = weights @ means
    known = (deviations > 0) * weights[:, None]
    within = (known * deviations**2).sum(axis=0) / np.maximum(known.sum(axis=0), 1e-12)
    between = weights @ (means - mean) ** 2
    return mean, np.sqrt(within + between)
