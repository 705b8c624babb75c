"""Accel-NASBench, the authors' tar of one JSON per training: ImageNet accuracy, size, and speed on six accelerators.

A `result_N.json` holds `architecture` (block0_e, _k, _l, _se to block6_), `metrics` (val_top1, val_top5 in percent,
train_time in seconds), `model_info` (macs, params in millions) and `platform_perf` (`latency_DEVICE` in milliseconds,
`throughput_DEVICE` in images per second, each with a mean and a standard deviation, null where not measured). The
networks were trained for 16 epochs on compressed images. Latency is of a batch of 1 on the ZCU102 and of 6, the
least it takes, on the VCK190.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from proxybench.readers.untrusted import iter_tar_json, reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import mapping, number, percent
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment_from_rows

DATASET = "imagenet"
EPOCHS = 16
BLOCKS = 7
_MEMBER = re.compile(r"result_([0-9]{1,9})\.json", re.ASCII)
_PERFORMANCE = re.compile(r"(latency|throughput)_([a-z0-9]+)", re.ASCII)
_COLUMNS = {"latency": "latency_ms", "throughput": "throughput"}


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Read the tar: val_acc, val_top5, train_s; params, flops, latency_ms@DEVICE and throughput@DEVICE.

    The trainings of an architecture are seeds 0, 1, ... by file number. What needs no training is kept from the first
    of them; a note gives the number of architectures that occur more than once.

    Raises:
        CorruptData: for a file of another form.
    """
    (path,) = paths
    rows: list[dict[str, Any]] = []
    trainings: Counter[str] = Counter()
    with reading(path):
        for member, document in sorted(_members(path).items()):
            try:
                result = mapping(document, "the document")
                arch = space.format(space.parse(_text(mapping(result["architecture"], "architecture"))))
                rows += _rows(result, {"arch": arch, "dataset": DATASET}, trainings[arch])
            except (LookupError, ValueError) as error:
                raise ValueError(f"result_{member}.json: {type(error).__name__}: {error}") from error
            trainings[arch] += 1
    repeated = sum(count > 1 for count in trainings.values())
    notes = [
        f"{sum(trainings.values())} trainings of {len(trainings)} architectures: {repeated} were trained and measured "
        "more than once; parameters, FLOPs, latency and throughput are those of the first time."
    ]
    return fragment_from_rows(rows, notes if repeated else ())


def _members(path: Path) -> dict[int, Any]:
    """The documents by the number in their file names."""
    found: dict[int, Any] = {}
    for name, document in iter_tar_json(path):
        match = _MEMBER.fullmatch(PurePosixPath(name).name)
        if match is None:
            raise ValueError(f"{name} is not named result_N.json")
        if int(match[1]) in found:
            raise ValueError(f"result_{int(match[1])}.json occurs twice in the archive")
        found[int(match[1])] = document
    return found


def _text(blocks: Mapping[str, Any]) -> str:
    """The architecture in the text form of the MnasNet space."""
    keys = {f"block{block}_{key}" for block in range(BLOCKS) for key in ("e", "k", "l", "se")}
    if blocks.keys() != keys or any(not isinstance(value, int) for value in blocks.values()):
        raise ValueError("the architecture is not one of seven blocks with e, k, l and se")
    return "-".join(
        "".join(f"{key}{int(blocks[f'block{block}_{key}'])}" for key in ("e", "k", "l", "se"))
        for block in range(BLOCKS)
    )


def _rows(result: Mapping[str, Any], cell: dict[str, str], training: int) -> list[dict[str, Any]]:
    metrics = mapping(result["metrics"], "metrics")
    trained = cell | {
        "epochs": EPOCHS,
        "seed": str(training),
        "val_acc": percent(metrics["val_top1"], "val_top1"),
        "val_top5": percent(metrics["val_top5"], "val_top5"),
        "train_s": number(metrics["train_time"], "train_time"),
    }
    if training:
        return [trained]
    size = mapping(result["model_info"], "model_info")
    untrained: dict[str, Any] = cell | UNTRAINED
    untrained["params"] = float(round(number(size["params"], "params") * 1e6))
    untrained["flops"] = float(round(number(size["macs"], "macs") * 1e6))
    for name, measured in mapping(result["platform_perf"], "platform_perf").items():
        match = _PERFORMANCE.fullmatch(name)
        if match is None:
            raise ValueError(f"{name!r} is neither latency_DEVICE nor throughput_DEVICE")
        mean = mapping(measured, name)[f"{match[1]}_mean"]
        untrained[f"{_COLUMNS[match[1]]}@{match[2]}"] = None if mean is None else number(mean, name)
    return [trained, untrained]
