"""SWAP's 1,000 DARTS genotypes trained on CIFAR-10: a CSV file without a header, genotype and accuracy.

Peng et al., "SWAP-NAS: Sample-Wise Activation Patterns for Ultra-fast NAS", ICLR 2024. The repository's description
calls the second column the CIFAR-10 validation accuracy after 200 epochs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from proxybench.readers.untrusted import read_bytes, reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import percent
from proxybench.tables.importers.repeats import name_runs, repeat_notes
from proxybench.tables.store.schema import Fragment, fragment

DATASET = "cifar10"
EPOCHS = 200


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Validation accuracy of every genotype, percent.

    Raises:
        CorruptData: if the file is damaged or empty, or a line is not a genotype with an accuracy.
    """
    [path] = paths
    with reading(path):
        rows = list(csv.reader(io.StringIO(read_bytes(path).decode("ascii")), strict=True))
        if not rows:
            raise ValueError("no line")
        archs, seeds = name_runs([genotype for genotype, _ in rows], space)
        return fragment(
            {
                "arch": archs,
                "dataset": [DATASET] * len(rows),
                "epochs": [EPOCHS] * len(rows),
                "seed": seeds,
                "val_acc": [percent(float(accuracy), "accuracy") for _, accuracy in rows],
            },
            repeat_notes(archs),
        )
