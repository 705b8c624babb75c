"""NAS-Bench-101: cells with up to 7 vertices and 9 edges and one of 3 operations on each internal vertex.

Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019. There are 423,624 different
cells. The text form is the adjacency matrix, row by row as '0' and '1', a colon and the operations:
"0100:input,output".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from math import isqrt
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.base import EnumerableSpace
from proxybench.spaces.nasbench101_cells import CELLS, packed, packed_hashes, shipped_cells
from proxybench.spaces.nasbench101_enumeration import MAX_EDGES, MAX_VERTICES
from proxybench.spaces.nasbench101_graph import Cell, Edge, changes, pruned
from proxybench.spaces.nasbench101_hash import OPERATIONS, cell_hash, cell_hashes
from proxybench.spaces.spelling import arguments, is_row

# All cells have 2,493 graphs and 364 lists of operations, so parsed cells share them: a table of all cells fits in
# memory, and is parsed in seconds.
_GRAPHS = 4096
_LISTS = 1024
_LONGEST = 7 * 16  # characters of a list of operations
_MANY = 1000  # texts for which it pays off to read the list of all cells
_TEXT = re.compile(r"([01]+):([a-z0-9,-]+)", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{32}", re.ASCII)


class NASBench101(EnumerableSpace):
    """423,624 cells in the order of their official MD5 hashes.

    `parse` also accepts a hash. It prunes vertices that are not on a path from input to output; the limits apply to the
    pruned cell, as in the official `ModelSpec`. Cells that differ only in the numbering of their vertices have
    different texts and graphs but the same hash, digest and index; `space[index]` has a fixed numbering.
    """

    name = "nasbench101"
    ops = ("input", *OPERATIONS, "output")
    source = "Ying et al., ICML 2019, https://proceedings.mlr.press/v97/ying19a.html"
    example = "010001000:input,conv3x3-bn-relu,output"
    shuffled = True  # the order of hashes is random

    def __len__(self) -> int:
        return CELLS

    def __getitem__(self, index: int) -> ArchGraph:
        """The cell at `index`. Raises DataNotAvailable if the shipped list of cells is missing."""
        return self._arch(shipped_cells().cell(range(CELLS)[index]))

    def index(self, arch: ArchGraph) -> int:
        row = shipped_cells().find(self.hash(arch))
        if row is None:
            raise self.invalid(arch.ops, "its hash is not in the list of all cells")
        return row

    def hash(self, arch: ArchGraph) -> str:
        """The official MD5 hash of the cell, 32 hexadecimal digits."""
        self._require_cell(arch)
        return cell_hash(arch.ops, arch.edges)

    def digest(self, arch: ArchGraph) -> str:
        """The official MD5 hash: equal for isomorphic cells."""
        return self.hash(arch)

    def digests(self, archs: Sequence[ArchGraph]) -> list[str]:
        for arch in archs:
            self._require_cell(arch)
        return cell_hashes([(arch.ops, arch.edges) for arch in archs])

    def digests_of_texts(self, texts: Sequence[str]) -> list[str]:
        import numpy as np

        numbers = [_numbers_of(text) for text in texts]
        if 0 in {graph for graph, _ in numbers}:
            return super().digests_of_texts(texts)
        graphs, codes = np.array(numbers, dtype=np.int64).reshape(-1, 2).T
        hashed = shipped_cells().hashes_of if len(texts) >= _MANY else packed_hashes
        hashes = hashed(graphs, codes).tobytes().hex()
        return [hashes[start : start + 32] for start in range(0, len(hashes), 32)]

    def from_hashes(self, hashes: Sequence[str]) -> list[ArchGraph]:
        """The cells with these official hashes; much faster than parsing them one by one.

        Raises:
            InvalidArchitecture: for the first hash that does not belong to a cell.
        """
        for digest in hashes:
            if not isinstance(digest, str) or _HASH.fullmatch(digest) is None:
                raise self.invalid(digest, "not a hash of 32 lower-case hexadecimal digits")
        table = shipped_cells()
        rows = table.find_all(hashes)
        if (rows < 0).any():
            raise self.invalid(hashes[int((rows < 0).argmax())], "the hash of no cell")
        return [self._arch(table.cell(row)) for row in rows.tolist()]

    def canonical(self, archs: Sequence[ArchGraph]) -> list[ArchGraph]:
        """The same cells with the vertex numbering of `space[index]`."""
        return self.from_hashes(self.digests(archs))

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """All cells one elementary change away, in the order of their hashes.

        A change replaces the operation of a vertex, removes an edge (and whatever that cuts off), adds an edge without
        creating a cycle, or inserts a vertex with one incoming and one outgoing edge. The set of cells does not depend
        on the numbering of the vertices.
        """
        own = self.hash(arch)
        cells = {cell_hash(*cell): cell for cell in dict.fromkeys(changes(arch.ops, arch.edges))}
        cells.pop(own, None)
        return [self._arch(cells[digest]) for digest in sorted(cells)]

    def _parse(self, text: str) -> ArchGraph:
        if _HASH.fullmatch(text) is not None:
            table = shipped_cells()
            row = table.find(text)
            if row is None:
                raise self.invalid(text, "the hash of no cell")
            return self._arch(table.cell(row))
        match = _TEXT.fullmatch(text)
        if match is None:
            raise self.invalid(text, "neither ADJACENCY:OPERATIONS nor a hash of 32 hexadecimal digits")
        edges, ops = _connected(match[1]), _listed(match[2])
        if edges is not None and ops is not None and len(ops) ** 2 == len(match[1]):
            return ArchGraph.unchecked(self.name, ops, edges)
        return self._cell(text, match[1], match[2].split(","))

    def _text_of(self, value: Any) -> str | None:
        """(matrix, operations) as lists or arrays, or an object or call with `matrix` and `ops`, such as ModelSpec."""
        parts = arguments(value, ("matrix", "ops")) or arguments(value, ("module_adjacency", "module_operations"))
        if parts is None or not is_row(parts[1], str) or not is_row(parts[0], tuple):
            return None
        entries = [entry for row in parts[0] for entry in row]
        square = all(len(row) == len(parts[0]) for row in parts[0])
        if not square or not all(isinstance(entry, bool | int | float) and entry in (0, 1) for entry in entries):
            return None
        return f"{''.join(str(int(entry)) for entry in entries)}:{','.join(parts[1])}"

    def _cell(self, text: str, bits: str, ops: list[str]) -> ArchGraph:
        vertices = isqrt(len(bits))
        if vertices < 2 or vertices * vertices != len(bits):
            raise self.invalid(text, f"{len(bits)} matrix entries are not a square matrix of 2 or more vertices")
        if len(ops) != vertices:
            raise self.invalid(text, f"{len(ops)} operations for {vertices} vertices")
        if ops[0] != "input" or ops[-1] != "output":
            raise self.invalid(text, "the first operation must be input and the last output")
        for op in ops[1:-1]:
            if op not in OPERATIONS:
                raise self.invalid(text, f"operation {op!r} is not one of {', '.join(OPERATIONS)}")
        edges = [divmod(position, vertices) for position, bit in enumerate(bits) if bit == "1"]
        if any(source >= target for source, target in edges):
            raise self.invalid(text, "the matrix is not upper-triangular")
        cell = pruned(ops, edges)
        if cell is None:
            raise self.invalid(text, "no path leads from input to output")
        if len(cell[0]) > MAX_VERTICES or len(cell[1]) > MAX_EDGES:
            limits = f"more than {MAX_VERTICES} vertices or {MAX_EDGES} edges"
            raise self.invalid(text, f"{len(cell[0])} connected vertices and {len(cell[1])} edges, {limits}")
        return self._arch(cell)

    def format(self, arch: ArchGraph) -> str:
        self._require_cell(arch)
        return f"{_matrix(len(arch), arch.edges)}:{','.join(arch.ops)}"

    def _arch(self, cell: Cell) -> ArchGraph:
        return ArchGraph(self.name, *cell)

    def _require_cell(self, arch: ArchGraph) -> None:
        """Raise InvalidArchitecture unless `arch` is a pruned cell with its vertices in topological order."""
        self.require(arch)
        fits = _are_operations(arch.ops) and _is_pruned(len(arch), arch.edges) and not arch.attrs
        if not fits:
            raise self.invalid(f"<graph of {len(arch)} nodes>", "not a pruned cell in topological order")


def _connected(bits: str) -> tuple[Edge, ...] | None:
    """The edges of a matrix that needs no pruning and is within the limits; None for any other."""
    return _edges(bits) if len(bits) <= MAX_VERTICES**2 else None


@lru_cache(_GRAPHS)
def _edges(bits: str) -> tuple[Edge, ...] | None:
    vertices = isqrt(len(bits))
    edges = [divmod(position, vertices) for position, bit in enumerate(bits) if bit == "1"]
    if vertices < 2 or vertices**2 != len(bits) or len(edges) > MAX_EDGES:
        return None
    if any(source >= target for source, target in edges):
        return None
    cell = pruned([""] * vertices, edges)
    return cell[1] if cell is not None and len(cell[0]) == vertices else None


def _numbers_of(text: str) -> tuple[int, int]:
    """The packed graph and operations of a cell's own text; (0, 0) for texts that need more than a look."""
    bits, _, listed = text.partition(":")
    if len(bits) > MAX_VERTICES**2 or len(listed) > _LONGEST:
        return 0, 0
    vertices, graph = _packed_graph(bits)
    length, code = _packed_operations(listed)
    return (graph, code) if 0 < vertices == length else (0, 0)


