"""The base class of graph predictors: padding, an ensemble of networks trained on folds, chunked prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from predictors.constant_graphs import constants, score_of_constants
from predictors.descent import Recipe, at_most
from predictors.encodings import Columns, EncodingLike, encoding, encoding_parts
from predictors.graph.layers import GraphNetwork, Sizes
from predictors.graph.padding import GraphBatch, Padding
from predictors.graph.scoring import scores_of_many
from predictors.graph.training import trained_on
from predictors.learner import Learner
from predictors.losses import Loss, fixes_scale, named_loss
from predictors.ranks import mean_ranks
from predictors.targets import scaled, spread, standardised
from predictors.units import Units

if TYPE_CHECKING:
    from predictors.arch import ArchBatch
    from predictors.learner import TrainingScores

Floats = NDArray[np.float64]
_CHUNK = 16384  # number of architectures predicted at once
_FEWEST_TO_HOLD_OUT = 200  # with fewer, all are needed for training, and a fifth of them is too small for validation
_FOLDS = 5
_LONGEST_GRADIENT = 5.0  # longer gradients are clipped


@dataclass(eq=False, repr=False)
class GraphPredictor(Learner):
    """A graph network that scores architectures; subclasses define the network.

    Several networks are trained; each holds out a different fold of the training set for early stopping. Their scores
    are standardised on the training set and averaged. With fewer than 200 architectures nothing is held out.
    Architectures whose output does not depend on the input get the mean score of those in the training set, or its
    lowest score.

    Operations missing from the training set are treated as the mean of its operations.

    The data used to choose the defaults is not recorded (CONTRIBUTING.md, "Where defaults come from").

    Args:
        hidden: width of the network.
        layers: depth of the network.
        dropout: fraction of values dropped in training.
        loss: a name from `predictors.losses.LOSSES`, or a function of scores and targets.
        target: what is learned: "rank" for ranks of the targets, "raw" for the targets themselves, "mixed" for the
            mean of both, all standardised.
        columns: whether the columns of an ArchBatch (proxies, costs) are used, as further input of the head.
        encodings: rows of numbers that are further input of the head, as in `predictors.encodings.encoding`; "" for
            none.
        reduce: whether to remove nodes that block their input or are on no path through the graph.
        members: how many networks are trained and averaged, a number; in `ensemble` and `auto`, the argument of this
            name is a list of predictors.
        epochs: maximum number of epochs for each network.
        min_steps: minimum number of optimiser steps; small training sets are seen more often.
        batch_size: number of architectures per step.
        learning_rate: peak learning rate of AdamW.
        weight_decay: weight decay of AdamW.
        patience: training stops after this fraction of the steps without improvement.
        random_state: seed of all random numbers; equal seeds give equal predictions.
        threads: torch's threads in training and prediction; more than one helps little, and slows things down if other
            processes compete for the same cores.
        space: as in `predictors.learner.Learner`.
    """

    fewest: ClassVar[int] = 2
    needs_graphs: ClassVar[bool] = True

    hidden: int = 64
    layers: int = 2
    dropout: float = 0.1
    loss: str | Loss = "hinge"
    target: str = "rank"
    columns: bool = True
    encodings: EncodingLike = ""
    reduce: bool = True
    members: int = 3
    epochs: int = 40
    min_steps: int = 150
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    patience: float = 0.4
    random_state: int = 0
    threads: int = 1
    space: Any = None

    def _network(self, sizes: Sizes) -> GraphNetwork:
        """Create a new network: GraphBatch -> float32[n]."""
        raise NotImplementedError

    def _eigenvectors(self) -> int:
        return 0

    def _learn(self, batch: ArchBatch, targets: Floats) -> TrainingScores:
        learned = scaled(targets, self.target, ranked=lambda values: standardised(mean_ranks(values)))
        recipe = self._recipe(named_loss(self.loss), self.epochs, self.min_steps)
        rows = encoding([*([Columns()] if self.columns else []), *encoding_parts(self.encodings)])
        self.padding_ = Padding(rows, self._eigenvectors(), self.reduce).fit(batch)
        graphs = self.padding_.transform(batch)
        sizes = Sizes.of(graphs, self.padding_)
        wanted = torch.from_numpy(learned.astype(np.float32))
        folds = _folds(len(targets), self.members, self.random_state)
        with at_most(self.threads):
            self.networks_ = [
                trained_on(
                    lambda: self._network(sizes),
                    graphs,
                    wanted,
                    recipe,
                    self.random_state + 1000 * member,
                    fold,
                    self.patience,
                )
                for member, fold in enumerate(folds)
            ]
            own = _scores(self.networks_, graphs)
        self.member_scales_ = [(float(values.mean()), float(values.std()) or 1.0) for values in own]
        predicted = self._on_one_scale(own)
        constant = constants(batch)
        self.constant_ = score_of_constants(constant, wanted.numpy(), predicted)
        held_out = _held_out(folds, own, self.member_scales_)
        self.held_out_ = np.where(constant & ~np.isnan(held_out), self.constant_, held_out)
        if self.target == "raw" and fixes_scale(self.loss):
            self.units_ = Units.straight(float(targets.mean()), spread(targets))
        else:
            self.units_ = Units.through(np.where(constant, self.constant_, predicted), targets)
        return lambda chosen: predicted[chosen]

    def held_out_scores(self, folds: Sequence[NDArray[np.int64]]) -> Floats | None:
        return None if np.isnan(self.held_out_).all() else self.held_out_

    def for_folds(self) -> Self:
        return replace(self, members=1, min_steps=self.min_steps // 2)

    def _scores(self, batch: ArchBatch) -> Floats:
        predicted = np.empty(len(batch))
        with at_most(self.threads):
            for start in range(0, len(batch), _CHUNK):
                graphs = self.padding_.transform(batch[start : start + _CHUNK])
                predicted[start : start + _CHUNK] = self._on_one_scale(_scores(self.networks_, graphs))
        return np.where(constants(batch), self.constant_, predicted)

    def _recipe(self, loss: Loss, epochs: int, min_steps: int) -> Recipe:
        return Recipe(
            loss, epochs, min_steps, self.batch_size, self.learning_rate, self.weight_decay, _LONGEST_GRADIENT
        )

    def _on_one_scale(self, members: Sequence[Floats]) -> Floats:
        """The mean of the networks' scores, each standardised on the training set, float64[n]."""
        scaled = [(one - mean) / deviation for one, (mean, deviation) in zip(members, self.member_scales_, strict=True)]
        return np.asarray(np.mean(scaled, axis=0))


def _scores(networks: Sequence[GraphNetwork], graphs: GraphBatch) -> list[Floats]:
    return [scores.double().numpy() for scores in scores_of_many(networks, graphs)]


def _held_out(
    folds: Sequence[torch.Tensor | None], scores: Sequence[Floats], scales: Sequence[tuple[float, float]]
) -> Floats:
    """Standardised scores by the network that held an architecture out, float64[n]; NaN if none did."""
    found = np.full(len(scores[0]), np.nan)
    for fold, own, (mean, deviation) in zip(folds, scores, scales, strict=True):
        if fold is not None:
            found[fold.numpy()] = (own[fold.numpy()] - mean) / deviation
    return found


def _folds(n: int, members: int, seed: int) -> list[torch.Tensor | None]:
    """The fold that each member holds out."""
    if n < _FEWEST_TO_HOLD_OUT:
        return [None] * members
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    folds = max(_FOLDS, members)
    return [order[member::folds] for member in range(members)]
