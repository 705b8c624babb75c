"""A supernet: one network that holds the weights of all architectures of a space, each of which is a path through it.

A path is a tuple with one option for every choice of the space. A part of the space is a set of allowed options for
every choice; its paths are all combinations.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.errors import ProxybenchError

Path = tuple[int, ...]
Part = tuple[Sequence[int], ...]


class Supernet(nn.Module):
    """Networks of all architectures of a space, with shared weights; `forward` runs the selected path.

    Attributes:
        options: number of options of each choice.
        elastic: whether the options are sizes, from the smallest to the largest, of which each is part of the next.
        hidden: in an elastic supernet, names of the slimmable layers that hold most of its weights.
    """

    options: tuple[int, ...]
    elastic: bool = False
    hidden: tuple[str, ...] = ()

    @abstractmethod
    def path(self, arch: ArchGraph) -> Path:
        """The path of an architecture. Raises InvalidArchitecture for another space's graph."""

    def arch(self, path: Path) -> ArchGraph:
        """The architecture of a path. Raises ProxybenchError if a path of this supernet is not a list of choices."""
        raise ProxybenchError(f"a path of {type(self).__name__} cannot be converted to an architecture")

    @abstractmethod
    def select(self, path: Path) -> None:
        """Make `forward` run this path."""

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Logits [n, classes] of the selected path for images [n, channels, h, w]."""

    @abstractmethod
    def parameters_of(self, choice: int, option: int) -> list[list[nn.Parameter]]:
        """The weights that only paths with this option use, one list for each place in the network; maybe none."""

    def function(self, path: Path) -> str | None:
        """What a path computes, equal for paths that compute the same; None if the space does not say so."""
        return None

    def whole(self) -> Part:
        """The part that is the whole space."""
        return tuple(range(options) for options in self.options)

    def draw(self, part: Part, rng: np.random.Generator) -> Path:
        """A path, uniform over a part of the space."""
        return tuple(allowed[int(rng.integers(len(allowed)))] for allowed in part)


class BlockSupernet(Supernet):
    """A supernet in successive blocks of layers, each with choices of its own.

    Attributes:
        blocks: the choices of each block, in order and without gaps.
        block_channels: the largest number of channels that each block returns.
    """

    blocks: tuple[tuple[int, ...], ...]
    block_channels: tuple[int, ...]

    @abstractmethod
    def run_block(self, number: int, maps: Tensor) -> Tensor:
        """The maps that a block of the selected path returns, for those of the block before it or the images."""


class Extended(Supernet):
    """A supernet of the same paths as another, which it contains.

    Args:
        inner: the other supernet.
    """

    def __init__(self, inner: Supernet) -> None:
        super().__init__()
        self.inner = inner
        self.options, self.elastic, self.hidden = inner.options, inner.elastic, inner.hidden

    def path(self, arch: ArchGraph) -> Path:
        return self.inner.path(arch)

    def select(self, path: Path) -> None:
        self.inner.select(path)

    def draw(self, part: Part, rng: np.random.Generator) -> Path:
        return self.inner.draw(part, rng)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.inner(images)
        return logits

    def parameters_of(self, choice: int, option: int) -> list[list[nn.Parameter]]:
        return self.inner.parameters_of(choice, option)


def contains(part: Part, path: Path) -> bool:
    """Whether a path belongs to a part of the space."""
    return all(option in allowed for option, allowed in zip(path, part, strict=True))


def restricted(part: Part, choice: int, allowed: Iterable[int]) -> Part:
    """The part with fewer options for one choice."""
    return (*part[:choice], tuple(allowed), *part[choice + 1 :])


class Choice(nn.Module):
    """One of several modules of the same shape; only the active one runs, or a weighted sum of those with gates."""

    def __init__(self, operations: Iterable[nn.Module]) -> None:
        super().__init__()
        self.operations = nn.ModuleList(operations)
        self.active = 0
        self.gates: Mapping[int, Tensor] = {}

    def forward(self, maps: Tensor) -> Tensor:
        if self.gates:
            return torch.stack([gate * self.operations[option](maps) for option, gate in self.gates.items()]).sum(0)
        chosen: Tensor = self.operations[self.active](maps)
        return chosen


class ChoiceSupernet(Supernet):
    """A supernet in which an option of a choice is a module of its own, at one or more places of the network.

    Args:
        network: the network, which contains the modules of `choices`.
        choices: for each choice, its places.
    """

    def __init__(self, network: nn.Module, choices: Sequence[Sequence[Choice]]) -> None:
        super().__init__()
        self.network = network
        self._choices = choices
        self.options = tuple(len(places[0].operations) for places in choices)

    def select(self, path: Path) -> None:
        for places, option in zip(self._choices, path, strict=True):
            for place in places:
                place.active, place.gates = option, {}

    def mix(self, gates: Sequence[Mapping[int, Tensor]]) -> None:
        """Make `forward` add up several options of every choice, each times its gate, a scalar tensor."""
        for places, weights in zip(self._choices, gates, strict=True):
            for place in places:
                place.gates = weights

    def places(self, choice: int) -> Sequence[Choice]:
        """The modules of a choice, one for each place in the network."""
        return self._choices[choice]

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits

    def parameters_of(self, choice: int, option: int) -> list[list[nn.Parameter]]:
        return [list(place.operations[option].parameters()) for place in self._choices[choice]]


def norms_of(network: nn.Module) -> Iterator[nn.BatchNorm2d]:
    """The batch normalisations of a network."""
    return (module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
