"""DyNAS-T, the authors' CSV of sub-networks that a search evaluated: accuracy from the supernet, size, operations.

Columns: Sub-network (a printed dictionary with lists ks, e, d and r), Date, Model Parameters, Latency (ms) (0: not
measured), MACs, Top-1 Acc (%). The accuracy is that on the ImageNet validation set with the supernet's weights and
batch normalisation calibrated again, so that evaluations of one sub-network differ a little.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proxybench.readers.untrusted import read_csv_columns, reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import percent, unique_rows
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment_from_rows

DATASET = "imagenet"
EPOCHS = 180  # of the supernet's full network, which was trained on afterwards for the smaller ones
ARCH, PARAMS, MACS, ACCURACY = "Sub-network", "Model Parameters", "MACs", "Top-1 Acc (%)"


def read(paths: Sequence[Path], space: SearchSpace, seed: str) -> Fragment:
    """Read one file: supernet_acc in percent under `seed`, params and flops as counts.

    A search that met a sub-network again has the same values for it.

    Raises:
        CorruptData: for a file of another form, or a sub-network with two different entries.
    """
    (path,) = paths
    columns = read_csv_columns(path, (ARCH, PARAMS, MACS, ACCURACY))
    rows: list[dict[str, Any]] = []
    with reading(path):
        for line, text in enumerate(columns[ARCH]):
            cell = {"arch": space.format(space.parse(text)), "dataset": DATASET}
            accuracy = percent(float(columns[ACCURACY][line]), f"accuracy in row {line + 1}")
            params, flops = (_count(columns[name][line], f"{name} in row {line + 1}") for name in (PARAMS, MACS))
            rows.append(cell | UNTRAINED | {"params": params, "flops": flops})
            rows.append(cell | {"epochs": EPOCHS, "seed": seed, "supernet_acc": accuracy})
    return fragment_from_rows(unique_rows(path, rows))


def _count(text: str, what: str) -> float:
    if not int(text) > 0:
        raise ValueError(f"{what} is {text}, not a count above 0")
    return float(int(text))
