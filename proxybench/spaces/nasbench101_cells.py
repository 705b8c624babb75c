"""The shipped list of all NAS-Bench-101 cells in the order of their hashes: writing, reading and look-up.

For each cell the file contains the first 40 bits of its MD5 hash (enough to distinguish all 423,624), its graph
(number of vertices and bit mask of the upper triangle) and its operations (a number in base 3). A look-up computes
the full hash of the cell it finds, so it is exact. `python -m proxybench.spaces.nasbench101_cells OUTPUT` rebuilds
the file from the enumeration.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.files import replacing
from proxybench.resources import data_path
from proxybench.spaces.nasbench101_enumeration import MAX_VERTICES, cells, digit_weights, unpacked, vertex_pairs
from proxybench.spaces.nasbench101_hash import OPERATIONS, cell_hash, hash_cells

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CELLS = 423_624
FILE = "tables/nasbench101_cells.parquet"
_PREFIX_BYTES = 5
_MASK_BITS = 21  # bits of the upper triangle of 7 vertices; the number of vertices is stored above them


@dataclass(frozen=True)
class CellTable:
    """All cells in the order of their hashes.

    Attributes:
        prefixes: int64[n], the first 40 bits of the hash, ascending.
        graphs: int32[n], vertices << 21 | upper-triangular mask.
        codes: uint8[n], operations of the internal vertices in base 3, vertex 1 as the highest digit.
    """

    prefixes: NDArray[np.int64]
    graphs: NDArray[np.int32]
    codes: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.prefixes)

    def cell(self, row: int) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
        """Operations and edges of the cell in a row."""
        vertices, edges = _graph(int(self.graphs[row]))
        return _operations(vertices, int(self.codes[row])), edges

    def text(self, row: int) -> str:
        """The text form of the cell in a row: adjacency matrix, colon, operations."""
        packed = int(self.graphs[row])
        return f"{_matrix(packed)}:{','.join(_operations(packed >> _MASK_BITS, int(self.codes[row])))}"

    def find(self, digest: str) -> int | None:
        """The row of the cell with this hash (32 hexadecimal digits), or None if it is unknown."""
        import numpy as np

        row = int(np.searchsorted(self.prefixes, int(digest[: 2 * _PREFIX_BYTES], 16)))
        return row if row < len(self) and cell_hash(*self.cell(row)) == digest else None

    def find_all(self, digests: Sequence[str]) -> NDArray[np.int64]:
        """The row of each hash, int64[len(digests)]; -1 for an unknown hash."""
        import numpy as np

        wanted = np.frombuffer(bytes.fromhex("".join(digests)), dtype=np.uint8).reshape(-1, 16)
        rows = np.minimum(np.searchsorted(self.prefixes, prefixes_of(wanted)), len(self) - 1)
        distinct, row_of = np.unique(rows, return_inverse=True)
        return np.where((self.hashes(distinct)[row_of.ravel()] == wanted).all(axis=1), rows, -1)

    def hashes(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The full hashes of the cells in these rows, uint8[len(rows), 16]; each is computed once and then kept."""
        kept, known = self._hashes
        new = rows[~known[rows]]
        if len(new):
            kept[new] = packed_hashes(self.graphs[new], self.codes[new])
            known[new] = True
        return kept[rows]

    def hashes_of(self, graphs: NDArray[np.int64], codes: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The full hashes of packed cells, uint8[n, 16]; kept ones where a cell is numbered as in this table."""
        import numpy as np

        keys, rows = self._places
        wanted = graphs << 8 | codes
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        listed = keys[place] == wanted
        hashes = np.empty((len(wanted), 16), dtype=np.uint8)
        hashes[listed] = self.hashes(rows[place[listed]])
        hashes[~listed] = packed_hashes(graphs[~listed], codes[~listed])
        return hashes

    @cached_property
    def _hashes(self) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Room for the hash of each row, uint8[n, 16], and whether it is known, bool[n]."""
        import numpy as np

        return np.empty((len(self), 16), dtype=np.uint8), np.zeros(len(self), dtype=bool)

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Graph and operations of each cell as one number, ascending, and the row of each, int64[n]."""
        import numpy as np

        keys = self.graphs.astype(np.int64) << 8 | self.codes
        rows = np.argsort(keys)
        return keys[rows], rows


def packed(ops: Sequence[str], edges: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The graph and the operations of a pruned cell as the two numbers stored in the table."""
    vertices = len(ops)
    mask = sum(1 << bit for bit, pair in enumerate(vertex_pairs(vertices)) if pair in edges)
    weights = digit_weights(vertices)
    code = sum(OPERATIONS.index(op) * weight for op, weight in zip(ops[1:-1], weights, strict=True))
    return vertices << _MASK_BITS | mask, code


def packed_hashes(graphs: NDArray[np.integer], codes: NDArray[np.integer]) -> NDArray[np.uint8]:
    """The full hashes of packed cells, uint8[n, 16]."""
    import numpy as np

    graphs, codes = graphs.astype(np.int64), codes.astype(np.int64)
    hashes = np.empty((len(graphs), 16), dtype=np.uint8)
    for vertices in range(2, MAX_VERTICES + 1):
        here = graphs >> _MASK_BITS == vertices
        masks = graphs[here] & (2**_MASK_BITS - 1)
        hashes[here] = hash_cells(*unpacked(masks, codes[here], vertices))
    return hashes


@lru_cache(maxsize=4096)
def _graph(packed: int) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The number of vertices and the edges of a packed graph; the cells have 2,493 different ones."""
    vertices = packed >> _MASK_BITS
    return vertices, tuple(sorted(pair for bit, pair in enumerate(vertex_pairs(vertices)) if packed >> bit & 1))


@lru_cache(maxsize=4096)
def _matrix(packed: int) -> str:
    vertices, edges = _graph(packed)
    return "".join("01"[(row, column) in edges] for row in range(vertices) for column in range(vertices))


@lru_cache(maxsize=4096)
def _operations(vertices: int, code: int) -> tuple[str, ...]:
    inner = (OPERATIONS[code // weight % 3] for weight in digit_weights(vertices))
    return ("input", *inner, "output")


def prefixes_of(digests: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The first 40 bits of each digest, uint8[n, 16] -> int64[n]."""
    import numpy as np

    prefixes = np.zeros(len(digests), dtype=np.int64)
    for byte in range(_PREFIX_BYTES):
        prefixes = prefixes << 8 | digests[:, byte]
    return prefixes


@cache
def shipped_cells() -> CellTable:
    """The table in the `data` folder.

    Raises:
        DataNotAvailable: if the file is missing; the message names the command that writes it.
        CorruptData: if the file is not this table.
    """
    return read_cells(Path(str(data_path(FILE))))


def read_cells(path: Path) -> CellTable:
    """Read a table that `write_cells` wrote. Raises as `shipped_cells` does."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise DataNotAvailable(
            f"the list of NAS-Bench-101 cells is missing at {path}; "
            f"run: {Path(sys.executable).name} -m proxybench.spaces.nasbench101_cells {path}"
        )
    try:
        with pq.ParquetFile(path) as file:  # unlike read_table this loads neither pyarrow.dataset nor pandas
            columns = file.read(columns=["prefix", "graph", "ops"], use_threads=False).combine_chunks()
        if columns.schema.types != [pa.int64(), pa.int32(), pa.uint8()] or any(c.null_count for c in columns.columns):
            raise ValueError("other column types")
        buffers = [column.chunk(0).buffers()[1] for column in columns.columns]
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        raise CorruptData(f"{path}: not the list of NAS-Bench-101 cells ({str(error)[:200]})") from error
    prefixes, graphs, codes = (
        np.frombuffer(buffer, dtype=kind, count=columns.num_rows)
        for buffer, kind in zip(buffers, ("int64", "int32", "uint8"), strict=True)
    )
    table = CellTable(prefixes, graphs, codes)
    if len(table) != CELLS or np.any(np.diff(table.prefixes) <= 0):
        raise CorruptData(f"{path}: not the list of NAS-Bench-101 cells (not {CELLS} different ones in order)")
    return table


def enumerate_cells() -> CellTable:
    """The table computed from the definition of the space; takes about half a minute."""
    import numpy as np

    hashes, graphs, codes = [], [], []
    for vertices in range(2, MAX_VERTICES + 1):
        masks, operations = cells(vertices)
        sys.stderr.write(f"{len(masks):7d} cells of {vertices} vertices\n")
        hashes.append(hash_cells(*unpacked(masks, operations, vertices)))
        graphs.append(masks | vertices << _MASK_BITS)
        codes.append(operations)
    prefixes = prefixes_of(np.concatenate(hashes))
    order = np.argsort(prefixes)
    return CellTable(
        prefixes[order],
        np.concatenate(graphs)[order].astype(np.int32),
        np.concatenate(codes)[order].astype(np.uint8),
    )


def write_cells(table: CellTable, path: Path) -> None:
    """Write the table as one parquet file, replacing an older file only once it is complete."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"prefix": table.prefixes, "graph": table.graphs, "ops": table.codes}
    with replacing(path) as stream:
        pq.write_table(
            pa.table(columns),
            stream,
            compression="zstd",
            use_dictionary=["graph", "ops"],
            column_encoding={"prefix": "DELTA_BINARY_PACKED"},
            row_group_size=len(table),
        )


def main(arguments: Sequence[str]) -> int:
    """Write the table to the one path given."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m proxybench.spaces.nasbench101_cells OUTPUT\n")
        return 2
    path = Path(arguments[0])
    table = enumerate_cells()
    write_cells(table, path)
    sys.stderr.write(f"wrote {len(table)} cells, {path.stat().st_size} bytes, to {path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
