"""Guides: what noisy architectures are worth, and the gradient that leads sampling to what is asked for.

An, Lee et al., "DiffusionNAG", ICLR 2024, section 3.2: the score of architectures that have a property is the score
plus the gradient of the log probability of the property given the noisy architecture, from a predictor that was trained
on noisy architectures. Theirs takes the prediction itself for that logarithm ("maximise" here); a bound has the
logarithm of the probability to keep it, by the prediction and its error at this amount of noise.
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
from predictors.tabular.targets import normal_scores
from proxybench.errors import ProxybenchError
from proxybench.generation.guide_networks import NoisyInput, make_network
from proxybench.generation.model import DiffusionModel
from proxybench.generation.network import TIME_FEATURES, time_features
from proxybench.generation.sampling import Gradient

_SMALLEST_ERROR = 0.05  # in normal scores; a smaller one would make the gradient of a bound a wall


@dataclass(frozen=True)
class Aim:
    """What is asked of a property.

    Attributes:
        of: name of the property.
        kind: "maximise", or "above" or "below" a level.
        level: in the property's unit; or None where `share` says it.
        share: the level is what this part of the guide's training targets lies above ("above") or below ("below").
        weight: among several aims.
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
            raise ValueError(f"an aim above or below has a level or a share, and one to maximise neither: {self}")
        if self.share is not None and not 0 < self.share < 1:
            raise ValueError(f"the share of an aim lies between 0 and 1: {self}")


class NormalScale:
    """A monotone map of a property's unit to normal scores, linear between the values it was made from."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.values, first = np.unique(values, return_index=True)
        self.scores = normal_scores(values)[first]

    def score(self, value: float) -> float:
        """Beyond the values known, a score further out than any."""
        if value < self.values[0]:
            return float(self.scores[0]) - 0.5
        if value > self.values[-1]:
            return float(self.scores[-1]) + 0.5
        return float(np.interp(value, self.values, self.scores))

    def value(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """In the property's unit, within the values known."""
        return np.asarray(np.interp(scores, self.scores, self.values))


class Guide(nn.Module):
    """A predictor of properties that is told how noisy an architecture is.

    Made by `fit_guide`. The error of its predictions is learned too, as a function of the noise.
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
        """Of architectures without noise, each property in its unit, float64[n]."""
        clean = self.model.clean(archs)
        with torch.no_grad():
            means = self(clean, torch.full((len(clean),), self.model.sde.earliest))[0].double().numpy()
        return {name: scale.value(means[:, place]) for place, (name, scale) in enumerate(self.scales.items())}

    def log_probability(self, x: Tensor, t: Tensor, aims: Sequence[Aim]) -> Tensor:
        """What is to be increased, float32[n]: the weighted sum over the aims. Raises UnknownName for a property."""
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
    """What `sample` and `generate` take as guide: scale times the gradient of what is asked for.

    Args:
        guide: of the same model.
        aims: one or several; their weighted sum counts.
        scale: 1 is Bayes' rule for bounds; more asks more strongly at the price of variety.

    Raises:
        UnknownName: for an aim at a property that the guide does not predict.
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
    """A guide trained on these architectures, with noise of all amounts put on them.

    From few architectures with known accuracy a stronger guide comes in two steps: fit any predictor of `predictors` to
    them, and give here many architectures of the space with that predictor's answers as targets.

    Args:
        model: of the same space; its noise process is used.
        archs: n architectures.
        targets: property to n numbers in the property's unit; learned as normal scores.
        network: "mlp", or a graph network of `predictors` ("gcn", "gin", "gates", "flan", "graph_transformer").
        hidden: its width.
        steps: of AdamW, with a learning rate that falls to 0 as a cosine.
        batch: architectures of a step.
        rate: learning rate at the beginning.
        weight_decay: AdamW's.
        seed: of weights, batches, times and noise.

    Raises:
        ProxybenchError: for no targets, targets not n or not finite, or fewer than two architectures.
        UnknownName: for a network that there is none of.
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
