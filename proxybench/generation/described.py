"""What a model's file says of the model, checked before anything of that size is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any

import msgspec
from torch import Tensor

from proxybench.generation.layout import Layout
from proxybench.generation.network import Architecture

MAX_NODES = 512  # the layout works on matrices of nodes by nodes
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
    """The layout that a file describes.

    Raises:
        ValueError: where it contradicts itself or is larger than any space needs.
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
        raise ValueError("the layout contradicts itself")
    return Layout.from_dict(described)


def sizes_of(described: Any, weights: Mapping[str, Tensor]) -> Architecture:
    """The sizes that a file describes, which are those of the weights in it.

    Raises:
        ValueError: where they are not, so that no network is made that is larger than its file.
    """
    sizes = msgspec.convert(described, Architecture)
    if unknown := set(described) - {field.name for field in fields(Architecture)}:
        raise ValueError(f"this version knows no {', '.join(sorted(unknown))[:80]} of a network")
    width = sizes.width
    expected = {"join.0.weight": (2 * width, width * sizes.layers)}
    for layer in range(min(sizes.layers, len(weights))):
        expected[f"layers.{layer}.project.weight"] = (3 * width, width)
        expected[f"layers.{layer}.mlp.0.weight"] = (sizes.feedforward, width)
    for name, shape in expected.items():
        if name not in weights or tuple(weights[name].shape) != shape:
            raise ValueError(f"the weights {name} are missing or not of shape {shape}")
    return sizes
