"""A graph network that first learns free statistics of unlabelled architectures, then a few accuracies (FBNetV3).

Parameters, FLOPs, latencies and proxies need no training of the architectures. A network that has learned to predict
them from the graph knows operations and their positions, and needs fewer accuracies to rank architectures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from predictors.arch import ArchBatch
from predictors.base import Architectures, as_batch
from predictors.descent import at_most
from predictors.encodings import Columns, encoding
from predictors.encodings.columns import COST, CURVE
from predictors.encodings.reduced import has_dead_operations
from predictors.errors import unknown_name
from predictors.graph.base import GraphPredictor
from predictors.graph.layers import GraphNetwork, Head, NodeEmbedding, Sizes
from predictors.graph.padding import Padding
from predictors.graph.scoring import scores
from predictors.graph.training import trained_on
from predictors.losses import named_loss
from predictors.targets import normal_scores

if TYPE_CHECKING:
    from predictors.learner import TrainingScores

FloatArray = NDArray[np.float64]

ENCODERS = ("flan", "gates", "gcn", "gin", "graph_transformer")
_CHUNK = 512


class Start:
    """The result of pre-training.

    Args:
        shape: encoder, width and depth of the network.
        network: maps graphs to float32[n, statistics].
        padding: prepares the network's input.
        statistics: names of the learned columns, in the order of the outputs.
    """

    def __init__(
        self, shape: tuple[str, int, int], network: nn.Module, padding: Padding, statistics: tuple[str, ...]
    ) -> None:
        self.shape = shape
        self.network = network
        self.padding = padding
        self.statistics = statistics

    def __repr__(self) -> str:
        return f"Start(shape={self.shape!r}, statistics={self.statistics!r})"

    def predict(self, X: Architectures) -> FloatArray:
        """Predicted normal scores of the statistics, float64[n, statistics], to check what was learned."""
        graphs = self.padding.transform(as_batch(X))
        parts = [scores(self.network, graphs[rows]) for rows in torch.split(torch.arange(len(graphs)), _CHUNK)]
        return torch.cat(parts).double().numpy().reshape(len(graphs), len(self.statistics))


@dataclass(eq=False, repr=False)
class Pretrained(GraphPredictor):
    """A graph predictor whose networks are initialised by pre-training on free statistics.

        model = make("pretrained").pretrain(unlabelled)  # an ArchBatch with columns; accuracies are not needed
        model.fit(few, accuracies).predict(others)

    Pre-training reads the graph and the columns that describe how it is trained (`recipe`), and learns normal scores of
    all other columns jointly by squared error. Missing values are ignored, and so are costs of architectures with dead
    operations if `reduce` removes these. Then the last layer is replaced, and everything is trained on the targets as
    in GraphPredictor. Without a call to `pretrain`, `fit` first learns the statistics of the training set, if any.

    Learned weights are transferred by name: operations, node attributes, recipe columns. So `pretrain` also accepts
    architectures of another space, or accuracies on another dataset as an additional column; new operations are
    initialised at random, with the mean and standard deviation of the known ones.

    Source: Dai et al., "FBNetV3: Joint Architecture-Recipe Search using Predictor Pretraining", CVPR 2021, for learning
    free statistics first, and recipes together with architectures; reading the graph with these networks is ours.

    Args:
        encoder: one of `ENCODERS`; its network is trained with `hidden`, `layers` and `dropout`.
        statistics: columns to pre-train on, by name or by a prefix that ends in ":"; None for all except recipe columns
            and learning curves.
        recipe: columns that describe how an architecture is trained, given in the same way; the network also reads
            them in pre-training.
        pretraining_steps: number of optimiser steps in pre-training; 0 for none.
        start: the result of `pretrain`; cloning keeps it.
        columns: whether columns, including statistics, are read in addition to the graph when learning the targets. To
            read the recipe but no statistics: columns=False, encodings=Columns(only=("recipe:",)).
        hidden: like all arguments that are not in this list, as in GraphPredictor.
    """

    layers: int = 1
    encoder: str = "gates"
    statistics: Sequence[str] | None = None
    recipe: Sequence[str] = ("recipe:",)
    pretraining_steps: int = 1000
    start: Start | None = None

    def pretrain(self, X: ArchBatch) -> Self:
        """Learn the statistics of unlabelled architectures and store the result in `start`.

        Raises:
            ValueError: if no statistic differs between the architectures, or there are no pre-training steps.
            UnknownName: if the batch lacks a statistic, or the encoder is unknown.
        """
        found = self._learned(self._batch(X))
        if found is None:
            raise ValueError(
                "there is nothing to pre-train on: pass an ArchBatch with columns (parameters, FLOPs, proxies) that "
                f"differ between architectures, and set pretraining_steps above 0, not {self.pretraining_steps}"
            )
        self.start = found
        return self

    def _learn(self, batch: ArchBatch, targets: FloatArray) -> TrainingScores:
        named_loss(self.loss)  # reject a wrong name before pre-training
        if self.start is not None and self.start.shape != self._shape():
            raise ValueError(
                f"start was learned with (encoder, hidden, layers) = {self.start.shape}, but these are now "
                f"{self._shape()}; call pretrain again"
            )
        self.start_ = self._learned(batch) if self.start is None else self.start
        return super()._learn(batch, targets)

    def _shape(self) -> tuple[str, int, int]:
        return self.encoder, self.hidden, self.layers

    def _encoder(self) -> GraphPredictor:
        from predictors import PREDICTORS

        if self.encoder not in ENCODERS:
            raise unknown_name("encoder", self.encoder, ENCODERS)
        made: GraphPredictor = PREDICTORS[self.encoder](hidden=self.hidden, layers=self.layers, dropout=self.dropout)
        return made

    def _eigenvectors(self) -> int:
        return self._encoder()._eigenvectors()

    def _network(self, sizes: Sizes) -> GraphNetwork:
        network = self._encoder()._network(sizes)
        if self.start_ is not None:
            carry_over(self.start_, network, self.padding_)
        return network

    def _learned(self, batch: ArchBatch) -> Start | None:
        encoder = self._encoder()
        inputs = tuple(name for name in batch.columns if _named(name, self.recipe))
        names, targets = self._statistics(batch)
        if not names or not self.pretraining_steps:
            return None
        padding = Padding(encoding([Columns(only=inputs)]), encoder._eigenvectors(), self.reduce).fit(batch)
        graphs = padding.transform(batch)
        sizes = Sizes.of(graphs, padding)

        def network() -> nn.Module:
            made: Any = encoder._network(sizes)
            made.head.score[-1] = nn.Linear(self.hidden, len(names))
            return made  # type: ignore[no-any-return]

        recipe = self._recipe(known_error, 0, self.pretraining_steps)
        with at_most(self.threads):
            trained = trained_on(network, graphs, torch.from_numpy(targets), recipe, self.random_state)
        return Start(self._shape(), trained, padding, names)

    def _statistics(self, batch: ArchBatch) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        """Names of the statistics, and their normal scores, float32[n, k]; NaN where missing."""
        for one in self.statistics or ():
            if not one.endswith(":") and one not in batch.columns:
                raise unknown_name("column", one, batch.columns)
        # Costs include dead operations, which the network does not see when the graph is reduced.
        seen = np.array([not (self.reduce and has_dead_operations(arch)) for arch in batch], dtype=bool)
        names, found = [], []
        for name in sorted(batch.columns):
            wanted = not name.startswith(CURVE) if self.statistics is None else _named(name, self.statistics)
            values = batch.columns[name]
            known = np.isfinite(values) & (seen | (not name.startswith(COST)))
            if not wanted or _named(name, self.recipe) or len(np.unique(values[known])) < 2:
                continue
            names.append(name)
            found.append(np.full(len(batch), np.nan, dtype=np.float32))
            found[-1][known] = normal_scores(values[known])
        return tuple(names), np.stack(found, axis=1) if found else np.empty((len(batch), 0), dtype=np.float32)


def known_error(predicted: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error over targets that are not NaN; 0 if all are NaN.

    Args:
        predicted: float32[n, k], or [n] for k = 1.
        targets: float32[n, k].
    """
    known = torch.isfinite(targets)
    errors = torch.where(known, predicted.reshape(targets.shape) - torch.nan_to_num(targets), 0.0)
    return errors.square().sum() / known.sum().clamp(min=1)


