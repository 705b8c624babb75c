"""Guides: predictors for noisy architectures, and the gradient that steers sampling towards the aims.

An, Lee et al., "DiffusionNAG", ICLR 2024, section 3.2: the score of architectures with a property is the score plus
the gradient of the log probability of the property given the noisy architecture, from a predictor trained on noisy
architectures. They use the prediction itself as that logarithm ("maximise" here); for a bound, it is the logarithm of
the probability of satisfying it, given the prediction and its error at this noise level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from torch import Tensor, nn

from predictors.arch import ArchGraph
from predictors.descent import descend, private_generator
from predictors.errors import unknown_name
from predictors.inputs import as_floats
from predictors.targets import normal_scores
from proxybench.errors import ProxybenchError
from proxybench.generation.guide_networks import NoisyInput, make_network
from proxybench.generation.model import DiffusionModel
from proxybench.generation.network import TIME_FEATURES, time_features
from proxybench.generation.sampling import Gradient

_SMALLEST_ERROR = 0.05  # in normal scores; a smaller one would make the gradient of a bound too steep


@dataclass(frozen=True)
class Aim:
    """The aim for a property.

    Attributes:
        of: name of the property.
        kind: "maximise", or "above" or "below" a level.
        level: level in the property's unit; None if `share` defines it.
        share: sets the level so that this part of the guide's training targets is above it ("above") or below it.
        weight: relative weight among several aims.
    """

    of: str
    kind: Literal["maximise", "above", "below"] = "maximise"
    level: float | None = None
    share: float | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("maximise", "above", "below"):
            raise unknown_name("kind of aim", self.kind, ("maximise", "above", "below"))
        if (self.kind != "maximise") != ((self.level is None) != (self.share is None)):
            raise ValueError(f"an aim above or below needs a level or a share; one to maximise takes neither: {self}")
        if self.share is not None and not 0 < self.share < 1:
            raise ValueError(f"the share of an aim must be between 0 and 1: {self}")


class NormalScale:
    """A monotone map from a property's unit to normal scores, linear between the values from which it was built."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.values, first = np.unique(values, return_index=True)
        self.scores = normal_scores(values)[first]

    def score(self, value: float) -> float:
        """The normal score of a value; beyond the known values, a score further out than any of theirs."""
        if value < self.values[0]:
            return float(self.scores[0]) - 0.5
        if value > self.values[-1]:
            return float(self.scores[-1]) + 0.5
        return float(np.interp(value, self.values, self.scores))

    def value(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values in the property's unit, within the range of the known values."""
        return np.asarray(np.interp(scores, self.scores, self.values))


class Guide(nn.Module):
    """A predictor of properties that takes the noise level of an architecture into account.

    Made by `fit_guide`. It also learns the error of its predictions as a function of the noise.
    """

    def __init__(self, model: DiffusionModel, scales: Mapping[str, NormalScale], network: str, hidden: int) -> None:
        super().__init__()
        self.model, self.scales = model, dict(scales)
        self.given = NoisyInput(model.layout)
        self.network = make_network(network, self.given, len(scales), hidden)
        self.error = nn.Sequential(nn.Linear(TIME_FEATURES, 32), nn.SiLU(), nn.Linear(32, len(scales)))

    def forward(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each property's normal score, float32[n, properties].

        Args:
            x: noisy tensors, float32[n, nodes, width].
            t: their times, float32[n].
        """
        scale, deviation = self.model.sde.scale(t), self.model.sde.deviation(t)
        mean: Tensor = self.network(self.given(x, scale, deviation))
        error = nn.functional.softplus(self.error(time_features(scale, deviation))) + _SMALLEST_ERROR
        return mean, error

    def predict(self, archs: Sequence[ArchGraph]) -> dict[str, NDArray[np.float64]]:
        """Predictions for architectures without noise, each property in its unit, float64[n]."""
        clean = self.model.clean(archs)
        with torch.no_grad():
            means = self(clean, torch.full((len(clean),), self.model.sde.earliest))[0].double().numpy()
        return {name: scale.value(means[:, place]) for place, (name, scale) in enumerate(self.scales.items())}

    def log_probability(self, x: Tensor, t: Tensor, aims: Sequence[Aim]) -> Tensor:
        """The weighted sum over the aims, to be increased, float32[n]. Raises UnknownName for an unknown property."""
        mean, error = self(x, t)
        names = list(self.scales)
        total = torch.zeros(len(x))
        for aim in aims:
            if aim.of not in self.scales:
                raise unknown_name("property of the guide", aim.of, names)
            place = names.index(aim.of)
            value = mean[:, place]
            if aim.kind != "maximise":
                sign = 1.0 if aim.kind == "above" else -1.0
                value = torch.special.log_ndtr(sign * (value - self._level(aim)) / error[:, place])
            total = total + aim.weight * value
        return total

    def _level(self, aim: Aim) -> float:
        if aim.share is not None:
            return float(ndtri(1 - aim.share if aim.kind == "above" else aim.share))
        return self.scales[aim.of].score(float(aim.level or 0.0))


def guided(guide: Guide, aims: Aim | Sequence[Aim], scale: float = 1.0) -> Gradient:
    """The guide that `sample` and `generate` take: `scale` times the gradient of the aims.

    Args:
        guide: guide for the same model.
        aims: one or several aims; their weighted sum counts.
        scale: 1 is Bayes' rule for bounds; larger values steer more strongly at the expense of variety.

    Raises:
        UnknownName: if the guide does not predict the property of an aim.
    """
    wanted = [aims] if isinstance(aims, Aim) else list(aims)
    for aim in wanted:
        if aim.of not in guide.scales:
            raise unknown_name("property of the guide", aim.of, guide.scales)

    def gradient(x: Tensor, t: Tensor) -> Tensor:
        with torch.enable_grad():
            noisy = x.detach().requires_grad_(True)
            total = guide.log_probability(noisy, t, wanted).sum()
            (slope,) = torch.autograd.grad(total, noisy)
        return scale * slope

    return gradient


def fit_guide(
    model: DiffusionModel,
    archs: Sequence[ArchGraph],
    targets: Mapping[str, ArrayLike],
    *,
    network: str = "mlp",
    hidden: int = 128,
    steps: int = 1500,
    batch: int = 256,
    rate: float = 2e-3,
    weight_decay: float = 1e-3,
    seed: int = 0,
) -> Guide:
    """Train a guide on these architectures with all levels of noise.

    With few architectures of known accuracy, a stronger guide takes two steps: fit any predictor from `predictors` to
    them, then pass many architectures of the space here, with that predictor's answers as targets.

    Args:
        model: model of the same space; its noise process is used.
        archs: n architectures.
        targets: property to n numbers in the property's unit; learned as normal scores.
        network: "mlp", or a graph network from `predictors` ("gcn", "gin", "gates", "flan", "graph_transformer").
        hidden: width of the network.
        steps: steps of AdamW, with a learning rate that decays to 0 as a cosine.
        batch: architectures per step.
        rate: initial learning rate.
        weight_decay: weight decay of AdamW.
        seed: seed of weights, batches, times and noise.

    Raises:
        ProxybenchError: if targets are missing, not n or not finite, or if there are fewer than two architectures.
        UnknownName: for an unknown network.
    """
    columns = {name: as_floats(values, name) for name, values in targets.items()}
    if not columns or len(archs) < 2:
        raise ProxybenchError("a guide needs at least one property and two architectures to learn from")
    for name, values in columns.items():
        if values.shape != (len(archs),) or not np.isfinite(values).all():
            raise ProxybenchError(f"{name}: a guide needs one finite target for each of {len(archs)} architectures")
    clean = model.clean(archs)
    scales = {name: NormalScale(values) for name, values in columns.items()}
    scores = np.column_stack([normal_scores(values) for values in columns.values()])
    wanted = torch.from_numpy(scores.astype(np.float32))
    sde = model.sde
    with private_generator(seed):
        guide = Guide(model, scales, network, hidden)

        def loss() -> Tensor:
            rows = torch.randint(len(clean), (batch,))
            t = sde.random_times(batch)
            mean, error = guide(model.noised(clean[rows], t, torch.randn(batch, *clean.shape[1:])), t)
            return nn.functional.gaussian_nll_loss(mean, wanted[rows], error**2)

        descend(guide, loss, steps=steps, rate=rate, weight_decay=weight_decay)
    return guide.eval().requires_grad_(False)
