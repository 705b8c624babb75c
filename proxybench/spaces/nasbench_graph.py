"""NAS-Bench-Graph: graph neural networks of 4 operations, each fed by the input or by one earlier operation.

Qin et al., "NAS-Bench-Graph: Benchmarking Graph Neural Architecture Search", NeurIPS 2022 datasets track.
The text "[0, 0, 1, 2]:gat,gcn,gin,skip" lists the source of each operation (0 is the input, k the k-th operation)
and then the operations; operations that feed no other operation are concatenated into the output. In the graph, node 0
is the input, nodes 1-4 are the operations and node 5 is the output.

Several texts can name the same network: operations can be listed in a different order, and most `skip` operations
change nothing. Every text is converted to the form under which the publishers list the network (see `_simplify`), so
that the 26,206 architectures of this space are 26,206 different graphs.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from itertools import permutations, product
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.base import EnumerableSpace
from proxybench.spaces.spelling import arguments, is_row

SKIP = "skip"
OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", SKIP)
NODES = 4
LINKS = (
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1, 1),
    (0, 0, 1, 2),
    (0, 0, 1, 3),
    (0, 1, 1, 1),
    (0, 1, 1, 2),
    (0, 1, 2, 2),
    (0, 1, 2, 3),
)
_TEXT = re.compile(r"\[([0-3]), ?([0-3]), ?([0-3]), ?([0-3])\]:([a-z]+),([a-z]+),([a-z]+),([a-z]+)", re.ASCII)

Cell = tuple[tuple[int, ...], tuple[int, ...]]  # source of each operation, and its position in OPERATIONS


class NASBenchGraph(EnumerableSpace):
    """26,206 graph neural networks in the order of the publishers' keys."""

    name = "nasbench-graph"
    ops = ("input", *OPERATIONS, "output")
    source = "Qin et al., NeurIPS 2022, https://openreview.net/forum?id=bBff294gqLp"
    example = "[0, 0, 1, 2]:gat,gcn,gin,fc"

    def __len__(self) -> int:
        return len(_keys())

    def __getitem__(self, index: int) -> ArchGraph:
        return self.from_key(_keys()[range(len(self))[index]])

    def index(self, arch: ArchGraph) -> int:
        return bisect_left(_keys(), self.published_key(arch))

    def published_key(self, arch: ArchGraph) -> int:
        """The integer key of `arch` in the published files: the position of its links, then 4 operations."""
        return _key(self._cell(arch))

    def from_key(self, key: int) -> ArchGraph:
        """The architecture of a published key. Raises InvalidArchitecture for a key that the files do not use."""
        position = bisect_left(_keys(), key)
        if position == len(_keys()) or _keys()[position] != key:
            raise self.invalid(key, "not a key of the published files")
        links, digits = divmod(key, 10**NODES)
        return self._graph((LINKS[links], tuple(int(digit) for digit in f"{digits:0{NODES}d}")))

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """All architectures that differ in one node's operation or in one node's source.

        All ways to write `arch` are considered, so an operation can also replace a skip that changes nothing, anywhere.
        The relation is symmetric.
        """
        cell = self._cell(arch)
        found = set()
        for link, ops in _writings()[cell]:
            changed = [(link, _replaced(ops, node, op)) for node in range(NODES) for op in range(len(OPERATIONS))]
            moved = (_replaced(link, node, source) for node in range(NODES) for source in range(node + 1))
            changed += [(other, ops) for other in moved if other in LINKS]
            found |= {_canonical(*other) for other in changed}
        return [self._graph(other) for other in sorted(other for other in found - {cell} if other is not None)]

    def format(self, arch: ArchGraph) -> str:
        link, ops = self._cell(arch)
        return f"{list(link)}:{','.join(OPERATIONS[op] for op in ops)}"

    def _parse(self, text: str) -> ArchGraph:
        match = _TEXT.fullmatch(text)
        if match is None:
            raise self.invalid(text, "not of the form [source, source, source, source]:op,op,op,op")
        link = tuple(int(source) for source in match.groups()[:NODES])
        names = match.groups()[NODES:]
        for node, source in enumerate(link):
            if source > node:
                raise self.invalid(text, f"operation {node + 1} takes {source}, which does not come before it")
        for name in names:
            if name not in OPERATIONS:
                raise self.invalid(text, f"operation {name!r} is not one of {', '.join(OPERATIONS)}")
        cell = _canonical(link, tuple(OPERATIONS.index(name) for name in names))
        if cell is None:
            raise self.invalid(text, "it has no operation other than skip")
        return self._graph(cell)

    def _text_of(self, value: Any) -> str | None:
        """(link, operations) as lists, or the publishers' object with these attributes."""
        parts = arguments(value, ("link", "ops"))
        if parts is None or not is_row(parts[0], int) or not is_row(parts[1], str):
            return None
        return f"{list(parts[0])}:{','.join(parts[1])}"

    def _graph(self, cell: Cell) -> ArchGraph:
        link, ops = cell
        output = NODES + 1
        edges = {(source, node) for node, source in enumerate(link, start=1)}
        edges |= {(node, output) for node in range(1, output) if node not in link}
        return ArchGraph(self.name, ("input", *(OPERATIONS[op] for op in ops), "output"), tuple(sorted(edges)))

    def _cell(self, arch: ArchGraph) -> Cell:
        self.require(arch)
        sources = {target: source for source, target in arch.edges if target <= NODES}
        link = tuple(sources.get(node, node) for node in range(1, NODES + 1))
        names = arch.ops[1:-1]
        if len(names) == NODES and set(names) <= set(OPERATIONS) and all(link[i] <= i for i in range(NODES)):
            cell = _canonical(link, tuple(OPERATIONS.index(name) for name in names))
            if cell is not None and self._graph(cell) == arch:
                return cell
        raise self.invalid(arch.ops, "not the canonical graph of a cell; use parse to get it")


