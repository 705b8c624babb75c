"""A meta-predictor: predicts accuracies on a new data set, without any trainings there, from other data sets.

An, Lee et al., "DiffusionNAG", ICLR 2024, section 3.3 (transferable NAS): guidance by a predictor of accuracy given the
noisy architecture and the data set, trained on other data sets. Theirs reads a data set as images; here it is a vector.
Each training data set has its own vector, learned with the network; the prediction is linear in it,

    normal score of x on d = f_0(x, t) + v_d . f(x, t),

so that the mean of vectors gives the mean of predictions. A new data set has no accuracies from which to learn a
vector: it gets the mean of the others, plain or weighted by the similarity of their facts (number of classes,
resolution).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from predictors.arch import ArchGraph
from predictors.descent import descend, private_generator
from predictors.errors import unknown_name
from predictors.inputs import as_floats
from predictors.targets import normal_scores
from proxybench.errors import ProxybenchError
from proxybench.generation.guidance import Guide, NormalScale
from proxybench.generation.guide_networks import NoisyInput, make_network
from proxybench.generation.model import DiffusionModel
from proxybench.generation.network import TIME_FEATURES, time_features

PROPERTY = "value"
"""What the guide of a data set predicts: the normal score of the accuracy among the training architectures."""
Facts = Mapping[str, float]
_SMALLEST_ERROR = 0.05  # as for other guides: a smaller one would make the gradient of a bound too steep
_MOST_DIMENSIONS = 8


class MetaPredictor(nn.Module):
    """Made by `fit_meta`.

    Attributes:
        names: names of the training data sets.
        vectors: their vectors, float32[data sets, dimensions].
    """

    def __init__(self, model: DiffusionModel, sources: Sequence[str], network: str, hidden: int) -> None:
        super().__init__()
        self.model, self.names = model, tuple(sources)
        dimensions = min(len(sources), _MOST_DIMENSIONS)
        self.vectors = nn.Parameter(0.5 * torch.randn(len(sources), dimensions))
        self.given = NoisyInput(model.layout)
        self.network = make_network(network, self.given, 1 + dimensions, hidden)
        self.error = nn.Sequential(nn.Linear(TIME_FEATURES, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, x: Tensor, t: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the normal scores, float32[n] each.

        Args:
            x: noisy tensors, float32[n, nodes, width].
            t: their times, float32[n].
            vectors: vector of each architecture's data set, float32[n, dimensions].
        """
        scale, deviation = self.model.sde.scale(t), self.model.sde.deviation(t)
        answers: Tensor = self.network(self.given(x, scale, deviation))
        error = nn.functional.softplus(self.error(time_features(scale, deviation))) + _SMALLEST_ERROR
        return answers[:, 0] + (answers[:, 1:] * vectors).sum(dim=1), error[:, 0]

    def guide(self, weights: Mapping[str, float] | None = None) -> Guide:
        """The noise-aware predictor of `PROPERTY` on a data set without trainings.

        Args:
            weights: relevance of each data set for this one, for example from `alike`; None for equal weights.

        Raises:
            UnknownName: for a data set on which it was not trained.
            ProxybenchError: if weights are negative or all 0.
        """
        given = dict.fromkeys(self.names, 1.0) if weights is None else weights
        for name in given:
            if name not in self.names:
                raise unknown_name("data set of the meta-predictor", name, self.names)
        shares = torch.tensor([float(given.get(name, 0.0)) for name in self.names])
        if not (shares >= 0).all() or not shares.sum() > 0:
            raise ProxybenchError(f"weights of data sets must be positive or 0, and not all 0: {dict(given)}")
        return _OnDataset(self, shares / shares.sum() @ self.vectors)


