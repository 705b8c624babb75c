"""Outputs of modules with a weight and of activations, with the axis of their channels, in a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from proxybench.proxies.functions import unwatched

_ACTIVATIONS: tuple[type[nn.Module], ...] = tuple(getattr(activation, name) for name in activation.__all__)
_CHANNELS_FIRST = (_ConvNd, _NormBase, nn.GroupNorm)

Seen = Callable[[str, Tensor, int], None]


@contextmanager
def module_outputs(network: nn.Module, seen: Seen) -> Iterator[None]:
    """Call `seen(name, output, axis)` for the first output of each module with a weight, and of each activation.

    The axis, from 1, holds the channels: axis 1 of convolutions and of normalisations other than by layer, otherwise
    the last one. An activation has the axis of the last output of its shape; by default the first that a map has and
    the last that tokens have. Outputs other than real tensors of two or more dimensions are left out, and of a tuple
    the first entry counts.
    """
    axes: dict[torch.Size, int] = {}
    done: set[str] = set()

    def hook(module: nn.Module, inputs: Any, output: Any, name: str) -> None:
        with unwatched():
            look(module, output[0] if isinstance(output, tuple | list) and output else output, name)

    def look(module: nn.Module, value: Any, name: str) -> None:
        if name in done or not isinstance(value, Tensor) or not value.is_floating_point() or value.dim() < 2:
            return
        done.add(name)
        if isinstance(module, _ACTIVATIONS):
            axis = axes.get(value.shape, 1 if value.dim() > 3 else value.dim() - 1)
        else:
            axis = axes[value.shape] = 1 if isinstance(module, _CHANNELS_FIRST) else value.dim() - 1
        if value.numel():
            seen(name, value.detach(), axis)

    handles = [
        module.register_forward_hook(partial(hook, name=name))
        for name, module in network.named_modules()
        if isinstance(module, _ACTIVATIONS) or module._parameters.get("weight") is not None
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def window_of_rows(output: Tensor, axis: int, draws: torch.Generator) -> Tensor:
    """As many consecutive rows of a module's output as it has channels, [rows, channels]; all if there are fewer.

    A row is a position of an image. The window starts at a random row of a map, or at a random token.

    Args:
        output: [n, ...], with the channels along `axis`.
        axis: at least 1.
        draws: from which the window is drawn.
    """
    moved = output.movedim(axis, -1)
    channels = moved.shape[-1]
    per_image = moved[0].numel() // channels
    step = moved.shape[-2] if moved.dim() > 3 else 1
    spare = len(moved) * per_image - channels
    if spare <= 0:
        return moved.reshape(-1, channels).clone()
    start = step * int(torch.randint(spare // step + 1, (), generator=draws))
    first, last = start // per_image, (start + channels - 1) // per_image
    rows = moved[first : last + 1].reshape(-1, channels)
    return rows[start - first * per_image :][:channels].clone()


@contextmanager
def activation_rows(network: nn.Module, draws: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """The `window_of_rows` of each output of `module_outputs` in a forward pass inside, by the name of the module."""
    found: dict[str, Tensor] = {}

    def seen(name: str, output: Tensor, axis: int) -> None:
        found[name] = window_of_rows(output, axis, draws)

    with module_outputs(network, seen):
        yield found
