"""Training of the score network: denoising score matching in continuous time, resumable without any difference.

The loss is |deviation * score + noise|^2 (Song et al., ICLR 2021, equation 7, weighted by the variance). The optimiser
is Adam with warm-up and gradient clipping; samples use an exponential moving average of the weights. The randomness of
a step depends only on the seed and the step number, so a resumed training equals an uninterrupted one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from predictors.arch import ArchGraph
from predictors.descent import private_generator
from proxybench.errors import ProxybenchError
from proxybench.generation import files
from proxybench.generation.codec import placed
from proxybench.generation.layout import Layout
from proxybench.generation.model import DiffusionModel, restore
from proxybench.generation.network import Architecture, ScoreNetwork
from proxybench.generation.sde import SDE, VESDE, as_dict

Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class Settings:
    """How a score network is trained.

    The published values for NAS-Bench-201 are network=network.PUBLISHED, steps=250_000, rate=2e-5, average=0.9999.

    Attributes:
        network: sizes of the network.
        sde: the noise process.
        steps: number of optimiser steps.
        batch: architectures per step.
        rate: learning rate of Adam after `warmup` steps.
        warmup: steps in which the rate rises.
        clip: maximum gradient norm.
        average: decay of the moving average of the weights; smaller in early steps.
        seed: seed of weights, batches, times and noise.
    """

    network: Architecture = field(default_factory=Architecture)
    sde: SDE = field(default_factory=VESDE)
    steps: int = 6000
    batch: int = 256
    rate: float = 1e-3
    warmup: int = 300
    clip: float = 1.0
    average: float = 0.999
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.warmup) < 1 or min(self.rate, self.clip) <= 0 or not 0 <= self.average < 1:
            raise ValueError(f"steps, batch, warm-up, rate and clip must be positive, average in [0, 1): {self}")

    def as_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {**asdict(self), "network": asdict(self.network), "sde": as_dict(self.sde)}


class Trainer:
    """A training in progress.

    Args:
        archs: architectures of one space, at least one.
        settings: training settings.
        checkpoint: file from which the training resumes and to which it is saved; None to keep no checkpoint.

    Raises:
        ProxybenchError: for a checkpoint of a different training.
        CorruptData: for a file that is not a checkpoint.
    """

    def __init__(self, archs: Sequence[ArchGraph], settings: Settings, checkpoint: Path | None = None) -> None:
        self.settings, self.checkpoint = settings, checkpoint
        nodes = max(len(arch) for arch in archs)
        graphs = [placed(arch, nodes) for arch in archs]
        self.layout = Layout.of(graphs)
        self.clean = self.layout.encode(graphs)
        with private_generator(settings.seed):
            self.network = ScoreNetwork(self.layout, settings.network)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.rate, fused=True)
        self.averaged = {name: weight.clone() for name, weight in self.network.state_dict().items()}
        self.step = 0
        self.seconds = 0.0
        if checkpoint is not None and checkpoint.is_file():
            self._resume(checkpoint)

    def run(self, steps: int | None = None, every: int = 500, on_progress: Progress | None = None) -> DiffusionModel:
        """Train up to `steps`, by default all; writes the checkpoint every `every` steps and at the end.

        Args:
            steps: number of the last step.
            every: steps between checkpoints, and between calls of `on_progress` with step and mean loss.
            on_progress: progress callback.
        """
        last = self.settings.steps if steps is None else min(steps, self.settings.steps)
        self.network.train()
        begun, losses = time.monotonic(), []
        while self.step < last:
            losses.append(self._advance())
            if self.step % every == 0 or self.step == last:
                self.seconds += time.monotonic() - begun
                begun = time.monotonic()
                self.save()
                if on_progress is not None:
                    on_progress(self.step, sum(losses) / len(losses))
                losses = []
        return self.model()

    def _advance(self) -> float:
        settings = self.settings
        with private_generator(settings.seed * 1_000_003 + self.step):
            rows = torch.randint(len(self.clean), (settings.batch,))
            loss = denoising_loss(self._model(self.network), self.clean[rows].float())
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
        self.optimiser.param_groups[0]["lr"] = settings.rate * min(1.0, (self.step + 1) / settings.warmup)
        self.optimiser.step()
        self.step += 1
        kept = min(settings.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, weight in self.network.state_dict().items():
                self.averaged[name].lerp_(weight, 1 - kept)
        return float(loss.detach())

    def model(self) -> DiffusionModel:
        """The model with the averaged weights at the current step."""
        return restore(self._header(), self.averaged)

    def _model(self, network: ScoreNetwork) -> DiffusionModel:
        return DiffusionModel(self.layout, self.settings.sde, network)

    def _header(self) -> dict[str, Any]:
        training = {
            **self.settings.as_dict(),
            "architectures": len(self.clean),
            "step": self.step,
            "seconds": round(self.seconds, 1),
        }
        return {**self._model(self.network).header(), "training": training}

    def save(self) -> None:
        """Write the checkpoint: weights, their mean and Adam's moments."""
        if self.checkpoint is None:
            return
        tensors = {f"weight:{name}": weight for name, weight in self.network.state_dict().items()}
        tensors |= {f"mean:{name}": weight for name, weight in self.averaged.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam:{number}:{name}": value for name, value in state.items()}
        files.write(self.checkpoint, self._header(), tensors)

    def _resume(self, checkpoint: Path) -> None:
        header, tensors = files.read(checkpoint)
        own, found = self._header(), dict(header.get("training", {}))
        for key in ("steps", "step", "seconds"):  # the number of steps may have been increased
            own["training"][key] = found.get(key)
        if _plain(own) != _plain(header):
            raise ProxybenchError(
                f"{checkpoint} belongs to a training with other settings or architectures; use a different file"
            )
        self.step, self.seconds = int(found["step"]), float(found["seconds"])
        parts: dict[str, dict[str, Tensor]] = {"weight": {}, "mean": {}, "adam": {}}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition(":")
            parts[kind][rest] = tensor
        self.network.load_state_dict(parts["weight"])
        self.averaged = parts["mean"]
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["adam"].items():
            number, _, field_name = name.partition(":")
            state.setdefault(int(number), {})[field_name] = tensor
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})


def _plain(header: Mapping[str, Any]) -> Any:
    import json

    return json.loads(json.dumps(header))


def denoising_loss(model: DiffusionModel, clean: Tensor) -> Tensor:
    """Mean over the batch of |deviation * score + noise|^2, per generated entry, at uniform times.

    Args:
        model: the model whose score is learned.
        clean: float32[n, nodes, width].
    """
    sde, diffused = model.sde, model.layout.diffused
    t = sde.random_times(len(clean))
    noise = torch.randn_like(clean)
    score = model.score(model.noised(clean, t, noise), t)
    residual = (score * sde.deviation(t)[:, None, None] + noise) * diffused
    return residual.square().sum() / (len(clean) * math.fsum(diffused.flatten().tolist()))


def train_generator(
    archs: Sequence[ArchGraph],
    settings: Settings | None = None,
    checkpoint: Path | None = None,
    on_progress: Progress | None = None,
) -> DiffusionModel:
    """Train a model of these architectures, from scratch or from the checkpoint. Raises the errors of `Trainer`."""
    return Trainer(archs, settings or Settings(), checkpoint).run(on_progress=on_progress)
