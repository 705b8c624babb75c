"""Networks of one architecture with several seeds as one network that takes little more time than one of them.

Feature maps are [n, S * c, h, w], with each seed's channels contiguous, and tokens are [S, n, h, w, c]. Layers are
replaced by those of layers.py; the rest of a network is unchanged, because it works on each channel, or each image's
tokens, separately. Operations that join or cut channels of maps are done for each seed by `SeedAxis`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from proxybench.errors import ProxybenchError
from proxybench.networks.base import Network
from proxybench.networks.layers import FactorizedReduction
from proxybench.networks.vit import ChannelsFirst, ChannelsLast
from proxybench.training.layers import (
    StackedChannelsFirst,
    StackedChannelsLast,
    StackedConv,
    StackedLayer,
    StackedLinear,
    StackedNorm,
    StackedReduction,
    StackedTokenNorm,
    has_loops,
)
from proxybench.training.layouts import Layout
from proxybench.training.pools import StackedMaximum, StackedMean

_STACKED: dict[type[nn.Module], Callable[[Any, Layout], StackedLayer]] = {
    nn.Conv2d: StackedConv,
    nn.BatchNorm2d: StackedNorm,
    nn.AvgPool2d: StackedMean,
    nn.MaxPool2d: StackedMaximum,
    nn.Linear: StackedLinear,
    nn.LayerNorm: StackedTokenNorm,
    ChannelsLast: StackedChannelsLast,
    ChannelsFirst: StackedChannelsFirst,
}
_STACKED_IMAGES_LAST: dict[type[nn.Module], Callable[[Any, Layout], StackedLayer]] = {
    FactorizedReduction: StackedReduction,
}
_ALL = slice(None)
TOLERANCE = 1e-3  # of logits, relative to the largest


class SeedStack(nn.Module):
    """S networks that differ only in their weights.

    Args:
        networks: networks of one architecture; they are not modified.

    Attributes:
        seeds: S.
        layout: layout of feature maps: images last on the CPU and with depthwise convolutions.

    Raises:
        ProxybenchError: if a layer cannot be stacked, or if the networks mix channels in an unknown way.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        super().__init__()
        self.seeds = len(networks)
        convolutions = [module for module in networks[0].modules() if isinstance(module, nn.Conv2d)]
        depthwise = any(conv.groups == conv.in_channels > 1 for conv in convolutions)
        on_processor = has_loops(next(networks[0].parameters()))
        self.layout = Layout.IMAGES_LAST if depthwise or on_processor else Layout.CHANNELS_LAST
        stacked_as = _STACKED | (_STACKED_IMAGES_LAST if on_processor else {})
        self.network = copy.deepcopy(networks[0])
        modules = [dict(network.named_modules()) for network in networks]
        done: set[str] = set()
        for name, module in modules[0].items():
            if name.rpartition(".")[0] in done:  # a part of what is stacked as one
                continue
            if type(module) in stacked_as:
                try:
                    layer = stacked_as[type(module)]([other[name] for other in modules], self.layout)
                except TypeError as error:
                    raise ProxybenchError(f"cannot train several seeds at once: {name} is {error}") from error
                self.network.set_submodule(name, layer)
                done.add(name)
            elif any(True for _ in module.parameters(recurse=False)):
                raise ProxybenchError(f"cannot train several seeds at once: {name} is a {type(module).__name__}")
        _join_activations(self.network)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [S, n, classes] for images [n, S, channels, h, w]; each seed has its own images."""
        with SeedAxis(self.seeds):
            logits: Tensor = self.network(images.flatten(1, 2))
        return logits.view(len(logits), self.seeds, -1).transpose(0, 1)


def _join_activations(network: nn.Module) -> None:
    """Fuse a normalisation with the ReLU after it, and a convolution with the ReLU before it."""
    for sequence in list(network.modules()):
        if not isinstance(sequence, nn.Sequential) or type(sequence).forward is not nn.Sequential.forward:
            continue
        for name, follower in pairwise([name for name, _ in sequence.named_children()]):
            layer, behind = sequence.get_submodule(name), sequence.get_submodule(follower)
            if isinstance(layer, StackedNorm) and type(behind) is nn.ReLU:
                layer.rectified = True
                sequence.set_submodule(follower, nn.Identity())
            elif type(layer) is nn.ReLU and isinstance(behind, StackedConv):
                behind.rectified = True
                sequence.set_submodule(name, nn.Identity())


def stack(networks: Sequence[Network], images: Tensor) -> SeedStack:
    """Combine the networks into one and check that it gives the logits of each.

    Args:
        networks: networks of one architecture, in training mode.
        images: [n, channels, h, w], a few.

    Raises:
        ProxybenchError: as for SeedStack; also if the logits differ.
    """
    stacked = SeedStack(networks)
    with torch.no_grad():
        together = stacked.eval()(images[:, None].expand(-1, len(networks), -1, -1, -1))
        alone = torch.stack([network.eval()(images) for network in networks])
    for network in networks:
        network.train()
    limit = TOLERANCE * max(1.0, float(alone.abs().max()))
    if together.shape != alone.shape or not float((together - alone).abs().max()) <= limit:
        name = type(networks[0]).__name__
        raise ProxybenchError(f"cannot train several seeds at once: {name} mixes channels in an unknown way")
    return stacked.train()


class SeedAxis(TorchFunctionMode):
    """Inside this mode, channels of maps [n, S * c, h, w] are joined and cut separately for each of S seeds.

    The rest of these operations, and padding, works in memory order, so that results and gradients have the same
    layout as the maps.
    """

    def __init__(self, seeds: int) -> None:
        super().__init__()
        self.seeds = seeds

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.cat and (kwargs.get("dim", args[1] if len(args) > 1 else 0)) == 1:
            if len(args[0]) == 1:
                return args[0][0]
            layout = _layout_of(args[0][0])
            parts = [self._split(layout, maps) for maps in args[0]]
            axis = layout.order.index(1)
            return layout.logical(torch.cat(parts, axis + 1).flatten(axis, axis + 1))
        if func is Tensor.__getitem__ and args[0].dim() == 4 and _cuts(args[1]):
            return self._cut(args[0], (*args[1], _ALL, _ALL)[1:4])
        if func is nn.functional.pad and args[0].dim() == 4 and len(args[1]) == 4 and _zeros(kwargs):
            layout = _layout_of(args[0])
            return layout.logical(func(layout.physical(args[0]), (0, 0, *args[1])))
        return func(*args, **kwargs)

    def _split(self, layout: Layout, maps: Tensor) -> Tensor:
        split: Tensor = layout.physical(maps).unflatten(layout.order.index(1), (self.seeds, -1))  # type: ignore[no-untyped-call]
        return split

    def _cut(self, maps: Tensor, keys: Sequence[slice]) -> Tensor:
        layout = _layout_of(maps)
        channels, height, width = keys
        each = maps.shape[1] // self.seeds
        every = channels.indices(each) == (0, each, 1)
        if every and height == width == _ALL:
            return maps
        physical = layout.physical(maps)
        if not every:
            axis = layout.order.index(1)
            physical = self._split(layout, maps)[(*[_ALL] * (axis + 1), channels)].flatten(axis, axis + 1)
        return layout.logical(physical[:, height, width])


def _cuts(key: Any) -> bool:
    """Whether a key takes slices of channels or pixels and all images."""
    return isinstance(key, tuple) and 2 <= len(key) <= 4 and key[0] == _ALL and all(isinstance(k, slice) for k in key)


def _zeros(kwargs: dict[str, Any]) -> bool:
    """Whether these arguments mean padding with zeros."""
    return kwargs.get("mode", "constant") == "constant" and not kwargs.get("value")


def _layout_of(maps: Tensor) -> Layout:
    return Layout.IMAGES_LAST if maps.stride(0) == 1 < maps.shape[0] else Layout.CHANNELS_LAST
