"""MP-NAS-Bench201: NAS-Bench-201 cells trained with operations quantised to different numbers of bits, on CIFAR-10.

Pickles of the project MP-NAS-Bench201 (Leannnnnnn on GitHub; no paper is stated). One maps an encoding to the test
accuracy after 50 epochs of quantisation-aware training: six digits for the operations of the cell (0 none, 1 skip,
2 and 3 convolutions, 4 pooling), then the bits of the weights on its six edges once for each of 15 cells, 0 where
nothing is quantised. The other lists, for numbered configurations of a cell, mean bits, parameters of the network in
millions before quantisation, its size in a unit of the authors', and accuracy. A configuration of the second is found
in the first if cell, mean bits and accuracy are equal and no other configuration has them; only then is it known which
operation has how many bits. Cells are numbered in the index order of NATS-Bench.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from predictors.arch import ArchGraph
from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_pickle, reading
from proxybench.spaces import get_space
from proxybench.spaces.base import SearchSpace
from proxybench.tables.importers.checks import mapping, number, sequence
from proxybench.tables.importers.robbench import cell_text, cells_in_order
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment, joined

DATASET, EPOCHS, SEED = "cifar10", 50, "0"
_OPERATIONS = range(5)
_QUANTISED = (2, 3)  # operations with weights
_BITS = (2, 4, 8)
_EDGES, _CELLS = 6, 15


class _Known(NamedTuple):
    """What identifies a configuration in both files; mean bits and accuracy are rounded for comparison."""

    cell: str
    bits: float
    accuracy: float


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Graphs of the cells with the bits of each operation as the node attribute `bits`; test_acc, params, size.

    Args:
        paths: the file of encodings, that of numbered configurations, and NAS-RobBench-201's list of cells in index
            order.
        space: graphs; its cells are those of nasbench201, with operations on nodes.

    Raises:
        CorruptData: if a file is not of this form.
    """
    cells = get_space("nasbench201")
    texts: list[str] = []
    known: list[_Known] = []
    with reading(paths[0]):
        for encoding, value in mapping(read_pickle(paths[0]), "the file of encodings").items():
            codes, bits = _parts(encoding)
            cell = cell_text("".join(map(str, codes)), cells)
            texts.append(space.format(_graph(cells.parse(cell), space.name, bits)))
            used = [count for count in bits if count]
            mean = sum(used) / len(used) if used else 0.0
            known.append(_identity(cell, mean, _fraction(value, "an accuracy")))
    if len(set(texts)) != len(texts):
        raise CorruptData(f"{paths[0]}: a configuration occurs twice")
    listed = _configurations(paths[1], cells_in_order(paths[2], cells))
    found = Counter(one for one, _, _ in listed)
    unique = {one for one, count in Counter(known).items() if count == 1 and found[one] == 1}
    sizes = {one: (params, size) for one, params, size in listed if one in unique}
    n = len(texts)
    trained: dict[str, Any] = {"arch": texts, "dataset": [DATASET] * n, "epochs": [EPOCHS] * n, "seed": [SEED] * n}
    free: dict[str, Any] = {"arch": texts, "dataset": [DATASET] * n}
    free |= {key: [value] * n for key, value in UNTRAINED.items()}
    both = [sizes.get(one, (None, None)) for one in known]
    notes = [
        f"{len(sizes)} of the {n} configurations with known bits are among the {len(listed)} numbered ones, and have "
        f"their size and parameters; the file lacks the bits of the other {len(listed) - len(sizes)} numbered ones."
    ]
    return joined(
        fragment({**trained, "test_acc": [100 * one.accuracy for one in known]}, notes),
        fragment({**free, "params": [params for params, _ in both], "size": [size for _, size in both]}),
    )


def _parts(encoding: Any) -> tuple[list[int], list[int]]:
    """The operations of a cell and the bits on its edges. Raises ValueError if it is not an encoding."""
    if not isinstance(encoding, tuple) or len(encoding) != _EDGES * (1 + _CELLS):
        raise ValueError(f"{str(encoding)[:60]} is not an encoding of {_EDGES * (1 + _CELLS)} numbers")
    codes, *of_cells = (list(encoding[start : start + _EDGES]) for start in range(0, len(encoding), _EDGES))
    bits = of_cells[0]
    fits = all(type(code) is int and code in _OPERATIONS for code in codes)
    fits = fits and all(
        type(count) is int and (count in _BITS if code in _QUANTISED else count == 0)
        for code, count in zip(codes, bits, strict=True)
    )
    if not fits or any(other != bits for other in of_cells):
        raise ValueError(f"{encoding[:12]} are not operations of a cell and their bits, equal in all cells")
    return codes, bits


def _graph(arch: ArchGraph, name: str, bits: Sequence[int]) -> ArchGraph:
    """The cell with bits on the nodes of its operations, which stand between input and output in the order of edges."""
    return ArchGraph(name, arch.ops, arch.edges, (("bits", (0.0, *map(float, bits), 0.0)),))


def _identity(cell: str, mean: float, accuracy: float) -> _Known:
    return _Known(cell, round(mean, 6), round(accuracy, 12))


def _fraction(value: Any, what: str) -> float:
    fraction = number(value, what)
    if not 0 <= fraction <= 1:
        raise ValueError(f"{what} is {fraction}, not a fraction")
    return fraction


def _configurations(path: Path, texts: Sequence[str]) -> list[tuple[_Known, float, float]]:
    """Identity, parameters and size of each numbered configuration; `texts` are the cells in index order."""
    listed: list[tuple[_Known, float, float]] = []
    names: set[str] = set()
    with reading(path):
        for entry in sequence(read_pickle(path), "the file of configurations"):
            if not isinstance(entry, tuple) or len(entry) != 5 or not isinstance(entry[0], str):
                raise ValueError(f"{str(entry)[:60]} is not a configuration of five values")
            index, _, config = entry[0].partition("_")
            if not (index.isdecimal() and config.isdecimal()) or entry[0] in names:
                raise ValueError(f"{entry[0][:40]!r} is not the number of a cell and one of its configurations")
            names.add(entry[0])
            mean, millions, size = (number(value, f"a value of {entry[0]}") for value in entry[1:4])
            accuracy = _fraction(entry[4], f"the accuracy of {entry[0]}")
            listed.append((_identity(texts[int(index)], mean, accuracy), round(1e6 * millions), size))
    return listed
