"""Spaces whose networks are chains of stages: the graph input -> stage -> ... -> output with numeric attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from predictors.arch import ArchGraph


def chain_graph(space: str, stages: Sequence[str], attrs: Mapping[str, Sequence[float]]) -> ArchGraph:
    """Input, one node per stage, output; every attribute is 0 at input and output.

    Args:
        space: identifier of the search space.
        stages: operation label of each stage.
        attrs: name to one value per stage.
    """
    ops = ("input", *stages, "output")
    edges = tuple((node, node + 1) for node in range(len(ops) - 1))
    columns = tuple((name, (0.0, *map(float, values), 0.0)) for name, values in sorted(attrs.items()))
    return ArchGraph(space, ops, edges, columns)


def chain_attr(arch: ArchGraph, name: str) -> tuple[float, ...]:
    """The values of an attribute at the stages, without input and output; empty if the attribute is missing."""
    return dict(arch.attrs).get(name, ())[1:-1]
