"""HELP, the authors' lists of latencies: one file of architectures, and one file per device with a number for each.

Lee et al., "HELP: Hardware-Adaptive Efficient Latency Prediction for NAS via Meta-Learning", NeurIPS 2021. All are
files of torch.save. Latencies are in milliseconds, those of most phones whole numbers; the number after a GPU is the
batch size. The architectures are a list, alone or as `arch` of a dictionary, each in the form of its space, or a
dictionary of texts and their places.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.torch_file import read_torch
from proxybench.readers.untrusted import reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import number, sequence
from proxybench.tables.store.schema import Fragment, fragment


def read(paths: Sequence[Path], space: SearchSpace, dataset: str) -> Fragment:
    """Read the architectures in the first file and the latencies in the others: latency_ms@FILE at epochs 0.

    Raises:
        CorruptData: for a file of another form, another number of latencies than of architectures, or a latency that
            is not above 0.
    """
    first, *others = paths
    archs = _architectures(first, space)
    columns: dict[str, Any] = {"arch": archs, "dataset": [dataset] * len(archs)}
    columns |= {"epochs": [0] * len(archs), "seed": [""] * len(archs)}
    whole = []
    for path in others:
        columns[f"latency_ms@{path.stem}"] = latencies = _latencies(path, len(archs))
        if all(latency.is_integer() for latency in latencies):
            whole.append(path.stem)
    notes = [f"Latencies on {', '.join(whole)} are whole milliseconds, so that many are equal."] if whole else []
    return fragment(columns, notes)


def _architectures(path: Path, space: SearchSpace) -> list[str]:
    with reading(path):
        texts = [space.format(space.parse(given)) for given in _listed(read_torch(path))]
    if len(set(texts)) != len(texts):
        raise CorruptData(f"{path}: an architecture is listed twice")
    return texts


def _listed(document: object) -> Sequence[Any]:
    """The architectures in order, as the file has them."""
    if not isinstance(document, dict):
        return sequence(document, "the architectures")
    if "arch" in document:
        return sequence(document["arch"], "arch")
    if sorted(document.values()) != list(range(len(document))):
        raise ValueError(f"the places of the architectures are not 0 to {len(document) - 1}")
    return sorted(document, key=document.__getitem__)


def _latencies(path: Path, count: int) -> list[float]:
    with reading(path):
        values = [number(value, "a latency") for value in sequence(read_torch(path), "the document")]
        if len(values) != count:
            raise ValueError(f"{len(values)} latencies for {count} architectures")
        if not all(value > 0 for value in values):
            raise ValueError("a latency is not above 0")
    return values
