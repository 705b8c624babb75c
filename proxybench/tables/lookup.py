"""Finds the row of an architecture in a table: by text, graph, digest or index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from predictors.arch import ArchGraph
from predictors.errors import UnknownName
from proxybench.errors import AmbiguousArchitecture, NotMeasured
from proxybench.spaces import SearchSpace

if TYPE_CHECKING:
    from proxybench.tables.benchmark import Benchmark

Arch = ArchGraph | str | int
_DIGEST_LENGTH = 32


class ArchitectureRows:
    """The architectures of a table, and the row of each.

    Args:
        table: name of the table, for messages.
        space: the space that parses and formats the texts.
        archs: the architectures as text, in index order.
        digests: the space's digest of each.
    """

    def __init__(self, table: str, space: SearchSpace, archs: Sequence[str], digests: Sequence[str]) -> None:
        self._table = table
        self._space = space
        self._archs = archs
        self._digests = digests

    def index(self, arch: Arch) -> int:
        """The row of an architecture; arguments and errors as in `Benchmark.index`."""
        if isinstance(arch, str):
            return self._index_of_text(arch)
        if isinstance(arch, ArchGraph):
            return self._index_of_graph(arch)
        if isinstance(arch, bool) or not isinstance(arch, (int, np.integer)):
            raise TypeError(f"an architecture is an ArchGraph, text, digest or index, not {arch!r}")
        if not 0 <= arch < len(self._archs):
            raise IndexError(f"{self._table} has no index {arch}; indices run from 0 to {len(self._archs) - 1}")
        return int(arch)

    @cached_property
    def graphs(self) -> list[ArchGraph]:
        """The graph of every row."""
        return [self._space.parse(text) for text in self._archs]

    def _index_of_text(self, text: str) -> int:
        row = self._rows.get(text)
        if row is not None:
            return row
        if len(text) == _DIGEST_LENGTH and text.isalnum() and text.islower():
            return self._index_of_digest(text)
        return self._index_of_graph(self._space.parse(text))

    def _index_of_graph(self, arch: ArchGraph) -> int:
        row = self._graph_rows.get(arch)
        if row is None:
            row = self._rows.get(self._space.format(arch))
            if row is None:
                row = self._index_of_twin(arch)
            self._graph_rows[arch] = row
        return row

    def _index_of_twin(self, arch: ArchGraph) -> int:
        """The row of the same architecture in another node order; isomorphic ones with different text do not count."""
        for row in self._rows_by_digest.get(self._space.digest(arch), []):
            if self._space.parse(self._archs[row]).digest == arch.digest:
                return row
        raise NotMeasured(
            f"{self._table} does not hold {self._space.format(arch)}; it has {len(self._archs)} architectures"
        )

    def _index_of_digest(self, digest: str) -> int:
        rows = self._rows_by_digest.get(digest) or self._rows_by_graph_digest.get(digest, [])
        if not rows:
            raise NotMeasured(f"{self._table} holds no architecture with digest {digest}")
        if len(rows) > 1:
            shown = ", ".join(str(row) for row in rows[:8])
            raise AmbiguousArchitecture(
                f"{len(rows)} architectures of {self._table} share the digest {digest}: indices {shown}; "
                "query one of them by index or text"
            )
        return rows[0]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {arch: row for row, arch in enumerate(self._archs)}

    @cached_property
    def _graph_rows(self) -> dict[ArchGraph, int]:
        return {}

    @cached_property
    def _rows_by_digest(self) -> dict[str, list[int]]:
        return _group(self._digests)

    @cached_property
    def _rows_by_graph_digest(self) -> dict[str, list[int]]:
        return _group(arch.digest for arch in self.graphs)


def row_of_text(bench: Benchmark, text: str) -> int:
    """The row of an architecture as written on a command line: its text, its digest or its index.

    A number is an index unless it is also an architecture of the space.

    Raises:
        UnknownName: for a number outside the table.
        InvalidArchitecture, NotMeasured, AmbiguousArchitecture: as `Benchmark.index` does.
    """
    if not text.isdecimal() or text in bench:
        return bench.index(text)
    try:
        return bench.index(int(text))
    except IndexError:
        raise UnknownName(f"{bench.name} has no index {text}; indices run from 0 to {len(bench) - 1}") from None


def _group(digests: Iterable[str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, digest in enumerate(digests):
        rows.setdefault(digest, []).append(row)
    return rows
