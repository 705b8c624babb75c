"""ParZC as a predictor: an ensemble of MABN networks from node statistics to scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from predictors.arch import ArchBatch
from predictors.base import Architectures, Parameters, Tags, orderable_targets, warn_of_few_predictions
from predictors.constant_graphs import constants, score_of_constants
from predictors.descent import at_most, private_generator
from predictors.encodings import EncodingLike, encoding_parts
from predictors.errors import NotFitted, unknown_name
from predictors.losses import Loss, named_loss
from predictors.parzc.bayesian import sampled
from predictors.parzc.equals import first_equals
from predictors.parzc.network import MABN, Inputs, Shape
from predictors.parzc.statistics import NodeScale, Supply, with_statistics
from predictors.parzc.tokens import RowTokens
from predictors.parzc.training import Recipe, train
from predictors.tabular.targets import normal_scores, spread, standardised

Floats = NDArray[np.float64]

TARGETS = ("rank", "standard")
_BLOCK = 16384  # number of architectures within which equal ones are scored only once
_CHUNK = 512  # number of architectures that a network scores at once
_KEPT = 2**26  # maximum node values of a training set to keep in memory; for larger ones each batch is read again
_DRAWS = 8  # number of weight samples for a standard deviation


@dataclass(eq=False, repr=False)
class ParZC(Parameters):
    """Scores architectures from zero-cost proxy values of their nodes.

    Several networks are trained in parallel, with different initialisations and batches; their scores are standardised
    on the training set and averaged. Other training-free inputs can be added as further tokens next to those of the
    nodes.

    Node arrays are read a few architectures at a time and may be memory-mapped.

    Source: Dong et al., "ParZC: Parametric Zero-Cost Proxies for Efficient NAS", AAAI 2025, for node statistics as the
    input sequence of a mixer with Bayesian layers, and DiffKendall as its loss. `PaperParZC` has the paper's settings,
    as far as they are known; the defaults here were chosen on training sets of NAS-Bench-201.

    Args:
        proxies: names of node arrays, as in NodeScale; None for all.
        scale: scale of the statistics, as in NodeScale.
        totals: whether the sums over nodes, which are the proxies themselves, form a token.
        encoding: encodings that form one token each, as in `predictors.encodings.encoding`, such as "columns" for the
            batch's columns or "reduced" for the graph; "" for none.
        segment: number of consecutive nodes per token; 0 to ignore node statistics and use only the other tokens.
        width, blocks, mixing, bayesian, dropout: as in `network.Shape`.
        divergence: weight of the Bayesian layers' divergence from their prior; 1 for variational inference.
        loss: a name from `predictors.losses.LOSSES`, or a function of scores and targets.
        targets: "rank" for normal scores of the targets' ranks, "standard" for standardised targets.
        members: number of networks in the ensemble.
        epochs: number of epochs.
        min_steps: minimum number of optimiser steps; small training sets are seen more often.
        batch_size: number of architectures per step.
        learning_rate: peak learning rate of AdamW.
        weight_decay: weight decay of AdamW.
        random_state: seed of all random numbers; equal seeds give equal predictions.
        threads: number of torch threads.
        statistics: a function that adds node arrays to a batch without any, such as
            `shipped_scores("nasbench201").join`.
    """

    proxies: str | Sequence[str] | None = None
    scale: str = "log"
    totals: bool = True
    encoding: EncodingLike = "reduced+columns"
    segment: int = 16
    width: int = 32
    blocks: int = 2
    mixing: str = "tokens"
    bayesian: bool = True
    dropout: float = 0.1
    divergence: float = 0.01
    loss: str | Loss = "mse"
    targets: str = "rank"
    members: int = 3
    epochs: int = 30
    min_steps: int = 200
    batch_size: int = 32
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    random_state: int = 0
    threads: int = 1
    statistics: Supply | None = None

    tags = Tags(has_std=True)

    def fit(self, X: Architectures, y: ArrayLike) -> Self:
        """Learn from n architectures, at least two.

        Raises:
            ValueError: if targets are not finite or not n, or there are fewer than two.
            NoNodeStatistics: if the architectures have no node arrays.
            UnknownName: if the loss, kind of targets, scale, node array, encoding or mixing is unknown.
        """
        batch = with_statistics(X, self.statistics)
        raw = orderable_targets(batch, y)
        scaled = torch.from_numpy(_scaled(raw, self.targets).astype(np.float32))
        recipe = Recipe(
            named_loss(self.loss),
            self.epochs,
            self.min_steps,
            self.batch_size,
            self.learning_rate,
            self.weight_decay,
            self.divergence * self.bayesian,
        )
        self.scale_ = NodeScale(self.proxies, self.scale).fit(batch)
        self.tokens_ = RowTokens(encoding_parts(self.encoding), self.scale_ if self.totals else None).fit(batch)
        shape = Shape(
            self.members,
            self.scale_.places_,
            len(self.scale_.names_),
            self.segment,
            self.tokens_.widths_,
            self.width,
            self.blocks,
            self.mixing,
            self.bayesian,
            self.dropout,
        )
        with at_most(self.threads), private_generator(self.random_state):
            self.network_ = MABN(shape)
            train(self.network_, self._source(batch), scaled, recipe, self.random_state)
            own = self._members(batch)[0]
        self.member_scales_ = own.mean(axis=1), np.maximum(own.std(axis=1), 1e-12)
        self.target_scale_ = float(raw.mean()), spread(raw)
        self.constant_ = score_of_constants(constants(batch), scaled.numpy())
        warn_of_few_predictions(type(self).__name__, raw, lambda chosen: own[0, chosen])
        return self

    def predict(self, X: Architectures) -> Floats:
        """Scores roughly on the scale of the targets, float64[n]; only their order matters.

        They use the posterior mean of the Bayesian layers, so repeated calls give equal results. Architectures whose
        output does not depend on the input get the mean score of those in the training set, or its lowest score.

        Raises:
            NotFitted: before `fit`.
            NoNodeStatistics: if the architectures have no node arrays.
            UnknownName: if X lacks node arrays or columns that the training set had.
        """
        batch = self._fitted_batch(X)
        with at_most(self.threads):
            found = self._on_one_scale(self._members(batch)[0]).mean(axis=0)
        mean, deviation = self.target_scale_
        return np.where(constants(batch), self.constant_, found) * deviation + mean

    def predict_std(self, X: Architectures) -> Floats:
        """Standard deviation of the score over members and samples from their posteriors, float64[n], above 0.

        It is on the scale of `predict`. Repeated calls use the same samples. Raises as `predict` does.
        """
        batch = self._fitted_batch(X)
        draws = range(1, 1 + (_DRAWS if self.bayesian else 1))
        with at_most(self.threads), sampled(self.network_):
            found = self._on_one_scale(self._members(batch, draws))
        return np.asarray(found.std(axis=(0, 1)) * self.target_scale_[1] + 1e-9)

    def _fitted_batch(self, X: Architectures) -> ArchBatch:
        if not hasattr(self, "network_"):
            raise NotFitted(f"{type(self).__name__} is not fitted; call fit(X, y) first")
        return with_statistics(X, self.statistics)

    def _inputs(self, batch: ArchBatch, rows: Sequence[NDArray[np.float32]] | None = None) -> Inputs:
        """The network's inputs; `rows` if they are already computed."""
        nodes = self.scale_.transform(batch)
        rows = self.tokens_.transform(batch) if rows is None else rows
        return Inputs(
            torch.from_numpy(nodes.values)[None],
            torch.from_numpy(nodes.mask)[None],
            tuple(torch.from_numpy(one)[None] for one in rows),
        )

    def _source(self, batch: ArchBatch) -> Callable[[Tensor], Inputs]:
        """A function that returns the inputs of the training architectures with these numbers, int64[m, b]."""
        if len(batch) * self.scale_.places_ * len(self.scale_.names_) <= _KEPT:
            return self._inputs(batch).taken

        def read(chosen: Tensor) -> Inputs:
            distinct, places = torch.unique(chosen, return_inverse=True)
            return self._inputs(batch[distinct.numpy()]).taken(places)

        return read

    def _members(self, batch: ArchBatch, draws: Sequence[int] = (0,)) -> Floats:
        """The scores of each member, float64[draws, members, n]; draws are seeds for sampling weights."""
        self.scale_.require(batch)
        found = np.empty((len(draws), self.members, len(batch)))
        for start in range(0, len(batch), _BLOCK):
            block = batch[start : start + _BLOCK]
            rows = self.tokens_.transform(block)
            first, which = first_equals(rows, [block.nodes[name] for name in self.scale_.names_])
            found[:, :, start : start + _BLOCK] = self._scores(block, rows, first, draws)[:, :, which]
        return found

    def _scores(
        self, block: ArchBatch, rows: Sequence[NDArray[np.float32]], chosen: NDArray[np.int64], draws: Sequence[int]
    ) -> Floats:
        """Scores float64[draws, members, k] of the chosen architectures of a block with known rows."""
        found = np.empty((len(draws), self.members, len(chosen)))
        size = min(_CHUNK, max(1, _KEPT // (4 * self.scale_.places_ * len(self.scale_.names_))))
        for start in range(0, len(chosen), size):
            part = chosen[start : start + size]
            inputs = self._inputs(block[part], [one[part] for one in rows])
            for place, draw in enumerate(draws):
                with torch.inference_mode(), private_generator(self.random_state + 1000 * draw):
                    found[place, :, start : start + size] = self.network_(inputs).numpy()
        return found

    def _on_one_scale(self, found: Floats) -> Floats:
        mean, deviation = self.member_scales_
        return np.asarray((found - mean[:, None]) / deviation[:, None])


@dataclass(eq=False, repr=False)
class PaperParZC(ParZC):
    """ParZC with the complete network and the settings of the paper, as far as they are known.

    Node statistics alone, min-max scaled; width 256, four mixer blocks that also mix tokens; Bayesian layers with the
    divergence at full weight, 1 / n; DiffKendall; learning rate 1e-4, batches of 10 and 200 epochs, as the paper has on
    NAS-Bench-201, with AdamW instead of Adam; one network. Segments have 16 nodes, whereas the code uses 16 values.

    Source: Dong et al., AAAI 2025. Differs from the published code, which omits the divergence, keeps the noise during
    evaluation and does not mix tokens.
    """

    scale: str = "minmax"
    totals: bool = False
    encoding: EncodingLike = ""
    width: int = 256
    blocks: int = 4
    dropout: float = 0.0
    divergence: float = 1.0
    loss: str | Loss = "diffkendall"
    targets: str = "standard"
    members: int = 1
    epochs: int = 200
    min_steps: int = 0
    batch_size: int = 10
    learning_rate: float = 1e-4
    weight_decay: float = 1e-3


def _scaled(targets: Floats, kind: str) -> Floats:
    if kind not in TARGETS:
        raise unknown_name("kind of targets", kind, TARGETS)
    return normal_scores(targets) if kind == "rank" else np.asarray(standardised(targets))