@torch.no_grad()
def carry_over(start: Start, network: nn.Module, padding: Padding) -> None:
    """Copy the weights of `start` into a new network; unknown inputs and the last layer keep their initial weights.

    Args:
        start: has the same encoder, width and depth.
        network: a new network with one output.
        padding: the fitted padding that prepares the new network's input.
    """
    learned = dict(start.network.named_modules())
    own: tuple[str, ...] = ()
    for name, module in network.named_modules():
        if isinstance(module, NodeEmbedding):
            _carry_embedding(learned[name], module, start.padding, padding)
        elif isinstance(module, Head):
            _carry_head(learned[name], module, _input_names(start.padding), _input_names(padding))
        else:
            continue
        own += (f"{name}.",)
    known = start.network.state_dict()
    for name, values in network.state_dict().items():
        if not name.startswith(own):
            values.copy_(known[name])


def _carry_embedding(learned: Any, module: NodeEmbedding, before: Padding, now: Padding) -> None:
    spread, mean = torch.std_mean(learned.ops, dim=0, correction=0)
    module.ops.mul_(spread).add_(mean)
    for op, row in now.ops_.items():
        if op in before.ops_:
            module.ops[row] = learned.ops[before.ops_[op]]
    if module.numbers is None or learned.numbers is None:
        return
    _carry_columns(learned.numbers, module.numbers, list(before.attributes_), list(now.attributes_))
    if module.positions:
        attributes, known = len(now.attributes_), len(before.attributes_)
        module.numbers.weight[:, attributes:] = learned.numbers.weight[:, known:]


def _carry_head(learned: Any, module: Head, before: Sequence[str], now: Sequence[str]) -> None:
    first: Any = module.score[0]
    embedding = first.in_features - (first.out_features if module.columns is not None else 0)
    first.weight[:, :embedding] = learned.score[0].weight[:, :embedding]
    first.bias.copy_(learned.score[0].bias)
    if module.columns is not None and learned.columns is not None:
        first.weight[:, embedding:] = learned.score[0].weight[:, embedding:]
        _carry_columns(learned.columns[0], module.columns[0], before, now)


def _carry_columns(learned: Any, layer: Any, before: Sequence[str], now: Sequence[str]) -> None:
    """Copy the bias, and the weights of inputs with names that both layers have."""
    layer.bias.copy_(learned.bias)
    for place, name in enumerate(now):
        if name in before:
            layer.weight[:, place] = learned.weight[:, before.index(name)]


def _input_names(padding: Padding) -> list[str]:
    """Names of the first inputs of the head after the graph; those of other encodings follow and have no names."""
    names: list[str] = []
    for part in getattr(padding.rows, "parts_", ()):
        if not isinstance(part, Columns):
            break
        names += part.names_
    return names


def _named(name: str, chosen: Sequence[str]) -> bool:
    return any(name == one or (one.endswith(":") and name.startswith(one)) for one in chosen)