@cache
def _writings() -> dict[Cell, list[Cell]]:
    """Every architecture, with the ways to write it on the nine link structures."""
    writings: dict[Cell, list[Cell]] = {}
    for link, ops in product(LINKS, product(range(len(OPERATIONS)), repeat=NODES)):
        cell = _canonical(link, ops)
        if cell is not None:
            writings.setdefault(cell, []).append((link, ops))
    return writings


@cache
def _keys() -> tuple[int, ...]:
    """The key of every architecture, ascending."""
    return tuple(sorted(map(_key, _writings())))


def _key(cell: Cell) -> int:
    link, ops = cell
    return int(f"{LINKS.index(link)}{''.join(map(str, ops))}")


def _canonical(link: tuple[int, ...], ops: tuple[int, ...]) -> Cell | None:
    """The form under which the publishers list a network; None if only skips are left."""
    skips = tuple(OPERATIONS[op] == SKIP for op in ops)
    if all(skips):
        return None
    simple, orders = _simplify(link, skips)
    prefix = (OPERATIONS.index(SKIP),) * (NODES - len(orders[0]))
    return simple, min(prefix + tuple(ops[node] for node in order) for order in orders)


@cache
def _simplify(link: tuple[int, ...], skips: tuple[bool, ...]) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """The canonical links of a network, and every order of its kept operations that gives these links.

    A skip changes nothing if it feeds another operation or is the only operation that its source feeds. The
    publishers also drop a skip from the input to the output, which would add the raw features to the learned ones.
    Dropped skips become a chain before all other operations, so that there are always four operations. The only skips
    kept lead to the output and share their source with another operation. Among the orders of the kept operations,
    those with the smallest links are used.
    """
    parent = {node + 1: source for node, source in enumerate(link)}
    while (idle := _idle_skip(parent, skips)) is not None:
        source = parent.pop(idle)
        parent = {node: source if above == idle else above for node, above in parent.items()}
    dropped = NODES - len(parent)
    by_links: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for order in permutations(parent):
        place = {0: dropped} | {node: dropped + rank for rank, node in enumerate(order, start=1)}
        if all(place[parent[node]] < place[node] for node in order):
            links = (*range(dropped), *(place[parent[node]] for node in order))
            by_links.setdefault(links, []).append(tuple(node - 1 for node in order))
    simple = min(by_links)
    return simple, tuple(by_links[simple])


def _idle_skip(parent: dict[int, int], skips: Sequence[bool]) -> int | None:
    """A skip that changes nothing, or None."""
    sources = list(parent.values())
    for node, source in parent.items():
        if skips[node - 1] and (node in sources or source == 0 or sources.count(source) == 1):
            return node
    return None


def _replaced(values: tuple[int, ...], position: int, value: int) -> tuple[int, ...]:
    return (*values[:position], value, *values[position + 1 :])
