"""ParZC as a predictor: an ensemble of MABN networks from node statistics to scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from predictors.arch import ArchBatch
from predictors.base import Architectures
from predictors.constant_graphs import constants, score_of_constants
from predictors.descent import Recipe, at_most, loss_at, private_generator, shuffled_for_members, train
from predictors.encodings import EncodingLike, encoding_parts
from predictors.learner import UncertainLearner
from predictors.losses import Loss, fixes_scale, named_loss
from predictors.parzc.bayesian import divergence, sampled
from predictors.parzc.equals import first_equals
from predictors.parzc.network import MABN, Inputs, Shape
from predictors.parzc.statistics import NodeScale, Supply, with_statistics
from predictors.parzc.tokens import RowTokens
from predictors.targets import scaled, spread
from predictors.units import Units

if TYPE_CHECKING:
    from predictors.learner import TrainingScores

Floats = NDArray[np.float64]

_BLOCK = 16384  # number of architectures within which equal ones are scored only once
_CHUNK = 512  # number of architectures that a network scores at once
_KEPT = 2**26  # maximum node values of a training set to keep in memory; for larger ones each batch is read again
_DRAWS = 8  # number of weight samples for a standard deviation


@dataclass(eq=False, repr=False)
class ParZC(UncertainLearner):
    """Scores architectures from zero-cost proxy values of their nodes.

    Several networks are trained in parallel, with different initialisations and batches; their scores are standardised
    on the training set and averaged. Other training-free inputs can be added as further tokens next to those of the
    nodes.

    Node arrays are read a few architectures at a time and may be memory-mapped.

    Scores use the posterior mean of the Bayesian layers, and standard deviations the spread of the members and of
    samples from their posteriors, the same in every call. Architectures whose output does not depend on the input get
    the mean target of those in the training set, or its lowest target.

    Source: Dong et al., "ParZC: Parametric Zero-Cost Proxies for Efficient NAS", AAAI 2025, for node statistics as the
    input sequence of a mixer with Bayesian layers, and DiffKendall as its loss. `PaperParZC` has the paper's settings,
    as far as they are known; the defaults here were chosen on training sets of NAS-Bench-201.

    Args:
        proxies: names of node arrays, as in NodeScale; None for all.
        scale: scale of the statistics, as in NodeScale.
        totals: whether the sums over nodes, which are the proxies themselves, form a token.
        encodings: encodings that form one token each, as in `predictors.encodings.encoding`, such as "columns" for the
            batch's columns or "reduced" for the graph; "" for none.
        segment: number of consecutive nodes per token; 0 to ignore node statistics and use only the other tokens.
        hidden: width of a token.
        layers: number of mixer blocks.
        mixing, bayesian, dropout: as in `network.Shape`.
        divergence: weight of the Bayesian layers' divergence from their prior; 1 for variational inference.
        loss: a name from `predictors.losses.LOSSES`, or a function of scores and targets.
        target: what is learned: "rank" for normal scores of the targets' ranks, "raw" for the targets themselves,
            standardised, "mixed" for the mean of both.
        members: how many networks are trained and averaged, a number; in `ensemble` and `auto`, the argument of this
            name is a list of predictors.
        epochs: number of epochs.
        min_steps: minimum number of optimiser steps; small training sets are seen more often.
        batch_size: number of architectures per step.
        learning_rate: peak learning rate of AdamW.
        weight_decay: weight decay of AdamW.
        random_state: seed of all random numbers; equal seeds give equal predictions.
        threads: number of torch threads.
        supply: a function that adds node arrays to a batch without any, such as `shipped_scores("nasbench201").join`.
        space: as in `predictors.learner.Learner`.
    """

    proxies: str | Sequence[str] | None = None
    scale: str = "log"
    totals: bool = True
    encodings: EncodingLike = "reduced+columns"
    segment: int = 16
    hidden: int = 32
    layers: int = 2
    mixing: str = "tokens"
    bayesian: bool = True
    dropout: float = 0.1
    divergence: float = 0.01
    loss: str | Loss = "mse"
    target: str = "rank"
    members: int = 3
    epochs: int = 30
    min_steps: int = 200
    batch_size: int = 32
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    random_state: int = 0
    threads: int = 1
    supply: Supply | None = None
    space: Any = None

    fewest: ClassVar[int] = 2

    def _learn(self, batch: ArchBatch, targets: Floats) -> TrainingScores:
        learned = scaled(targets, self.target)
        recipe = Recipe(
            named_loss(self.loss), self.epochs, self.min_steps, self.batch_size, self.learning_rate, self.weight_decay
        )
        self.scale_ = NodeScale(self.proxies, self.scale).fit(batch)
        self.tokens_ = RowTokens(encoding_parts(self.encodings), self.scale_ if self.totals else None).fit(batch)
        shape = Shape(
            self.members,
            self.scale_.places_,
            len(self.scale_.names_),
            self.segment,
            self.tokens_.widths_,
            self.hidden,
            self.layers,
            self.mixing,
            self.bayesian,
            self.dropout,
        )
        with at_most(self.threads), private_generator(self.random_state):
            self.network_ = MABN(shape)
            wanted = torch.from_numpy(learned.astype(np.float32))
            weight = self.divergence * self.bayesian
            train_members(self.network_, self._source(batch), wanted, recipe, self.random_state, weight)
            own = self._members(batch)[0]
        self.member_scales_ = own.mean(axis=1), np.maximum(own.std(axis=1), 1e-12)
        constant = constants(batch)
        self.constant_ = score_of_constants(constant, learned.astype(np.float32))
        if self.target == "raw" and fixes_scale(self.loss):
            self.units_ = Units.straight(float(targets.mean()), spread(targets))
        else:
            predicted = self._on_one_scale(own).mean(axis=0)
            self.units_ = Units.through(np.where(constant, self.constant_, predicted), targets)
        return lambda chosen: own[0, chosen]

    def _scores(self, batch: ArchBatch) -> Floats:
        with at_most(self.threads):
            found = self._on_one_scale(self._members(batch)[0]).mean(axis=0)
        return np.where(constants(batch), self.constant_, found)

    def _beliefs(self, batch: ArchBatch) -> tuple[Floats, Floats]:
        draws = range(1, 1 + (_DRAWS if self.bayesian else 1))
        with at_most(self.threads), sampled(self.network_):
            found = self._on_one_scale(self._members(batch, draws))
        return self._scores(batch), np.asarray(found.std(axis=(0, 1)) + 1e-9)

    def _batch(self, X: Architectures) -> ArchBatch:
        return with_statistics(super()._batch(X), self.supply)

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
            found[:, :, start : start + _BLOCK] = self._scores_of(block, rows, first, draws)[:, :, which]
        return found

    def _scores_of(
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
    encodings: EncodingLike = ""
    hidden: int = 256
    layers: int = 4
    dropout: float = 0.0
    divergence: float = 1.0
    loss: str | Loss = "diffkendall"
    target: str = "raw"
    members: int = 1
    epochs: int = 200
    min_steps: int = 0
    batch_size: int = 10
    learning_rate: float = 1e-4
    weight_decay: float = 1e-3


def train_members(
    network: MABN, take: Callable[[Tensor], Inputs], targets: Tensor, recipe: Recipe, seed: int, weight: float = 0.0
) -> None:
    """Train the members together, each on batches of its own, and leave them in evaluation mode.

    Minimises loss + weight / n * divergence for each member; if the loss is the negative log-likelihood and the weight
    is 1, this is the variational free energy per architecture (Blundell et al., ICML 2015, equation 8).

    Args:
        network: trained in place. Weight samples and dropout come from torch's global generator.
        take: returns the inputs of the architectures with these numbers, int64[m, b].
        targets: float32[n].
        recipe: the training settings.
        seed: seed of the batches.
        weight: weight of the Kullback-Leibler divergence of the Bayesian layers, in units of 1 / n.
    """
    n = len(targets)

    def loss(chosen: Tensor, progress: float) -> Tensor:
        pairs = zip(network(take(chosen)), targets[chosen], strict=True)
        value = torch.stack([loss_at(progress, recipe.loss, one, other) for one, other in pairs]).sum()
        apart = divergence(network) if weight else None
        return value if apart is None else value + weight / n * apart.sum()

    train(network, shuffled_for_members(network.shape.members, n, recipe.parts(n), seed), loss, recipe, n)
