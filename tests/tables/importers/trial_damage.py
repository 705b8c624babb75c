"""Run by test_damage.py in a process of its own: reads many damaged copies of files and counts what came of them.

Arguments: how many copies of each file, and as JSON what reads each file and its path. Prints the counts as JSON.
"""

from __future__ import annotations

import json
import random
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from proxybench.errors import ProxybenchError
from proxybench.generation.files import read as read_model
from proxybench.images.sources import parquet_folder
from proxybench.readers.frame_pickle import read_frame_pickle
from proxybench.readers.javascript import read_assignment
from proxybench.readers.torch_file import read_torch
from proxybench.readers.untrusted import (
    iter_tar_json,
    iter_zip_json,
    read_csv_columns,
    read_json,
    read_pickle,
    read_pickle_bz2,
)
from proxybench.scores.score_file import read_scores
from proxybench.spaces import get_space
from proxybench.tables.importers.tfrecord import read_batches
from proxybench.tables.importers.trained import read as read_trained
from proxybench.training.table import read_table

MORE_MEMORY = 2 * 2**30  # bytes beyond what the process has when it starts


def model(path: Path) -> Any:
    header, tensors = read_model(path)
    return header, {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def images(path: Path) -> Any:
    source = parquet_folder(path.parent)
    return source.labels.tobytes(), source.read(np.arange(min(4, len(source.labels)))).tobytes()


READERS: dict[str, Callable[[Path], Any]] = {
    "model": model,
    "images": images,
    "trained": lambda path: read_trained([path], get_space("nasbench201")).values.to_pydict(),
    "training table": lambda path: read_table(path).values.to_pydict(),
    "scores": lambda path: read_scores(path).scores.to_numpy().tobytes(),
    "pickle": read_pickle,
    "pickle.bz2": read_pickle_bz2,
    "frame": lambda path: {name: list(column) for name, column in read_frame_pickle(path).items()},
    "torch": read_torch,
    "legacy torch": read_torch,
    "script": lambda path: read_assignment(path, "acc"),
    "json": read_json,
    "zip": lambda path: list(iter_zip_json(path)),
    "tar": lambda path: list(iter_tar_json(path)),
    "csv": lambda path: read_csv_columns(path, ()),
    "tfrecord": lambda path: list(read_batches(path)),
}


def damaged(data: bytes, count: int) -> Iterator[bytes]:
    """Copies with a bit flipped, a part missing, a part doubled, a run of bytes replaced, or an extreme number."""
    chance = random.Random(0)
    for number in range(count):
        place = chance.randrange(len(data))
        length = chance.choice([1, 2, 4, 8, 64])
        match number % 8:
            case 0 | 1 | 2 | 3:
                yield data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]
            case 4:
                yield data[:place]
            case 5:
                yield data[:place] + data[place + length :]
            case 6:
                yield data[:place] + data[place : place + length] * 2 + data[place + length :]
            case _:
                filling = chance.choice([b"\x00", b"\xff", b"\x7f", b"\x80", chance.randbytes(1)])
                yield data[:place] + filling * length + data[place + length :]


def outcomes(kind: str, path: Path, count: int) -> Counter[str]:
    """How often the damaged copies of a file were damage, read as the file itself, or what else came of them."""
    good, read = path.read_bytes(), READERS[kind]
    expected = repr(read(path))
    counts: Counter[str] = Counter()
    for copy in damaged(good, count):
        path.write_bytes(copy)
        try:
            found = repr(read(path))
        except ProxybenchError as error:
            named = str(path) in str(error) or str(path.parent) in str(error)
            counts["damage" if named else f"damage without the file's name: {error}"] += 1
        except Exception as error:
            counts[f"{type(error).__name__}: {error}"[:300]] += 1
        else:
            counts["equal" if found == expected else "other value"] += 1
    path.write_bytes(good)
    return counts


def main(count: int, files: dict[str, str]) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    counts = {}
    for kind, path in files.items():
        sys.stderr.write(f"{kind}\n")  # so that a crash says what it was about
        counts[kind] = outcomes(kind, Path(path), count)
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
