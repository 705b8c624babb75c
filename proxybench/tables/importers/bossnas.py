"""Losses of BossNAS supernets on NATS-Bench size, block by block, summed to one estimate for each network.

Li et al., "BossNAS: Exploring Hybrid CNN-transformers with Block-wisely Self-supervised Neural Architecture Search",
ICCV 2021. A supernet of three blocks; each file lists the paths of one block, a digit from 0 to 7 for the width of each
of its layers, with its self-supervised loss, lower for better paths. The first block has the widths of layers 1
and 2, the second those of layers 3 and 4, the third that of layer 5. The blocks are independent, so the estimate
for a network is the negative sum of its three losses. The files are YAML in which PyYAML wrote tuples; their lines are
read here one by one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_bytes, reading
from proxybench.spaces.base import SearchSpace
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment

WIDTHS = (8, 16, 24, 32, 40, 48, 56, 64)
_LAYERS = (2, 2, 1)  # of each block
_PATH = re.compile(r"- !!python/tuple\n  - '([0-7]{1,2})'\n  - (-?[0-9]+(?:\.[0-9]+)?)\n", re.ASCII)


def read(paths: Sequence[Path], space: SearchSpace, name: str = "bossnas", dataset: str = "cifar10") -> Fragment:
    """The negative sums as the column `oneshot:NAME`, for all 32,768 networks.

    Args:
        paths: the files of the three blocks, in order.
        space: natsbench-size.
        name: name of the estimate.
        dataset: data set of the rows.

    Raises:
        CorruptData: if a file is not one loss for each path of its block.
    """
    blocks = [_losses(path, layers) for path, layers in zip(paths, _LAYERS, strict=True)]
    archs, sums = [], []
    for parts in product(*(block.items() for block in blocks)):
        widths = [WIDTHS[int(digit)] for path, _ in parts for digit in path]
        archs.append(space.format(space.parse(":".join(map(str, widths)))))
        sums.append(-sum(loss for _, loss in parts))
    n = len(archs)
    keys: dict[str, Any] = {"arch": archs, "dataset": [dataset] * n}
    keys |= {key: [value] * n for key, value in UNTRAINED.items()}
    return fragment({**keys, f"oneshot:{name}": sums})


def _losses(path: Path, layers: int) -> dict[str, float]:
    """The loss of each path of a block."""
    with reading(path):
        text = read_bytes(path).decode("ascii").rstrip("\n") + "\n"
        found = [(one[1], float(one[2])) for one in _PATH.finditer(text)]
        if _PATH.sub("", text):
            raise ValueError("a line is not part of the loss of a path")
    losses = dict(found)
    if sorted(losses) != ["".join(digits) for digits in product("01234567", repeat=layers)] or len(found) != len(
        losses
    ):
        raise CorruptData(f"{path}: is not one loss for each of {8**layers} paths")
    return losses
