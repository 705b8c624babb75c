"""A trained diffusion model of a space's architectures: layout, noise process and score network in one file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from predictors.arch import ArchGraph
from predictors.descent import private_generator
from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.generation import files
from proxybench.generation.codec import placed
from proxybench.generation.described import layout_of, sizes_of
from proxybench.generation.layout import Layout
from proxybench.generation.network import ScoreNetwork
from proxybench.generation.sde import SDE, as_dict, from_dict
from proxybench.resources import data_path
from proxybench.spaces import SearchSpace, get_space

_NAME = re.compile(r"[\w.-]{1,100}")  # of a space, not necessarily one of this project


@dataclass(frozen=True, eq=False)
class DiffusionModel:
    """A model of the architectures of a space, as the score of their noisy tensors.

    Attributes:
        layout: layout of the tensors.
        sde: noise process.
        network: network that computes E[x0 | x].
        training: training details for the card.
    """

    layout: Layout
    sde: SDE
    network: ScoreNetwork
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def space(self) -> SearchSpace:
        """The space whose architectures are generated."""
        return get_space(self.layout.space)

    def clean(self, archs: Sequence[ArchGraph]) -> Tensor:
        """Noise-free tensors of architectures of the space, float32[n, nodes, width].

        Raises:
            InvalidArchitecture: for an architecture that does not fit the layout.
        """
        return self.layout.encode([placed(arch, self.layout.nodes) for arch in archs]).float()

    def denoised(self, x: Tensor, t: Tensor) -> Tensor:
        """E[x0 | x(t)], float32[n, nodes, width], for noisy tensors of that shape at times float32[n]."""
        clean: Tensor = self.network(x, self.sde.scale(t), self.sde.deviation(t))
        return clean

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """The gradient of the log density of x(t) for generated entries, 0 for known ones."""
        scale, variance = self.sde.scale(t)[:, None, None], self.sde.deviation(t)[:, None, None] ** 2
        return (scale * self.denoised(x, t) - x) / variance * self.layout.diffused

    def noised(self, clean: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x(t) from clean tensors and standard normal noise; known entries are unchanged."""
        scale, deviation = self.sde.scale(t)[:, None, None], self.sde.deviation(t)[:, None, None]
        return torch.where(self.layout.diffused > 0, scale * clean + deviation * noise, clean)

    def header(self) -> dict[str, Any]:
        """Everything except the weights, as JSON values."""
        return {
            "layout": self.layout.as_dict(),
            "sde": as_dict(self.sde),
            "network": asdict(self.network.sizes),
            "training": dict(self.training),
        }

    def save(self, path: Path, half: bool = True) -> Path:
        """Write the model, with 16-bit weights if `half`, which hardly changes samples."""
        return files.write(path, self.header(), self.network.state_dict(), half)


def restore(header: Mapping[str, Any], weights: Mapping[str, Tensor], source: object = "model") -> DiffusionModel:
    """The model described by `header`, with these weights. Raises CorruptData if the two do not match."""
    try:
        layout, sizes = layout_of(header["layout"]), sizes_of(header["network"], weights)
        if not _NAME.fullmatch(layout.space):
            raise ValueError(f"{layout.space!r} is not a valid name for a space")
        sde, training = from_dict(header["sde"]), dict(header.get("training", {}))
        with private_generator(0):  # the weights drawn here are replaced
            network = ScoreNetwork(layout, sizes)
        network.load_state_dict(dict(weights))
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise CorruptData(f"{source}: not a generator of this version ({str(error)[:200]})") from error
    return DiffusionModel(layout, sde, network.eval().requires_grad_(False), training)


def shipped_path(space: str) -> Path:
    """Path of the model of a space that is shipped with the project, if there is one."""
    return Path(str(data_path(f"models/generator-{space}.npz")))


def load_generator(name: str | Path) -> DiffusionModel:
    """Load a trained model: the shipped model of the space `name`, or the model in a file.

    Raises:
        DataNotAvailable: if there is no model; the message names the command that trains one.
        CorruptData: for a file that is not a model.
    """
    path = Path(name)
    if path.suffix != ".npz":
        path = shipped_path(get_space(str(name)).name)
        if not path.is_file():
            raise DataNotAvailable(
                f"the project ships no generator for {name}; "
                f"run: proxybench train-generator {name} --output {name}.npz, and pass that file"
            )
    return restore(*files.read(path), path)