class _OnDataset(Guide):
    """A meta-predictor with the vector of one data set."""

    def __init__(self, meta: MetaPredictor, vector: Tensor) -> None:
        nn.Module.__init__(self)  # the network is the meta-predictor's, so none is made here
        self.model, self.meta = meta.model, meta
        self.scales = {PROPERTY: NormalScale(normal_scores(np.arange(1000.0)))}
        self.vector = vector.detach()

    def forward(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        mean, error = self.meta(x, t, self.vector.expand(len(x), -1))
        return mean[:, None], error[:, None]


def fit_meta(
    model: DiffusionModel,
    archs: Sequence[ArchGraph],
    sources: Mapping[str, ArrayLike],
    *,
    network: str = "mlp",
    hidden: int = 128,
    steps: int = 1500,
    batch: int = 256,
    rate: float = 2e-3,
    weight_decay: float = 1e-3,
    seed: int = 0,
) -> MetaPredictor:
    """Train a meta-predictor on some data sets, with all levels of noise on the architectures.

    Args:
        model: model of the same space; its noise process is used.
        archs: n architectures.
        sources: data set to n values, larger is better, in any unit; learned as normal scores. NaN if an architecture
            was not trained.
        network: "mlp", or a graph network as in `fit_guide`.
        hidden: width of the network.
        steps: steps of AdamW, with a learning rate that decays to 0 as a cosine.
        batch: pairs of architecture and data set per step.
        rate: initial learning rate.
        weight_decay: weight decay of AdamW.
        seed: seed of weights, batches, times and noise.

    Raises:
        ProxybenchError: if there are no data sets, not n values, or fewer than two finite values for a data set.
        UnknownName: for an unknown network.
    """
    scores = _scores(sources, len(archs))
    pairs = torch.from_numpy(np.argwhere(np.isfinite(scores)))
    wanted = torch.from_numpy(scores.astype(np.float32))
    clean = model.clean(archs)
    sde = model.sde
    with private_generator(seed):
        meta = MetaPredictor(model, list(sources), network, hidden)

        def loss() -> Tensor:
            rows, places = pairs[torch.randint(len(pairs), (batch,))].T
            t = sde.random_times(batch)
            noisy = model.noised(clean[rows], t, torch.randn(batch, *clean.shape[1:]))
            mean, error = meta(noisy, t, meta.vectors[places])
            return nn.functional.gaussian_nll_loss(mean, wanted[rows, places], error**2)

        descend(meta, loss, steps=steps, rate=rate, weight_decay=weight_decay)
    return meta.eval().requires_grad_(False)


def alike(facts: Mapping[str, Facts], asked: Facts) -> dict[str, float]:
    """Relevance of each data set for another one, from facts that need no training; the sum is 1.

    Proportional to exp(-d^2 / 2) for the distance d of the facts, each in standard deviations over all these data sets.

    Args:
        facts: data set to numbers, such as {"log_classes": 2, "side": 32}, with the same names for each.
        asked: facts of the data set to predict.

    Raises:
        ProxybenchError: if there is no data set, or if one has different facts.
    """
    names = sorted(asked)
    if other := [name for name, known in facts.items() if sorted(known) != names] or ([] if facts else ["none"]):
        raise ProxybenchError(f"data sets must be described by the same facts, {', '.join(names)}; different: {other}")
    rows = np.array([[known[name] for name in names] for known in [*facts.values(), asked]], dtype=np.float64)
    spread = rows.std(axis=0)
    distance = (((rows - rows[-1]) / np.where(spread > 0, spread, 1.0)) ** 2).sum(axis=1)[:-1]
    weights = np.exp(-0.5 * (distance - distance.min()))
    return dict(zip(facts, (weights / weights.sum()).tolist(), strict=True))


def _scores(sources: Mapping[str, ArrayLike], n: int) -> NDArray[np.float64]:
    """Normal scores among the values of each data set, float64[n, data sets]; NaN if a value is missing."""
    if not sources:
        raise ProxybenchError("a meta-predictor needs at least one other data set to learn from")
    columns = []
    for name, given in sources.items():
        values = as_floats(given, name)
        if values.shape != (n,):
            raise ProxybenchError(f"{name}: {values.shape} values for {n} architectures")
        known = np.isfinite(values)
        if known.sum() < 2:
            raise ProxybenchError(f"{name}: a meta-predictor needs the values of two architectures or more")
        column = np.full(n, np.nan)
        column[known] = normal_scores(values[known])
        columns.append(column)
    return np.column_stack(columns)
