"""NATS-Bench size, CIFAR-10 test accuracy after 90 epochs, as BossNAS lists it (YAML lines `'64:64:56:64:24': 93.65`).

The lines are read one by one: YAML 1.1 would take an unquoted `16:16:16:16:64` for a number to the base 60. The
values are those of the archive `NATS-sss-v1_0-50262` for its only seed, 777, trained on all training images.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from proxybench.readers.untrusted import read_bytes, reading
from proxybench.spaces import EnumerableSpace
from proxybench.tables.importers.checks import percent, unique_rows
from proxybench.tables.store.schema import Fragment, fragment_from_rows

EPOCHS = 90
SEED = "777"
_LINE = re.compile(r"(['\"]?)([0-9:]+)\1:\s+([0-9]+(?:\.[0-9]+)?)", re.ASCII)


def read(paths: Sequence[Path], space: EnumerableSpace) -> Fragment:
    """Read the file: column test_acc in percent, architectures in the order of the space, which is the archive's.

    Raises:
        CorruptData: for a line of another form, or an architecture with two accuracies.
    """
    (path,) = paths
    rows = []
    with reading(path):
        for count, line in enumerate(read_bytes(path).decode("ascii").splitlines(), start=1):
            if not line.strip():
                continue
            match = _LINE.fullmatch(line.strip())
            if match is None:
                raise ValueError(f"line {count} is not of the form '64:64:56:64:24': 93.65")
            arch = space.parse(match[2])
            row = {"arch": space.format(arch), "dataset": "cifar10", "epochs": EPOCHS, "seed": SEED}
            row["test_acc"] = percent(float(match[3]), f"accuracy in line {count}")
            rows.append((space.index(arch), row))
    return fragment_from_rows(unique_rows(path, [row for _, row in sorted(rows, key=lambda pair: pair[0])]))
