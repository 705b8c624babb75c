"""NAS-Bench-MR, the authors' pickles, one per setting: a list of dictionaries, one per network.

Each has `embedding` (27 numbers), the same as `input_channel`, `inverted_residual_setting` and `last_channel`, `flops`
in billions (of an image of 128 x 128 pixels), `params` in millions, and results in percent: top1 and top5, or mIoU,
mAcc and aAcc for segmentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from proxybench.readers.untrusted import read_pickle, reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import mapping, number, percent, sequence, unique_rows
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment_from_rows

EPOCHS = 1  # stands for the whole schedule, which the files do not state
SEED = "0"
_RESULTS = (
    {"top1": "val_acc", "top5": "val_top5"},
    {"mIoU": "val_miou", "mAcc": "val_class_acc", "aAcc": "val_acc"},
)


def read(paths: Sequence[Path], space: SearchSpace, dataset: str) -> Fragment:
    """Read one file: val_acc and val_top5, or val_miou, val_class_acc and val_acc; params and flops as counts.

    Raises:
        CorruptData: for a file of another form, or a network with two different entries.
    """
    (path,) = paths
    rows: list[dict[str, Any]] = []
    with reading(path):
        for place, given in enumerate(sequence(read_pickle(path), "the document")):
            rows += _rows(mapping(given, f"network {place}"), space, dataset, f"network {place}")
    return fragment_from_rows(unique_rows(path, rows))


def _rows(network: Mapping[str, Any], space: SearchSpace, dataset: str, which: str) -> list[dict[str, Any]]:
    names = next((names for names in _RESULTS if names.keys() <= network.keys()), None)
    if names is None:
        raise ValueError(f"{which} has {sorted(network)}, neither top1 and top5 nor mIoU, mAcc and aAcc")
    code = sequence(network["embedding"], f"embedding of {which}")
    cell = {"arch": _text(space, *code), "dataset": dataset}
    results = {metric: percent(network[name], f"{name} of {which}") for name, metric in names.items()}
    costs = {
        "params": float(round(number(network["params"], f"params of {which}") * 1e6)),
        "flops": float(round(number(network["flops"], f"flops of {which}") * 1e9)),
    }
    return [cell | {"epochs": EPOCHS, "seed": SEED} | results, cell | UNTRAINED | costs]


@lru_cache(maxsize=4096, typed=True)
def _text(space: SearchSpace, *code: Any) -> str:
    """The text of a network; kept, since all settings have the same 2,507 networks."""
    return space.format(space.parse(code))
