"""Architectures of a table without a search space, each given as a graph: operations on nodes, and edges.

The text form is JSON: {"edges":[[0,1]],"ops":["input","output"]}. Nothing is known about the set of architectures, so
there are no samples and no neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from predictors.arch import ArchGraph
from predictors.errors import InvalidGraph
from proxybench.errors import Unsupported
from proxybench.readers.json_text import parse_json
from proxybench.spaces.base import SearchSpace

_KEYS = {"attrs", "edges", "ops"}


class Graphs(SearchSpace):
    """Any directed acyclic graph with an operation on every node, and optional numeric attributes of nodes.

    Architectures with operations on edges are given as line graphs: a node for each operation.
    """

    name = "graphs"
    ops = ()
    source = "the user's own table"
    example = '{"edges":[[0,1],[1,2]],"ops":["input","conv3x3","output"]}'

    def _parse(self, text: str) -> ArchGraph:
        try:
            return _graph(parse_json(text.encode()))
        except (InvalidGraph, ValueError) as error:
            raise self.invalid(text, str(error)) from None

    def _respelled(self, text: str) -> None:
        """None: other spellings are refused, since only JSON shows that a name occurs twice."""

    def _text_of(self, value: Any) -> str | None:
        return json.dumps(value) if isinstance(value, Mapping) and set(value) <= _KEYS else None

    def format(self, arch: ArchGraph) -> str:
        """The graph as JSON, with sorted edges."""
        self.require(arch)
        fields: dict[str, Any] = {"edges": sorted(arch.edges), "ops": arch.ops}
        if arch.attrs:
            fields["attrs"] = dict(arch.attrs)
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """Raises Unsupported: the set of architectures is not known."""
        raise Unsupported("architectures given as graphs have no search space to draw from; use those of the table")

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """None: the set of architectures is not known."""
        return []


def _graph(fields: Any) -> ArchGraph:
    """Raises ValueError, which says what is wrong."""
    if not isinstance(fields, dict) or not {"edges", "ops"} <= set(fields) <= _KEYS:
        raise ValueError('expected {"ops": [...], "edges": [[i, j], ...]} and optionally "attrs"')
    ops = _list(fields["ops"], "ops")
    if not ops or not all(isinstance(op, str) and op for op in ops):
        raise ValueError("ops must be the operations of the nodes, at least one, as texts")
    edges = []
    for edge in _list(fields["edges"], "edges"):
        if not isinstance(edge, list) or len(edge) != 2 or any(type(node) is not int for node in edge):
            raise ValueError(f"edge {edge!r:.40} is not a pair of node numbers")
        edges.append((edge[0], edge[1]))
    attrs = fields.get("attrs", {})
    if not isinstance(attrs, dict):
        raise ValueError("attrs must be an object of lists with a number for each node")
    numbers = {name: tuple(map(_number, _list(values, name))) for name, values in attrs.items()}
    graph = ArchGraph(Graphs.name, tuple(ops), tuple(sorted(edges)), tuple(sorted(numbers.items())))
    _refuse_cycles(graph)
    return graph


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{what} is not a list")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise ValueError(f"{value!r:.40} is not a number")
    return float(value)


def _refuse_cycles(graph: ArchGraph) -> None:
    """Raise ValueError if the nodes cannot be ordered so that every edge leads forwards."""
    waiting = [0] * len(graph)
    followers: list[list[int]] = [[] for _ in range(len(graph))]
    for source, target in graph.edges:
        waiting[target] += 1
        followers[source].append(target)
    ready = [node for node, count in enumerate(waiting) if count == 0]
    ordered = 0
    while ready:
        ordered += 1
        for target in followers[ready.pop()]:
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    if ordered < len(graph):
        raise ValueError("the edges form a cycle; architectures are acyclic")
