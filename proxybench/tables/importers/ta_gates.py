"""The parts of NAS-Bench-101 on which TA-GATES was trained and tested, as the authors of FLAN keep them.

Ning et al., "TA-GATES: An Encoding Scheme for Neural Network Architectures", NeurIPS 2022. Two pickled lists of the
official hashes of 7,290 cells each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_pickle
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.nasbench101 import NASBench101
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment

WHOLE, TRAIN, TEST = "subset:ta_gates", "subset:ta_gates_train", "subset:ta_gates_test"


def read(paths: Sequence[Path], space: SearchSpace, dataset: str = "cifar10") -> Fragment:
    """Columns that are 1 for the cells of the training part, the test part, and either; null elsewhere.

    Args:
        paths: the list of the training part, then that of the test part.
        space: nasbench101.
        dataset: data set of the rows.

    Raises:
        CorruptData: if a file is not a list of hashes of cells, or a hash occurs twice.
    """
    if not isinstance(space, NASBench101):
        raise TypeError(f"TA-GATES names NAS-Bench-101 cells, not those of {space!r}")
    train, test = (_hashes(path) for path in paths)
    both = [*train, *test]
    if len(set(both)) != len(both):
        raise CorruptData(f"{paths[0]} and {paths[1]}: a hash occurs twice")
    n = len(both)
    return fragment(
        {
            "arch": [space.format(arch) for arch in space.from_hashes(both)],
            "dataset": [dataset] * n,
            **{key: [value] * n for key, value in UNTRAINED.items()},
            WHOLE: [1.0] * n,
            TRAIN: [1.0] * len(train) + [None] * len(test),
            TEST: [None] * len(train) + [1.0] * len(test),
        }
    )


def _hashes(path: Path) -> list[str]:
    values = read_pickle(path)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise CorruptData(f"{path}: not a list of hashes")
    return values
