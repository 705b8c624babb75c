"""MP-NAS-Bench201: NAS-Bench-201 cells trained with operations quantised to different numbers of bits, on CIFAR-10.

Pickles of the project MP-NAS-Bench201 (Leannnnnnn on GitHub; no paper is stated). One maps an encoding to the test
accuracy after 50 epochs of quantisation-aware training: six digits for the operations of the cell (0 none, 1 skip,
2 and 3 convolutions, 4 pooling), then the bits of the weights on its six edges once for each of 15 cells, 0 where
nothing is quantised. Another has second accuracies of some numbered configurations, and the bits of each of their
edges; a few were trained again. The list of all numbered configurations has no bits of single operations, but
parameters and sizes: see `mp_nasbench201_sizes`. Cells are numbered in the index order of NATS-Bench.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from predictors.arch import ArchGraph
from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_pickle, reading
from proxybench.spaces import get_space
from proxybench.spaces.base import SearchSpace
from proxybench.tables.importers.checks import mapping
from proxybench.tables.importers.mp_nasbench201_sizes import BITS, fraction, listed, size_of
from proxybench.tables.importers.robbench import cell_text, cells_in_order
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment, joined

DATASET, EPOCHS = "cifar10", 50
_QUANTISED = ("nor_conv_1x1", "nor_conv_3x3")  # operations with weights
_EDGES, _CELLS = 6, 15
_ACTIVATIONS = 8  # bits of the activations of all configurations

Configuration = tuple[str, tuple[int, ...]]  # text of a cell, and the bits on its edges


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Graphs of the cells with the bits of each operation as the node attribute `bits`; test_acc, params, size.

    Args:
        paths: the file of encodings, the second accuracies, the list of all numbered configurations, and
            NAS-RobBench-201's list of cells in index order.
        space: graphs; its cells are those of nasbench201, with operations on nodes.

    Raises:
        CorruptData: if a file is not of this form.
    """
    order = cells_in_order(paths[3], get_space("nasbench201"))
    trainings = [_encodings(paths[0]), *_second(paths[1], order)]
    sizes = {(one.cell, round(one.size, 7)): (one.params, one.size) for one in listed(paths[2], order)}
    known = list(dict.fromkeys(one for training in trainings for one in training))
    texts = {one: space.format(_graph(one, space.name)) for one in known}
    both = [sizes.get((cell, round(size_of(cell, bits), 7)), (None, None)) for cell, bits in known]
    free: dict[str, Any] = {"arch": list(texts.values()), "dataset": [DATASET] * len(known)}
    free |= {key: [value] * len(known) for key, value in UNTRAINED.items()}
    named = sum(size is not None for _, size in both)
    notes = [
        f"{len(known)} configurations, {named} of them with the size of a numbered one of the cell; trainings of seeds "
        f"{', '.join(map(str, range(len(trainings))))}: {', '.join(str(len(training)) for training in trainings)}."
    ]
    return joined(
        *(_trained(texts, training, str(seed), notes) for seed, training in enumerate(trainings)),
        fragment({**free, "params": [params for params, _ in both], "size": [size for _, size in both]}),
    )


def _trained(
    texts: Mapping[Configuration, str], values: Mapping[Configuration, float], seed: str, notes: Sequence[str]
) -> Fragment:
    n = len(values)
    keys: dict[str, Any] = {"arch": [texts[one] for one in values], "dataset": [DATASET] * n}
    keys |= {"epochs": [EPOCHS] * n, "seed": [seed] * n}
    return fragment({**keys, "test_acc": [100 * value for value in values.values()]}, notes)


def _encodings(path: Path) -> dict[Configuration, float]:
    """The accuracy of each encoded configuration, a fraction."""
    cells = get_space("nasbench201")
    found: dict[Configuration, float] = {}
    with reading(path):
        for encoding, value in mapping(read_pickle(path), "the file of encodings").items():
            codes, bits = _parts(encoding)
            found[cell_text(codes, cells), bits] = fraction(value, "an accuracy")
    return found


def _parts(encoding: Any) -> tuple[str, tuple[int, ...]]:
    """The operations of a cell and the bits on its edges. Raises ValueError if it is not an encoding."""
    fits = isinstance(encoding, tuple) and len(encoding) == _EDGES * (1 + _CELLS)
    if not fits or not all(type(one) is int and 0 <= one <= max(BITS) for one in encoding):
        raise ValueError(f"{str(encoding)[:60]} is not an encoding of {_EDGES * (1 + _CELLS)} numbers")
    codes, bits, *others = (encoding[start : start + _EDGES] for start in range(0, len(encoding), _EDGES))
    if any(other != bits for other in others):
        raise ValueError(f"{encoding[:12]} has other bits in other cells")
    return "".join(map(str, codes)), bits


def _second(path: Path, order: Sequence[str]) -> list[dict[Configuration, float]]:
    """The accuracies of configurations in the file that has bits by edge, as fractions: all, then those of repeats."""
    found: list[dict[Configuration, float]] = [{}]
    with reading(path):
        for name, entry in mapping(read_pickle(path), "the file of second accuracies").items():
            about = mapping(entry, f"configuration {str(name)[:40]}")
            if about["train_info"]["epochs"] != EPOCHS:
                raise ValueError(f"configuration {str(name)[:40]} was not trained for {EPOCHS} epochs")
            cell = order[_index(name)]
            bits = [0] * _EDGES
            edges: Mapping[Any, Any] = mapping(about["bit_width"]["infercell"], "the bits of a cell")
            for edge, width in edges.items():
                if edge not in range(_EDGES) or width["a_bit"] != _ACTIVATIONS:
                    raise ValueError(f"configuration {name[:40]} has other edges or activations")
                bits[edge] = width["w_bit"]
            free = next((training for training in found if (cell, tuple(bits)) not in training), None)
            if free is None:
                found.append(free := {})
            free[cell, tuple(bits)] = fraction(about["accuracy"], f"the accuracy of {name[:40]}")
    return found


def _index(name: Any) -> int:
    cell, _, configuration = name.partition("_") if isinstance(name, str) else ("", "", "")
    if not (cell.isdecimal() and configuration.isdecimal()):
        raise ValueError(f"{str(name)[:40]!r} is not the number of a cell and one of its configurations")
    return int(cell)


def _graph(configuration: Configuration, name: str) -> ArchGraph:
    """The cell with bits on the nodes of its operations, which stand between input and output in the order of edges.

    Raises:
        CorruptData: if an operation with weights has no bits, or another one has.
    """
    cell, bits = configuration
    arch = get_space("nasbench201").parse(cell)
    for operation, count in zip(arch.ops[1:-1], bits, strict=True):
        if count not in (BITS if operation in _QUANTISED else (0,)):
            raise CorruptData(f"MP-NAS-Bench201: {count!r:.20} bits of {operation} in {cell}")
    return ArchGraph(name, arch.ops, arch.edges, (("bits", (0.0, *map(float, bits), 0.0)),))
