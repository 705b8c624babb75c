"""NAS-RobBench-201: NAS-Bench-201 cells trained adversarially, on three data sets.

Wu, Liu, Simsekli, Cevher and Chrysos, "Robust NAS under adversarial training: benchmark, theory, and beyond", ICLR
2024. Each of the 6,466 distinct cells was trained with PGD of 7 steps and radius 8/255 for 50 epochs, with three seeds;
the file has the means. It is a script of the project's page: one JSON object from NATS-Bench index to 18 fractions, or
to the index of the isomorphic cell that was trained; the empty key names the columns as DATASET#METRIC. A second
script lists the operations of each index, one digit per edge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.javascript import read_assignment
from proxybench.readers.untrusted import reading
from proxybench.spaces.base import SearchSpace
from proxybench.tables.importers.checks import mapping, number, sequence
from proxybench.tables.store.schema import MEAN, Fragment, fragment, joined

EPOCHS = 50
OPERATIONS = {"0": "none", "1": "skip_connect", "2": "nor_conv_1x1", "3": "nor_conv_3x3", "4": "avg_pool_3x3"}
DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet": "ImageNet16-120"}
METRICS = {
    "val_acc": "val_acc",
    "val_fgsm_3_acc": "robust_acc@fgsm_3",
    "val_pgd_3_acc": "robust_acc@pgd_3",
    "val_fgsm_8_acc": "robust_acc@fgsm_8",
    "val_pgd_8_acc": "robust_acc@pgd_8",
    "autoattack": "robust_acc@autoattack",
}


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Accuracies in percent: `val_acc` on clean images, `robust_acc@ATTACK` with the radius in 255ths.

    Args:
        paths: the script of accuracies, then that of operations.
        space: nasbench201.

    Raises:
        CorruptData: for scripts of another form, a reference to a cell that is not isomorphic, or a value that is not
            a fraction.
    """
    texts = cells_in_order(paths[1], space)
    table = read_assignment(paths[0], "acc")
    with reading(paths[0]):
        table = dict(mapping(table, "acc"))
        columns = [_column(name) for name in sequence(table.pop("", None), "the list of columns")]
        rows = _rows(paths[0], table, texts, space, len(columns))
    trained = sum(isinstance(value, list) for value in table.values())
    notes = [f"{trained} distinct cells were trained; the other {len(texts) - trained} have the values of theirs."]
    n = len(texts)
    parts = []
    for dataset in dict.fromkeys(dataset for dataset, _ in columns):
        keys: dict[str, Any] = {"arch": texts, "dataset": [dataset] * n, "epochs": [EPOCHS] * n, "seed": [MEAN] * n}
        values = {metric: [row[place] for row in rows] for place, (one, metric) in enumerate(columns) if one == dataset}
        parts.append(fragment({**keys, **values}, notes))
    return joined(*parts)


def cells_in_order(path: Path, space: SearchSpace) -> list[str]:
    """The cells in the index order of NATS-Bench, from the script of operations. Raises CorruptData."""
    codes = read_assignment(path, "arch")
    with reading(path):
        texts = [cell_text(code, space) for code in sequence(codes, "arch")]
    if len(set(texts)) != len(texts):
        raise CorruptData(f"{path}: a cell occurs twice")
    return texts


def cell_text(code: Any, space: SearchSpace) -> str:
    """The cell of six digits, one per edge. Raises ValueError for any other value."""
    if not isinstance(code, str) or len(code) != 6 or not set(code) <= set(OPERATIONS):
        raise ValueError(f"{code!r:.40} is not six digits of operations")
    a, b, c, d, e, f = (OPERATIONS[digit] for digit in code)
    return space.format(space.parse(f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"))


def _column(name: Any) -> tuple[str, str]:
    dataset, _, metric = name.partition("#")
    return DATASETS[dataset], METRICS[metric]


def _rows(
    path: Path, table: Mapping[str, Any], texts: Sequence[str], space: SearchSpace, width: int
) -> list[list[float]]:
    """The percentages of each cell in index order."""
    if table.keys() != {str(index) for index in range(len(texts))}:
        raise CorruptData(f"{path}: is not one entry for each of {len(texts)} different cells")
    digests = space.digests([space.parse(text) for text in texts])
    rows = []
    for index, digest in enumerate(digests):
        value = table[str(index)]
        if isinstance(value, str):
            if not isinstance(table.get(value), list) or digests[int(value)] != digest:
                raise CorruptData(
                    f"{path}: cell {index} refers to {value!r:.20}, which is not a trained isomorphic cell"
                )
            value = table[value]
        fractions = [number(one, f"a value of cell {index}") for one in sequence(value, f"cell {index}")]
        if len(fractions) != width or not all(0 <= one <= 1 for one in fractions):
            raise CorruptData(f"{path}: cell {index} does not have {width} fractions")
        rows.append([100 * one for one in fractions])
    return rows
