"""The layers of a network: every weight of two or more dimensions by which it multiplies its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from proxybench.proxies.linear_maps import LinearMaps

_NOT_MULTIPLIED = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.RMSNorm)
MULTIPLIED = (_ConvNd, nn.Linear, nn.MultiheadAttention)  # modules that multiply their input by a weight
_ELEMENTWISE = (nn.LayerNorm, nn.RMSNorm)


@dataclass(frozen=True)
class Layer:
    """One weight of a network.

    Attributes:
        name: dotted name of the module, with the weight's own name if that is not `weight`.
        module: the module that owns the weight (convolution, linear, attention).
        weight: the parameter, with two or more dimensions.
        shared: the other modules that own the same weight.
        convolution: whether the weight is the kernel of a convolution.
    """

    name: str
    module: nn.Module
    weight: nn.Parameter
    shared: tuple[nn.Module, ...] = ()
    convolution: bool = False

    @property
    def values(self) -> Tensor:
        """The detached weight; a complex one as pairs of real numbers in an extra last dimension."""
        return as_real(self.weight.detach())


def as_real(tensor: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers in an extra last dimension; any other tensor unchanged."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def find_layers(network: nn.Module, maps: LinearMaps | None = None) -> tuple[Layer, ...]:
    """The weights by which a network multiplies its features, in registration order.

    These are the weights of convolutions, linear layers and attention, and all parameters of two or more dimensions
    that `maps` saw in a linear map. An embedding looks up rows and multiplies nothing, so its weight is a layer only
    if it also takes part in a product, as in a language model that shares it with its last layer. A weight shared by
    several modules counts once, at the first.

    Args:
        network: any module.
        maps: what a forward pass does with the parameters. Without it, weights of modules unknown to torch are
            recognised as layers by their names, `weight` or `..._weight`.
    """
    found: dict[int, Layer] = {}
    for name, module in network.named_modules():
        if not module._parameters:
            continue
        for own, weight in module.named_parameters(recurse=False):
            if weight.dim() < 2 or not _is_layer(module, own, weight, maps):
                continue
            full = name if own == "weight" else f"{name}.{own}".lstrip(".")
            first = found.get(id(weight))
            if first is not None:
                found[id(weight)] = replace(first, shared=(*first.shared, module))
            else:
                convolved = isinstance(module, _ConvNd) or (maps is not None and id(weight) in maps.convolved)
                found[id(weight)] = Layer(full, module, weight, convolution=convolved)
    return tuple(found.values())


def _is_layer(module: nn.Module, own: str, weight: nn.Parameter, maps: LinearMaps | None) -> bool:
    named = own == "weight" or own.endswith("_weight")
    if maps is not None:
        return id(weight) in maps.multiplied or (named and isinstance(module, MULTIPLIED))
    return named and not isinstance(module, _NOT_MULTIPLIED)


def are_known(network: nn.Module) -> bool:
    """Whether all weights of `network` belong to torch modules whose type says what is multiplied."""
    return all(
        (isinstance(module, MULTIPLIED) and (own == "weight" or own.endswith("_weight")))
        or type(module) in _ELEMENTWISE
        for module in network.modules()
        if module._parameters  # most modules have none, and asking them takes a while
        for own, weight in module.named_parameters(recurse=False)
        if weight.dim() >= 2
    )


def operations_of(network: nn.Module, layers: Sequence[Layer]) -> tuple[tuple[str, ...], list[int]]:
    """The names of a network's operations, and for each layer the position of the operation that contains it.

    `network.operations` is used if it is a tuple of names of modules that together contain all layers; a network may
    use the attribute for something else. Otherwise each layer is an operation.
    """
    named = module_names(network, "operations")
    if named:
        try:
            return named, group_by_operation(layers, named)
        except ValueError:
            pass
    return tuple(layer.name for layer in layers), list(range(len(layers)))


def module_names(network: nn.Module, attribute: str) -> tuple[str, ...]:
    """The attribute if it is a tuple of distinct dotted names of modules of the network, otherwise ()."""
    try:
        named = getattr(network, attribute, None)
    except Exception:  # a property of the network, which may need something that is not set up yet
        return ()
    if not isinstance(named, tuple) or not all(isinstance(name, str) for name in named):
        return ()
    known = dict(network.named_modules())
    return named if len(set(named)) == len(named) and all(name in known for name in named) else ()


def group_by_operation(layers: Sequence[Layer], operations: Sequence[str]) -> list[int]:
    """For each layer the position of the innermost operation (a dotted module name) that contains it.

    Raises:
        ValueError: if a layer belongs to no operation.
    """
    position = {name: place for place, name in enumerate(operations)}
    groups = []
    for layer in layers:
        name = layer.name
        while name and name not in position:
            name = name.rpartition(".")[0]
        if name not in position:
            raise ValueError(f"layer {layer.name!r} belongs to none of the network's operations")
        groups.append(position[name])
    return groups


def sum_over_operations(values: Tensor, groups: Sequence[int], operations: int) -> Tensor:
    """Values of layers, float64[layers], summed by operation, float64[operations]."""
    summed = torch.zeros(operations, dtype=torch.float64)
    return summed.index_add_(0, torch.tensor(groups, dtype=torch.long), values.to(torch.float64).cpu())
