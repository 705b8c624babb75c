"""A trained diffusion model of a space's architectures: layout, noise process and score network, in one file."""

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

_NAME = re.compile(r"[\w.-]{1,100}")  # of a space, which need not be one of this project


@dataclass(frozen=True, eq=False)
class DiffusionModel:
    """What architectures of a space look like, as the score of their noisy tensors.

    Attributes:
        layout: of the tensors.
        sde: the noise process.
        network: gives E[x0 | x].
        training: how it was trained, for the card.
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
        """Tensors of architectures of the space, without noise, float32[n, nodes, width].

        Raises:
            InvalidArchitecture: for an architecture that the layout has no place for.
        """
        return self.layout.encode([placed(arch, self.layout.nodes) for arch in archs]).float()

    def denoised(self, x: Tensor, t: Tensor) -> Tensor:
        """E[x0 | x(t)], float32[n, nodes, width], of noisy tensors of that shape at times float32[n]."""
        clean: Tensor = self.network(x, self.sde.scale(t), self.sde.deviation(t))
        return clean

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """The gradient of the log density of x(t) where something is generated, 0 elsewhere."""
        scale, variance = self.sde.scale(t)[:, None, None], self.sde.deviation(t)[:, None, None] ** 2
        return (scale * self.denoised(x, t) - x) / variance * self.layout.diffused

    def noised(self, clean: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x(t) of clean tensors and standard normal noise; known entries stay."""
        scale, deviation = self.sde.scale(t)[:, None, None], self.sde.deviation(t)[:, None, None]
        return torch.where(self.layout.diffused > 0, scale * clean + deviation * noise, clean)

    def header(self) -> dict[str, Any]:
        """All but the weights, as JSON knows it."""
        return {
            "layout": self.layout.as_dict(),
            "sde": as_dict(self.sde),
            "network": asdict(self.network.sizes),
            "training": dict(self.training),
        }

    def save(self, path: Path, half: bool = True) -> Path:
        """Write the model, its weights with 16 bits if `half`, which changes samples hardly."""
        return files.write(path, self.header(), self.network.state_dict(), half)


def restore(header: Mapping[str, Any], weights: Mapping[str, Tensor], source: object = "model") -> DiffusionModel:
    """The model that `header` describes, with these weights. Raises CorruptData where the two do not fit."""
    try:
        layout, sizes = layout_of(header["layout"]), sizes_of(header["network"], weights)
        if not _NAME.fullmatch(layout.space):
            raise ValueError(f"{layout.space!r} cannot be the name of a space")
        sde, training = from_dict(header["sde"]), dict(header.get("training", {}))
        with private_generator(0):  # the weights drawn here are replaced
            network = ScoreNetwork(layout, sizes)
        network.load_state_dict(dict(weights))
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise CorruptData(f"{source}: not a generator of this version ({str(error)[:200]})") from error
    return DiffusionModel(layout, sde, network.eval().requires_grad_(False), training)


def shipped_path(space: str) -> Path:
    """Where the model of a space that comes with the project lies, if there is one."""
    return Path(str(data_path(f"models/generator-{space}.npz")))


def load_generator(name: str | Path) -> DiffusionModel:
    """A trained model: the shipped one of the space `name`, or that in a file.

    Raises:
        DataNotAvailable: where there is none; the message names the command that trains one.
        CorruptData: for a file that is no model.
    """
    path = Path(name)
    if path.suffix != ".npz":
        path = shipped_path(get_space(str(name)).name)
        if not path.is_file():
            raise DataNotAvailable(
                f"no generator of {name} comes with the project; "
                f"run: proxybench train-generator {name} --output {name}.npz, and give that file"
            )
    return restore(*files.read(path), path)
