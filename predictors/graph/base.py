"""What all graph predictors share: padding, an ensemble of networks trained on folds, predictions in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from predictors.base import Architectures, Parameters, as_batch, orderable_targets, warn_of_few_predictions
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

_CHUNK = 16384  # architectures that are predicted at once
_FEWEST_TO_HOLD_OUT = 200  # below, all are needed to learn from, and a fifth of them says little of an order
_FOLDS = 5


@dataclass(eq=False, repr=False)
class GraphPredictor(Parameters):
    """A graph network that scores architectures; subclasses say which.

    Several networks are trained; each holds out another fold of the training part and stops by it. Their scores are
    brought to one scale on the training part and averaged. With less than 200 architectures none are held out.

    Operations that the training part does not have are taken for the mean of those that it has.

    What the defaults were chosen on is not recorded (CONTRIBUTING.md, "Where defaults come from").

    Args:
        hidden: width.
        layers: depth.
        dropout: share of values dropped in training.
        loss: a name of `predictors.losses.LOSSES`, or a function of scores and targets.
        targets: "rank" for ranks of the targets, "standard" for the targets themselves; both at mean 0, deviation 1.
        columns: whether the columns of an ArchBatch (proxies, costs) join the graph before the head.
        encoding: rows of numbers that join there too, as `predictors.encodings.encoding` takes them; "" for none.
        reduce: whether nodes that pass nothing on, or lie on no path through the graph, are left out of it.
        members: networks of the ensemble.
        epochs: most passes of each over its part.
        min_steps: optimiser steps that these passes amount to at least, so that few architectures are seen more often.
        batch_size: architectures of a step.
        learning_rate: AdamW's peak.
        weight_decay: AdamW's.
        patience: share of the steps without gain after which a network's training ends.
        random_state: seed of everything random; equal seeds give equal predictions.
        threads: of torch, while it trains and predicts; more than one gains little, and loses much where other
            processes want the same processors.
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
        """A new network: GraphBatch -> float32[n]."""
        raise NotImplementedError

    def _eigenvectors(self) -> int:
        return 0

    def fit(self, X: Architectures, y: ArrayLike) -> Self:
        """Learn from n architectures, at least two.

        Raises:
            ValueError: for targets that are not finite or not n, or fewer than two.
            UnknownName: for a loss or kind of targets that is none.
        """
        batch = as_batch(X)
        raw = orderable_targets(batch, y)
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
        """Scores on about the scale of the targets, float64[n]; only their order is meant.

        An architecture whose output sees no input has the score of such ones in the training part, or the lowest there.

        Raises:
            NotFitted: before `fit`.
            UnknownName: when X lacks columns that the training part had.
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
        """The mean of what the networks give, each at mean 0 and deviation 1 of the training part, float64[n]."""
        scaled = [(one - mean) / deviation for one, (mean, deviation) in zip(members, self.member_scales_, strict=True)]
        return np.asarray(np.mean(scaled, axis=0))


def _scores(network: GraphNetwork, graphs: GraphBatch) -> NDArray[np.float64]:
    return scores_of_many(network, graphs).double().numpy()


def _scaled(targets: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    if kind not in ("rank", "standard"):
        raise unknown_name("kind of targets", kind, ("rank", "standard"))
    return standardised(mean_ranks(targets) if kind == "rank" else targets)


def _folds(n: int, members: int, seed: int) -> list[torch.Tensor | None]:
    """The part that each member holds out."""
    if n < _FEWEST_TO_HOLD_OUT:
        return [None] * members
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    folds = max(_FOLDS, members)
    return [order[member::folds] for member in range(members)]
