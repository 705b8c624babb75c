"""ViT-Bench-101, the authors' lists of 100 networks: accuracies of AutoFormer and PiT networks on small data sets.

Each network is a dictionary: `arch`, and accuracies in percent named DATASET_base_acc (trained on the labels),
DATASET_kd_acc (trained with distillation from a ResNet-56) and, for AutoFormer, imagenet_super_acc (the weights
inherited from the supernet). They were trained for 300 epochs, the supernet too. None stands for not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proxybench.readers.torch_file import read_torch
from proxybench.readers.untrusted import reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import mapping, percent, sequence, unique_rows
from proxybench.tables.store.schema import Fragment, fragment_from_rows

EPOCHS = 300
SEED = "0"  # one training each, with no seed stated
DATASETS = {"c100": "cifar100", "flower": "flowers102", "chaoyang": "chaoyang"}
SETTINGS = {"base": "", "kd": "-distilled"}
SUPERNET = "imagenet_super_acc"
_TRAINED = {
    f"{name}_{setting}_acc": dataset + suffix
    for name, dataset in DATASETS.items()
    for setting, suffix in SETTINGS.items()
}


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Read one file: test_acc by data set, and supernet_acc on imagenet where the file has it.

    Raises:
        CorruptData: for a file of another form, or an architecture with two different entries.
    """
    (path,) = paths
    rows = []
    with reading(path):
        for number, network in enumerate(sequence(read_torch(path), "the document")):
            rows += _rows(mapping(network, f"network {number}"), space, f"network {number}")
    return fragment_from_rows(unique_rows(path, rows))


def _rows(network: Mapping[str, Any], space: SearchSpace, which: str) -> list[dict[str, Any]]:
    names = network.keys() - {"arch", SUPERNET}
    if names != _TRAINED.keys() or "arch" not in network:
        raise ValueError(f"{which} has {sorted(network)}, not arch and the six accuracies")
    arch = space.format(space.parse(mapping(network["arch"], f"arch of {which}")))
    columns = {name: (dataset, "test_acc") for name, dataset in _TRAINED.items()}
    if SUPERNET in network:
        columns[SUPERNET] = ("imagenet", "supernet_acc")
    return [
        {"arch": arch, "dataset": dataset, "epochs": EPOCHS, "seed": SEED}
        | {metric: percent(network[name], f"{name} of {which}")}
        for name, (dataset, metric) in columns.items()
        if network[name] is not None
    ]
