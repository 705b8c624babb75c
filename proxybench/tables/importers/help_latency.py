"""HELP: latencies of all NAS-Bench-201 cells on 27 devices.

Lee, Lee, Chong and Hwang, "HELP: Hardware-Adaptive Efficient Latency Prediction for NAS via Meta-Learning", NeurIPS
2021. One file of torch.save per device: a list of milliseconds in the order of another file, which maps the text of a
cell to its number. A device is named as its file is: graphics cards with the batch after the underscore, telephones
and boards with none. Files of whole numbers were rounded to milliseconds by the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.torch_file import read_torch
from proxybench.readers.untrusted import reading
from proxybench.spaces.base import SearchSpace
from proxybench.tables.importers.checks import mapping, number, sequence
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment


def read(paths: Sequence[Path], space: SearchSpace, dataset: str) -> Fragment:
    """The columns `latency_ms@DEVICE`, where DEVICE is the name of a file.

    Args:
        paths: the file of numbers of cells, then one of latencies for each device.
        space: nasbench201.
        dataset: data set of the rows.

    Raises:
        CorruptData: for files of another form, or a latency that is not above zero.
    """
    with reading(paths[0]):
        numbered = mapping(read_torch(paths[0]), "the numbers of the cells")
        if sorted(numbered.values()) != list(range(len(numbered))):
            raise CorruptData(f"{paths[0]}: the numbers of the cells are not 0 to {len(numbered) - 1}")
        texts = sorted(numbered, key=numbered.__getitem__)
        archs = [space.format(space.parse(text)) for text in texts]
    n = len(archs)
    columns: dict[str, Any] = {"arch": archs, "dataset": [dataset] * n}
    columns |= {key: [value] * n for key, value in UNTRAINED.items()}
    whole = []
    for path in paths[1:]:
        values = read_torch(path)
        with reading(path):
            latencies = [number(value, f"latency {row}") for row, value in enumerate(sequence(values, "the file"))]
        if len(latencies) != n or not all(0 < latency < 1e9 for latency in latencies):
            raise CorruptData(f"{path}: is not {n} latencies above zero")
        columns[f"latency_ms@{path.stem}"] = latencies
        if all(latency.is_integer() for latency in latencies):
            whole.append(path.stem)
    notes = [f"Latencies on {', '.join(whole)} are whole milliseconds, so many cells are equal."] if whole else []
    return fragment(columns, notes)
