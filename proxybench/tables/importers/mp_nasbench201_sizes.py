"""MP-NAS-Bench201: all numbered configurations of quantised NAS-Bench-201 cells, with size and accuracy.

A pickled list of the project MP-NAS-Bench201 (Leannnnnnn on GitHub; no paper is stated): name CELL_NUMBER, mean bits,
parameters of the network in millions before quantisation, its size, and test accuracy. The size is in megabytes and
counts the weights of one of five cells per stage in their bits, normalisations in 32 bits and the rest of the network
in 8. Cells are numbered in the index order of NATS-Bench.

The authors' script trains most cells for 50 epochs, with the same bits in all cells of the network. For some 400 cells
it numbers the trainings after 50, 100 and 150 epochs separately, and gives the stages different bits; the list does not
say which is which. Such cells are recognised by their sizes: more entries have one size than there are bits with it
(some because a training was repeated), or no bits have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from proxybench.readers.untrusted import read_pickle, reading
from proxybench.spaces import get_space
from proxybench.spaces.base import SearchSpace
from proxybench.tables.importers.checks import number, sequence
from proxybench.tables.importers.robbench import OPERATIONS, cells_in_order
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment, joined

DATASET, SEED = "cifar10", "0"
EPOCHS, UNKNOWN_EPOCHS = 50, 1
BITS = (2, 4, 8)
_REST = 0.0148912  # megabytes of stem, residual blocks and classifier
_STAGES = (16, 32, 64)  # channels
_WEIGHTS = sum(channels**2 for channels in _STAGES)  # of a 1 x 1 convolution in one cell per stage
_NORMALISATION = 4 * 2 * sum(_STAGES) / 1e6  # megabytes of one operation


class Listed(NamedTuple):
    """A numbered configuration: text of its cell, name, mean bits, parameters, megabytes, accuracy as a fraction."""

    cell: str
    name: str
    bits: float
    params: float
    size: float
    accuracy: float


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Configurations of a cell and a number, with mean bits and operations as columns; params, size, test_acc.

    Accuracies of cells whose trainings may have had more epochs than 50 have epochs 1.

    Args:
        paths: the list, and NAS-RobBench-201's list of cells in index order.
        space: configurations.

    Raises:
        CorruptData: if a file is not of this form.
    """
    entries = listed(paths[0], cells_in_order(paths[1], get_space("nasbench201")))
    mixed = _mixed(entries)
    archs = [space.format(space.parse({"cell": one.cell, "configuration": one.name})) for one in entries]
    n = len(entries)
    keys: dict[str, Any] = {"arch": archs, "dataset": [DATASET] * n}
    epochs = [UNKNOWN_EPOCHS if one.cell in mixed else EPOCHS for one in entries]
    free: dict[str, Any] = {**keys, **{key: [value] * n for key, value in UNTRAINED.items()}}
    free |= {"params": [one.params for one in entries], "size": [one.size for one in entries]}
    free["config:mean_bits"] = [one.bits for one in entries]
    free |= {f"config:{name}": [float(one.cell.count(f"{name}~")) for one in entries] for name in OPERATIONS.values()}
    unknown = epochs.count(UNKNOWN_EPOCHS)
    notes = [
        f"{n} configurations of {len({one.cell for one in entries})} cells. {unknown} of {len(mixed)} cells may have "
        f"been trained for more than {EPOCHS} epochs, with bits that differ between stages."
    ]
    trained = {**keys, "epochs": epochs, "seed": [SEED] * n, "test_acc": [100 * one.accuracy for one in entries]}
    return joined(fragment(trained, notes), fragment(free))


def listed(path: Path, order: Sequence[str]) -> list[Listed]:
    """The entries of the list; `order` are the texts of the cells in index order. Raises CorruptData."""
    entries: dict[str, Listed] = {}
    with reading(path):
        for entry in sequence(read_pickle(path), "the list of configurations"):
            if not isinstance(entry, tuple) or len(entry) != 5 or not isinstance(entry[0], str):
                raise ValueError(f"{str(entry)[:60]} is not a configuration of five values")
            index, _, config = entry[0].partition("_")
            if not (index.isdecimal() and config.isdecimal()) or entry[0] in entries:
                raise ValueError(f"{entry[0][:40]!r} is not the number of a cell and one of its configurations")
            mean, millions, size = (_above_zero(value, f"a value of {entry[0]}") for value in entry[1:4])
            accuracy = fraction(entry[4], f"the accuracy of {entry[0]}")
            entries[entry[0]] = Listed(order[int(index)], entry[0], mean, round(1e6 * millions), size, accuracy)
    return list(entries.values())


def size_of(cell: str, bits: Sequence[int]) -> float:
    """Megabytes of the network, as the authors count them.

    Args:
        cell: its text.
        bits: for each edge, those of all cells; 0 for an operation without weights.
    """
    names = [part.partition("~")[0] for part in cell.replace("+", "").split("|") if part]
    size = _REST
    for name, count in zip(names, bits, strict=True):
        if count:
            size += _NORMALISATION + count * _WEIGHTS * (9 if name == "nor_conv_3x3" else 1) / 8e6
    return size


def fraction(value: Any, what: str) -> float:
    """A number from 0 to 1. Raises ValueError for anything else."""
    checked = number(value, what)
    if not 0 <= checked <= 1:
        raise ValueError(f"{what} is {checked}, not a fraction")
    return checked


def _above_zero(value: Any, what: str) -> float:
    checked = number(value, what)
    if not 0 < checked < 1e6:
        raise ValueError(f"{what} is {checked}, not above 0")
    return checked


def _mixed(entries: Sequence[Listed]) -> set[str]:
    """The cells with more entries of one size and mean than there are bits equal in all cells, or with none."""
    found = Counter((one.cell, round(one.bits, 6), round(one.size, 7)) for one in entries)
    return {
        cell
        for (cell, mean, size), count in found.items()
        if count > _sizes(cell.count("nor_conv_1x1"), cell.count("nor_conv_3x3"))[mean, size]
    }


@cache
def _sizes(one_by_one: int, three_by_three: int) -> Counter[tuple[float, float]]:
    """How many assignments of bits to a cell's convolutions have a mean and a size."""
    cell = "|".join(["nor_conv_1x1~"] * one_by_one + ["nor_conv_3x3~"] * three_by_three)
    bits = product(BITS, repeat=one_by_one + three_by_three)
    return Counter((round(sum(one) / len(one), 6), round(size_of(cell, one), 7)) for one in bits if one)
