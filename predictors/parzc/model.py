"""ParZC as a predictor: node statistics in, scores out, an ensemble of MABN networks between."""

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
_BLOCK = 16384  # architectures of which equal ones are scored once
_CHUNK = 512  # architectures that a network scores at once
_KEPT = 2**26  # node values of a training part that stay in memory; of a larger one each batch is read anew
_DRAWS = 8  # of the weights, for a deviation


@dataclass(eq=False, repr=False)
class ParZC(Parameters):
    """Scores architectures by the statistics that zero-cost proxies give of their nodes.

    Several networks are trained side by side, from other starts and on other batches; their scores are brought to one
    scale on the training part and averaged. What is known without training beside the statistics of single nodes may
    join as further tokens.

    Node arrays are read a few architectures at a time and may be memory-mapped.

    Source: Dong et al., "ParZC: Parametric Zero-Cost Proxies for Efficient NAS", AAAI 2025, for statistics of nodes as
    the sequence that a mixer with Bayesian layers reads, and DiffKendall as its loss. `PaperParZC` has the settings
    that are known of it; those here were chosen on training parts of NAS-Bench-201.

    Args:
        proxies: names of node arrays, as in NodeScale; None for all.
        scale: of the statistics, as in NodeScale.
        totals: whether the sums over the nodes, which are the proxies themselves, are a token.
        encoding: rows of numbers that are a token each, as `predictors.encodings.encoding` takes them, such as
            "columns" for the batch's columns or "reduced" for the graph; "" for none.
        segment: consecutive nodes of a token; 0 to leave nodes out, and learn from what would join them.
        width, blocks, mixing, bayesian, dropout: as in `network.Shape`.
        divergence: weight of the Bayesian layers' divergence from their prior; 1 for variational inference.
        loss: a name of `predictors.losses.LOSSES`, or a function of scores and targets.
        targets: "rank" for normal scores of the targets' ranks, "standard" for the targets at mean 0, deviation 1.
        members: networks of the ensemble.
        epochs: passes over the training part.
        min_steps: optimiser steps that these amount to at least, so that few architectures are seen more often.
        batch_size: architectures of a step.
        learning_rate: AdamW's peak.
        weight_decay: AdamW's.
        random_state: seed of everything random; equal seeds give equal predictions.
        threads: of torch.
        statistics: adds node arrays to a batch that has none, such as `shipped_scores("nasbench201").join`.
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
            ValueError: for targets that are not finite or not n, or fewer than two.
            NoNodeStatistics: for architectures without node arrays.
            UnknownName: for a loss, kind of targets, scale, node array, encoding or mixing that is none.
        """
        batch = with_statistics(X, self.statistics)
        raw = orderable_targets(batch, y)
        told = torch.from_numpy(_scaled(raw, self.targets).astype(np.float32))
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
            train(self.network_, self._source(batch), told, recipe, self.random_state)
            own = self._members(batch)[0]
        self.member_scales_ = own.mean(axis=1), np.maximum(own.std(axis=1), 1e-12)
        self.target_scale_ = float(raw.mean()), spread(raw)
        self.constant_ = score_of_constants(constants(batch), told.numpy())
        warn_of_few_predictions(type(self).__name__, raw, lambda chosen: own[0, chosen])
        return self

    def predict(self, X: Architectures) -> Floats:
        """Scores on about the scale of the targets, float64[n]; only their order is meant.

        With the mean of the posterior of the Bayesian layers, so equal from call to call. An architecture whose output
        sees no input has the score of such a one in the training part, or the lowest there.

        Raises:
            NotFitted: before `fit`.
            NoNodeStatistics: for architectures without node arrays.
            UnknownName: when X lacks node arrays or columns that the training part had.
        """
        batch = self._fitted_batch(X)
        with at_most(self.threads):
            found = self._on_one_scale(self._members(batch)[0]).mean(axis=0)
        mean, deviation = self.target_scale_
        return np.where(constants(batch), self.constant_, found) * deviation + mean

    def predict_std(self, X: Architectures) -> Floats:
        """Standard deviation of the score, float64[n], above 0: over members and draws from their posterior.

        On the scale of `predict`. The draws are the same from call to call. Errors as `predict` raises.
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
        """What the network reads; `rows` where they are known."""
        nodes = self.scale_.transform(batch)
        rows = self.tokens_.transform(batch) if rows is None else rows
        return Inputs(
            torch.from_numpy(nodes.values)[None],
            torch.from_numpy(nodes.mask)[None],
            tuple(torch.from_numpy(one)[None] for one in rows),
        )

    def _source(self, batch: ArchBatch) -> Callable[[Tensor], Inputs]:
        """What gives the inputs of architectures of the training part, int64[m, b]."""
        if len(batch) * self.scale_.places_ * len(self.scale_.names_) <= _KEPT:
            return self._inputs(batch).taken

        def read(chosen: Tensor) -> Inputs:
            distinct, places = torch.unique(chosen, return_inverse=True)
            return self._inputs(batch[distinct.numpy()]).taken(places)

        return read

    def _members(self, batch: ArchBatch, draws: Sequence[int] = (0,)) -> Floats:
        """What each member gives, float64[draws, members, n]; draws are the seeds of weights that are drawn."""
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
        """float64[draws, members, k], of the chosen architectures of a block whose rows are known."""
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
    """ParZC with the settings of the paper, as far as they are known, and the whole of its network.

    Node statistics alone, min-max scaled; width 256, four mixer blocks that mix tokens too; Bayesian layers with the
    divergence at its full weight, 1 / n; DiffKendall; a learning rate of 1e-4, batches of 10 and 200 passes, as on
    NAS-Bench-201, with AdamW in the place of Adam; one network. Segments are of 16 nodes, where the code has 16 values.

    Source: Dong et al., AAAI 2025. Not of its published code: without the divergence, its noise also at evaluation, and
    no mixing of tokens.
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
