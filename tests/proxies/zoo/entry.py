"""What the tests know about a network, all of it written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

IMAGES = 6
CLASSES = 4

_noted: list[list[Tensor]] = []


def note(inputs: Tensor) -> Tensor:
    """Write down the input of a rectifier whose first axis holds the images, where somebody listens; gives it back."""
    for tape in _noted:
        tape.append(inputs.detach().clone())
    return inputs


def listening(tape: list[Tensor]) -> None:
    """Let `note` write on `tape`, until `deaf`."""
    _noted.append(tape)


def deaf() -> None:
    """End the last `listening`."""
    _noted.pop()


@dataclass(frozen=True)
class Entry:
    """A network and what is true of it.

    Attributes:
        build: makes the network; its weights follow from torch's global random state.
        layers: patterns of the names of modules, or of parameters, that hold the weights features are multiplied with.
        count: how many weights that is.
        depth: layers on the longest path from the images to the logits; None where there is no derivative, or where
            the path through operations is none through values.
        convolutions: how many of the weights are kernels of convolutions; None as for depth.
        products: multiply-adds of one image outside the modules in `layers`, with biases outside modules;
            None where the cost depends on values.
        shape: of one image, or number of tokens.
        words: number of different tokens, where the input is whole numbers.
        loss: of (logits, targets).
        targets: from the number of images to what the loss takes.
        single: whether references are worked out in single precision, because the network draws random numbers, which
            are others in double precision, or turns its features into single precision itself.
        plain: the same network without reparametrisations, with weights of the same value.
        skipped: references that do not apply, each with the reason.
    """

    build: Callable[[], nn.Module]
    layers: tuple[str, ...]
    count: int
    depth: int | None
    convolutions: int | None
    products: int | None = 0
    shape: tuple[int, ...] = (3, 8, 8)
    words: int = 0
    loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy
    targets: Callable[[int], Tensor] = lambda count: torch.arange(count) % CLASSES
    single: bool = False
    plain: Callable[[nn.Module], nn.Module] = lambda network: network
    skipped: dict[str, str] = field(default_factory=dict)

    def network(self) -> nn.Module:
        """The network, the same each time."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return self.build()

    def images(self) -> Tensor:
        """The batch, the same each time."""
        draws = torch.Generator().manual_seed(4)
        if self.words:
            return torch.randint(0, self.words, (IMAGES, *self.shape), generator=draws)
        return torch.randn((IMAGES, *self.shape), generator=draws)


class Lambda(nn.Module):
    """A module without parameters."""

    def __init__(self, forward: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._function = forward

    def forward(self, x: Tensor) -> Tensor:
        return self._function(x)


def head(channels: int) -> nn.Sequential:
    """Global pooling and a linear classifier, whose weight is `2`."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES))
