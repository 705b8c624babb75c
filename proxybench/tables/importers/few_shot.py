"""Accuracies of NAS-Bench-201 cells with the weights of a supernet, from the authors of few-shot NAS.

Zhao, Wang, Tian, Fonseca and Guo, "Few-shot Neural Architecture Search", ICML 2021. JSON objects from the printed form
of a cell, [(('avg_pool_3x3', 0),), ...], to its CIFAR-10 accuracy in percent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_json, reading
from proxybench.spaces.base import SearchSpace
from proxybench.tables.importers.checks import mapping, percent
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment

_EDGE = r"\('([a-z0-9_]+)', {}\)"
_CELL = re.compile(
    r"\[\({0},\), \({0}, {1}\), \({0}, {1}, {2}\)\]".format(*(_EDGE.format(source) for source in range(3))), re.ASCII
)


def read(paths: Sequence[Path], space: SearchSpace, name: str, dataset: str = "cifar10") -> Fragment:
    """The accuracies as the column `oneshot:NAME`.

    Args:
        paths: the file.
        space: nasbench201.
        name: name of the estimate.
        dataset: data set of the rows.

    Raises:
        CorruptData: for a key of another form, a cell that occurs twice, or a value that is not a percentage.
    """
    (path,) = paths
    values: dict[str, float] = {}
    with reading(path):
        for printed, value in mapping(read_json(path), "the file").items():
            text = _text(printed, space)
            if values.setdefault(text, percent(value, f"accuracy of {printed:.120}")) != value:
                raise CorruptData(f"{path}: {text} occurs twice, with different accuracies")
    n = len(values)
    keys: dict[str, Any] = {"arch": list(values), "dataset": [dataset] * n}
    keys |= {key: [one] * n for key, one in UNTRAINED.items()}
    return fragment({**keys, f"oneshot:{name}": list(values.values())})


def _text(printed: str, space: SearchSpace) -> str:
    found = _CELL.fullmatch(printed)
    if found is None:
        raise ValueError(f"{printed!r:.140} is not the printed form of a cell")
    a, b, c, d, e, f = found.groups()
    return space.format(space.parse(f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"))
