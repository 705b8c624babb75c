"""OnceNAS's DARTS-Bench: 545 DARTS genotypes trained on CIFAR-10 for 10 and for 50 epochs.

Zhang et al., "OnceNAS: Discovering Efficient On-device Inference Neural Networks for Edge Devices", Information
Sciences 2024. The file gives FLOPs and parameters in millions, times as h:mm:ss and accuracies in percent; the
publishers' program prints the GPU latency in milliseconds and the other latencies without a unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proxybench.readers.untrusted import read_csv_columns, reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import percent
from proxybench.tables.importers.repeats import name_runs, repeat_notes
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment_from_rows

DATASET = "cifar10"
MILLIONS = {"params": "params", "flops": "flop"}
LATENCIES = {
    "latency_ms@gpu": "gpu_latency",
    "latency_ms@raspberrypi": "rasp_latency",
    "latency_ms@fpga": "fpga_latency",
    "latency_ms@mcu": "mcu_latency",
}
ACCURACIES = {
    10: {"train_acc": "train_acc10", "val_acc": "valid_acc10"},
    50: {"train_acc": "train_acc50", "val_acc": "valid_acc50", "test_acc": "test_acc50"},
}
TIMES = {10: "train_time10", 50: "train_time50"}
_CLOCK = re.compile(r"([0-9]+):([0-5][0-9]):([0-5][0-9])", re.ASCII)


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Accuracies and training times at both budgets; parameters, FLOPs and latencies without training.

    Of an architecture with several runs, what needs no training is taken from the first.

    Raises:
        CorruptData: when the file is damaged, a column is missing or a field is not of its form.
    """
    [path] = paths
    accuracies = {column for columns in ACCURACIES.values() for column in columns.values()}
    columns = {"architecture", *MILLIONS.values(), *LATENCIES.values(), *accuracies, *TIMES.values()}
    table = read_csv_columns(path, columns)
    with reading(path):
        lines = [dict(zip(table, line, strict=True)) for line in zip(*table.values(), strict=True)]
        archs, seeds = name_runs([line["architecture"] for line in lines], space)
        rows: list[dict[str, Any]] = []
        for arch, seed, line in zip(archs, seeds, lines, strict=True):
            if seed == "0":
                rows.append({"arch": arch, "dataset": DATASET, **UNTRAINED, **_untrained(line)})
            run = {"arch": arch, "dataset": DATASET, "seed": seed}
            rows += [{**run, "epochs": epochs, **_trained(line, epochs)} for epochs in ACCURACIES]
        return fragment_from_rows(rows, repeat_notes(archs))


def _untrained(line: Mapping[str, str]) -> dict[str, float]:
    counts = {metric: round(1e6 * float(line[column])) for metric, column in MILLIONS.items()}
    return {**counts, **{metric: float(line[column]) for metric, column in LATENCIES.items()}}


def _trained(line: Mapping[str, str], epochs: int) -> dict[str, float]:
    accuracies = {metric: percent(float(line[column]), column) for metric, column in ACCURACIES[epochs].items()}
    return {**accuracies, "train_s": _seconds(line[TIMES[epochs]])}


def _seconds(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"time {text[:20]!r} is not h:mm:ss")
    hours, minutes, seconds = map(int, match.groups())
    return 3600 * hours + 60 * minutes + seconds
