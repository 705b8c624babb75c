"""The description of a model in its file, checked before anything of that size is allocated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any

import msgspec
from torch import Tensor

from proxybench.generation.layout import Layout
from proxybench.generation.network import Architecture

MAX_NODES = 512  # the layout uses nodes x nodes matrices
MAX_COLUMNS = 4096

_Node = Annotated[int, msgspec.Meta(ge=0, lt=MAX_NODES)]
_Values = list[tuple[str, Annotated[list[float], msgspec.Meta(max_length=MAX_COLUMNS)]]]


class _Layout(msgspec.Struct, forbid_unknown_fields=True):
    """The form of `Layout.as_dict`."""

    space: str
    nodes: Annotated[int, msgspec.Meta(ge=1, le=MAX_NODES)]
    ops: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MAX_COLUMNS)]
    attributes: _Values
    constants: _Values
    fixed: list[tuple[_Node, _Node]]
    free: list[tuple[_Node, _Node]]
    in_degrees: list[Annotated[int, msgspec.Meta(ge=-1, le=MAX_NODES)]]
    most: Annotated[int, msgspec.Meta(ge=0)]


def layout_of(described: Any) -> Layout:
    """The layout described in a file.

    Raises:
        ValueError: if it is inconsistent or larger than any space needs.
    """
    said = msgspec.convert(described, _Layout)
    edges = [*said.fixed, *said.free]
    if (
        len(said.in_degrees) != said.nodes
        or said.most > len(said.free)
        or len(set(edges)) != len(edges)
        or any(node >= said.nodes for edge in edges for node in edge)
        or any(len(values) != said.nodes for _, values in said.constants)
        or len(said.attributes) + len(said.constants) > MAX_COLUMNS
    ):
        raise ValueError("the layout is inconsistent")
    return Layout.from_dict(described)


def sizes_of(described: Any, weights: Mapping[str, Tensor]) -> Architecture:
    """The network sizes described in a file, checked against its weights.

    Raises:
        ValueError: if they disagree with the weights, so that no network larger than its file is created.
    """
    sizes = msgspec.convert(described, Architecture)
    if unknown := set(described) - {field.name for field in fields(Architecture)}:
        raise ValueError(f"unknown network sizes: {', '.join(sorted(unknown))[:80]}")
    width = sizes.width
    expected = {"join.0.weight": (2 * width, width * sizes.layers)}
    for layer in range(min(sizes.layers, len(weights))):
        expected[f"layers.{layer}.project.weight"] = (3 * width, width)
        expected[f"layers.{layer}.mlp.0.weight"] = (sizes.feedforward, width)
    for name, shape in expected.items():
        if name not in weights or tuple(weights[name].shape) != shape:
            raise ValueError(f"the weights {name} are missing or do not have shape {shape}")
    return sizes
