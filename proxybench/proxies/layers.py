"""The layers of a network: every weight of two or more dimensions that a module multiplies its input with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

_NOT_MULTIPLIED = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.RMSNorm)


@dataclass(frozen=True)
class Layer:
    """One weight of a network.

    Attributes:
        name: dotted name of the module, with the weight's own name where that is not `weight`.
        module: the module that owns the weight (convolution, linear, attention).
        weight: the parameter, two or more dimensions.
        shared: the other modules that own the same weight.
    """

    name: str
    module: nn.Module
    weight: nn.Parameter
    shared: tuple[nn.Module, ...] = ()


def find_layers(network: nn.Module) -> tuple[Layer, ...]:
    """Convolutions, linear layers and projections of attention, in the order in which they were registered.

    A weight that several modules share counts once, at the first.
    """
    found: dict[int, Layer] = {}
    for name, module in network.named_modules():
        if isinstance(module, _NOT_MULTIPLIED):
            continue
        for own, weight in module.named_parameters(recurse=False):
            if weight.dim() >= 2 and (own == "weight" or own.endswith("_weight")):
                full = name if own == "weight" else f"{name}.{own}".lstrip(".")
                first = found.get(id(weight))
                found[id(weight)] = (
                    Layer(full, module, weight) if first is None else replace(first, shared=(*first.shared, module))
                )
    return tuple(found.values())


def group_by_operation(layers: Sequence[Layer], operations: Sequence[str]) -> list[int]:
    """For each layer the position of the operation (a dotted module name) that holds it; the innermost, if several.

    Raises:
        ValueError: for a layer that lies in no operation.
    """
    position = {name: place for place, name in enumerate(operations)}
    groups = []
    for layer in layers:
        name = layer.name
        while name and name not in position:
            name = name.rpartition(".")[0]
        if name not in position:
            raise ValueError(f"layer {layer.name!r} lies in none of the network's operations")
        groups.append(position[name])
    return groups


def sum_over_operations(values: Tensor, groups: Sequence[int], operations: int) -> Tensor:
    """Values of layers, float64[layers], added up for each operation, float64[operations]."""
    summed = torch.zeros(operations, dtype=torch.float64)
    return summed.index_add_(0, torch.tensor(groups, dtype=torch.long), values.to(torch.float64).cpu())