@lru_cache(_GRAPHS)
def _packed_graph(bits: str) -> tuple[int, int]:
    """The number of vertices and the packed graph of a matrix; zeros if it is not that of a pruned cell."""
    edges, vertices = _edges(bits), isqrt(len(bits))
    if edges is None or not set(bits) <= {"0", "1"}:
        return 0, 0
    return vertices, packed(("input", *[OPERATIONS[0]] * (vertices - 2), "output"), edges)[0]


@lru_cache(_LISTS)
def _packed_operations(text: str) -> tuple[int, int]:
    """The number and the packed code of the operations in a text; zeros if they are not those of a cell."""
    ops = _operations(text)
    return (0, 0) if ops is None else (len(ops), packed(ops, ())[1])


def _listed(text: str) -> tuple[str, ...] | None:
    return _operations(text) if len(text) <= _LONGEST else None


@lru_cache(_LISTS)
def _operations(text: str) -> tuple[str, ...] | None:
    """The operations of a text; None if they are not those of a cell."""
    ops = tuple(text.split(","))
    return ops if _are_operations(ops) else None


@lru_cache(_LISTS)
def _are_operations(ops: tuple[str, ...]) -> bool:
    return len(ops) >= 2 and (ops[0], ops[-1]) == ("input", "output") and set(ops[1:-1]) <= set(OPERATIONS)


@lru_cache(_GRAPHS)
def _is_pruned(vertices: int, edges: tuple[Edge, ...]) -> bool:
    """Whether the edges are those of a cell within the limits, sorted, that has no vertex to prune."""
    last = vertices - 1
    return (
        1 <= last < MAX_VERTICES
        and len(edges) <= MAX_EDGES
        and all(source < target for source, target in edges)
        and edges == tuple(sorted(edges))
        and {source for source, _ in edges} == set(range(last))
        and {target for _, target in edges} == set(range(1, last + 1))
    )


@lru_cache(_GRAPHS)
def _matrix(vertices: int, edges: tuple[Edge, ...]) -> str:
    """The adjacency matrix of a cell as it is written in a text, row by row."""
    present = set(edges)
    return "".join("01"[(source, target) in present] for source in range(vertices) for target in range(vertices))
