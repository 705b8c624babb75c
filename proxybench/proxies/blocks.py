"""Feature maps between the building blocks of any torch module, named by the network or found automatically."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from proxybench.proxies.layers import Layer, find_layers, module_names

_CONTAINERS = (nn.Sequential, nn.ModuleList)


def block_names(network: nn.Module, layers: Sequence[Layer] | None = None) -> tuple[str, ...]:
    """Dotted names of the building blocks of `network`, in registration order.

    If the network names its blocks (`blocks`, a tuple of dotted module names), these are used. Otherwise the blocks are
    the outermost modules with weight layers among the entries of lists and plain sequences: `layer1.0` of a ResNet,
    `features.3` of a MobileNet, `encoder.layers.2` of a transformer. A plain sequence that is itself an entry is a
    block if its own entries are single layers; otherwise its entries are inspected. If that gives fewer than two
    blocks, every convolution, linear layer and attention module is a block.

    Args:
        network: any module.
        layers: its weight layers; those of `find_layers` by default.
    """
    named = module_names(network, "blocks")
    if named:
        return named
    layers = find_layers(network) if layers is None else layers
    owners = {id(owner) for layer in layers for owner in (layer.module, *layer.shared)}
    found = tuple(_entries("", network, owners, listed=False))
    if len(found) >= 2:
        return found
    modules = {id(layer.module) for layer in layers}
    return tuple(name for name, module in network.named_modules() if id(module) in modules)


def _entries(name: str, module: nn.Module, owners: Set[int], *, listed: bool) -> Iterator[str]:
    """The blocks within `module`; `listed`: it is an entry of a container; `owners`: the modules with weight layers."""
    children = list(module.named_children())
    container = type(module) in _CONTAINERS
    if listed and not any(id(inner) in owners for inner in module.modules()):
        return
    if listed and (not container or not any(_is_composite(child, owners) for _, child in children)):
        yield name
        return
    for own, child in children:
        yield from _entries(f"{name}.{own}".lstrip("."), child, owners, listed=container)


def _is_composite(module: nn.Module, owners: Set[int]) -> bool:
    """Whether submodules of `module` contain weight layers."""
    return any(id(inner) in owners for inner in module.modules() if inner is not module)


@dataclass(frozen=True)
class FeatureMap:
    """The output of a block.

    Attributes:
        block: name of the block; "input of NAME" for the input of the first one.
        tensor: the output itself, still in the autograd graph: a map [n, c, h, w], tokens [n, t, c] or
            vectors [n, c].
    """

    block: str
    tensor: Tensor


def channels_first(tensor: Tensor) -> Tensor:
    """A map [n, c, h, w], tokens [n, t, c] or vectors [n, c] as [n, c, h, w], with w = 1 or h = w = 1."""
    if tensor.dim() == 3:
        tensor = tensor.movedim(-1, 1)
    return tensor.reshape(*tensor.shape, *[1] * (4 - tensor.dim()))


@contextmanager
def feature_maps(network: nn.Module, layers: Sequence[Layer] | None = None) -> Iterator[list[FeatureMap]]:
    """Until the context ends, collect the outputs of the blocks of `network` in a forward pass, in call order.

    If the network does not name its blocks, the list starts with the input of the first block (the stem's output),
    unless that is the image. When the context ends, vectors are dropped if there are maps or tokens.
    """
    maps: list[FeatureMap] = []
    images: list[Any] = []
    names = block_names(network, layers)

    def produced(name: str, value: Any) -> None:
        tensor = value[0] if isinstance(value, tuple | list) and value else value
        if isinstance(tensor, Tensor) and tensor.is_floating_point() and 2 <= tensor.dim() <= 4:
            maps.append(FeatureMap(name, tensor))

    handles = [network.register_forward_pre_hook(lambda _, inputs: images.extend(inputs))]
    if names and not module_names(network, "blocks"):

        def entered(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            if not maps and inputs and not any(inputs[0] is image for image in images):
                produced(f"input of {names[0]}", inputs[0])

        handles.append(network.get_submodule(names[0]).register_forward_pre_hook(entered))
    for name in names:

        def left(module: nn.Module, inputs: tuple[Any, ...], output: Any, name: str = name) -> None:
            produced(name, output)

        handles.append(network.get_submodule(name).register_forward_hook(left))
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()
    if any(feature.tensor.dim() > 2 for feature in maps):
        maps[:] = [feature for feature in maps if feature.tensor.dim() > 2]
