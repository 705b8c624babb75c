"""The base class of graph predictors: padding, an ensemble of networks trained on folds, chunked prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from predictors.base import (
    Architectures,
    Parameters,
    as_batch,
    orderable_targets,
    require_graphs,
    warn_of_few_predictions,
)
from predictors.constant_graphs import constants, score_of_constants
from predictors.descent import at_most
from predictors.encodings import Columns, EncodingLike, encoding, encoding_parts
from predictors.errors import NotFitted, unknown_name
from predictors.graph.layers import GraphNetwork, Sizes
from predictors.graph.padding import GraphBatch, Padding
from predictors.graph.scoring import scores_of_many
from predictors.graph.training import Recipe, train
from predictors.losses import Loss, named_loss
from predictors.ranks import mean_ranks
from predictors.tabular.targets import spread, standardised

_CHUNK = 16384  # number of architectures predicted at once
_FEWEST_TO_HOLD_OUT = 200  # with fewer, all are needed for training, and a fifth of them is too small for validation
_FOLDS = 5


@dataclass(eq=False, repr=False)
class GraphPredictor(Parameters):
    """A graph network that scores architectures; subclasses define the network.

    Several networks are trained; each holds out a different fold of the training set for early stopping. Their scores
    are standardised on the training set and averaged. With fewer than 200 architectures nothing is held out.

    Operations missing from the training set are treated as the mean of its operations.

    The data used to choose the defaults is not recorded (CONTRIBUTING.md, "Where defaults come from").

    Args:
        hidden: width of the network.
        layers: depth of the network.
        dropout: fraction of values dropped in training.
        loss: a name from `predictors.losses.LOSSES`, or a function of scores and targets.
        targets: "rank" for ranks of the targets, "standard" for the targets themselves; both are standardised.
        columns: whether the columns of an ArchBatch (proxies, costs) are used, as further input of the head.
        encoding: rows of numbers that are further input of the head, as in `predictors.encodings.encoding`; "" for
            none.
        reduce: whether to remove nodes that block their input or are on no path through the graph.
        members: number of networks in the ensemble.
        epochs: maximum number of epochs for each network.
        min_steps: minimum number of optimiser steps; small training sets are seen more often.
        batch_size: number of architectures per step.
        learning_rate: peak learning rate of AdamW.
        weight_decay: weight decay of AdamW.
        patience: training stops after this fraction of the steps without improvement.
        random_state: seed of all random numbers; equal seeds give equal predictions.
        threads: torch's threads in training and prediction; more than one helps little, and slows things down if other
            processes compete for the same cores.
    """

    hidden: int = 64
    layers: int = 2
    dropout: float = 0.1
    loss: str | Loss = "hinge"
    targets: str = "rank"
    columns: bool = True
    encoding: EncodingLike = ""
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

    def _network(self, sizes: Sizes) -> GraphNetwork:
        """Create a new network: GraphBatch -> float32[n]."""
        raise NotImplementedError

    def _eigenvectors(self) -> int:
        return 0

    def fit(self, X: Architectures, y: ArrayLike) -> Self:
        """Learn from n architectures, at least two.

        Raises:
            ValueError: if targets are not finite or not n, or there are fewer than two.
            MissingInput: if no architecture has a graph.
            UnknownName: if the loss or the kind of targets is unknown.
        """
        batch = as_batch(X)
        raw = orderable_targets(batch, y)
        require_graphs(batch, type(self).__name__)
        targets = torch.from_numpy(_scaled(raw, self.targets).astype(np.float32))
        recipe = Recipe(
            named_loss(self.loss),
            self.epochs,
            self.min_steps,
            self.batch_size,
            self.learning_rate,
            self.weight_decay,
            self.patience,
        )
        rows = encoding([*([Columns()] if self.columns else []), *encoding_parts(self.encoding)])
        self.padding_ = Padding(rows, self._eigenvectors(), self.reduce).fit(batch)
        graphs = self.padding_.transform(batch)
        sizes = Sizes(
            nodes=float(graphs.mask.sum(dim=1).double().mean()),
            ops=len(self.padding_.ops_),
            attributes=graphs.attributes.shape[2],
            positions=self.padding_.positions,
            columns=graphs.columns.shape[1],
        )
        folds = _folds(len(raw), self.members, self.random_state)
        with at_most(self.threads):
            self.networks_ = [
                train(lambda: self._network(sizes), graphs, targets, fold, recipe, self.random_state + 1000 * member)
                for member, fold in enumerate(folds)
            ]
            own = [_scores(network, graphs) for network in self.networks_]
        self.member_scales_ = [(float(values.mean()), float(values.std()) or 1.0) for values in own]
        self.target_scale_ = float(raw.mean()), spread(raw)
        predicted = self._on_one_scale(own)
        self.constant_ = score_of_constants(constants(batch), targets.numpy(), predicted)
        warn_of_few_predictions(type(self).__name__, raw, lambda chosen: predicted[chosen])
        return self

    def predict(self, X: Architectures) -> NDArray[np.float64]:
        """Scores roughly on the scale of the targets, float64[n]; only their order matters.

        Architectures whose output does not depend on the input get the mean score of those in the training set, or its
        lowest score.

        Raises:
            NotFitted: before `fit`.
            UnknownName: if X lacks columns that the training set had.
        """
        if not hasattr(self, "networks_"):
            raise NotFitted(f"{type(self).__name__} is not fitted; call fit(X, y) first")
        batch = as_batch(X)
        predicted = np.empty(len(batch))
        with at_most(self.threads):
            for start in range(0, len(batch), _CHUNK):
                graphs = self.padding_.transform(batch[start : start + _CHUNK])
                members = [_scores(network, graphs) for network in self.networks_]
                predicted[start : start + _CHUNK] = self._on_one_scale(members)
        mean, deviation = self.target_scale_
        return np.where(constants(batch), self.constant_, predicted) * deviation + mean

    def _on_one_scale(self, members: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """The mean of the networks' scores, each standardised on the training set, float64[n]."""
        scaled = [(one - mean) / deviation for one, (mean, deviation) in zip(members, self.member_scales_, strict=True)]
        return np.asarray(np.mean(scaled, axis=0))


def _scores(network: GraphNetwork, graphs: GraphBatch) -> NDArray[np.float64]:
    return scores_of_many(network, graphs).double().numpy()


def _scaled(targets: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    if kind not in ("rank", "standard"):
        raise unknown_name("kind of targets", kind, ("rank", "standard"))
    return standardised(mean_ranks(targets) if kind == "rank" else targets)


def _folds(n: int, members: int, seed: int) -> list[torch.Tensor | None]:
    """The fold that each member holds out."""
    if n < _FEWEST_TO_HOLD_OUT:
        return [None] * members
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    folds = max(_FOLDS, members)
    return [order[member::folds] for member in range(members)]
