"""Sources of labelled pixels: CIFAR-10's archive, a folder of parquet files, scikit-learn's digits, noise."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from proxybench.errors import CorruptData, DataNotAvailable, ProxybenchError, unknown_name
from proxybench.tables.columns import open_parquet
from proxybench.tables.unpickle import restricted_loads
from proxybench.tables.untrusted import MAX_BYTES, reading

CIFAR10_MD5 = "c58f30108f718f92721af3b95e74349a"
CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_STD = (0.2470, 0.2435, 0.2616)
MAX_SIDE = 4096  # pixels; decoding a larger JPEG takes memory out of proportion to its file
FORMS = ("cifar10:PATH of cifar-10-python.tar.gz", "parquet:FOLDER", "digits", "noise")

Pixels = NDArray[Any]


@dataclass(frozen=True)
class Source:
    """A set of labelled images, of which some are asked for.

    Attributes:
        name: what it is, in words.
        labels: int64[N].
        classes: how many there are.
        read: from row numbers to pixels [n, c, h, w], uint8 or float32.
        scale: what a pixel is divided by.
        mean: of each channel, after `scale`.
        std: of each channel, after `scale`.
    """

    name: str
    labels: NDArray[np.int64]
    classes: int
    read: Callable[[NDArray[np.int64]], Pixels]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


def open_source(text: str, resolution: int | None = None) -> Source:
    """The source that `text` names: one of FORMS.

    Args:
        text: such as "digits".
        resolution: of noise, which has none of its own; 32 by default.

    Raises:
        UnknownName: for another kind of source.
        DataNotAvailable: for a file or folder that is not there.
        CorruptData: for a file that is not what it should be.
    """
    kind, _, place = text.partition(":")
    path = Path(place).expanduser()
    match kind:
        case "cifar10" | "parquet" if not place:
            raise ProxybenchError(f"--images {kind}: say where, as in {FORMS[0] if kind == 'cifar10' else FORMS[1]}")
        case "cifar10":
            return cifar10(path)
        case "parquet":
            return parquet_folder(path)
        case "digits":
            return digits()
        case "noise":
            return noise(resolution or 32)
    raise unknown_name("source of images", text, FORMS)


def cifar10(path: Path) -> Source:
    """The 50,000 training images of the official Python archive; its MD5 is checked.

    Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    if not path.is_file():
        raise DataNotAvailable(
            f"{path} is not there; get cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html"
        )
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "md5").hexdigest()
    if found != CIFAR10_MD5:
        raise CorruptData(f"{path}: MD5 {found} is not that of cifar-10-python.tar.gz ({CIFAR10_MD5}); get it again")
    with reading(path), tarfile.open(path, mode="r:gz") as archive:
        batches = [_cifar_batch(path, archive, f"cifar-10-batches-py/data_batch_{part}") for part in range(1, 6)]
    pixels = np.concatenate([data for data, _ in batches])
    labels = np.concatenate([labels for _, labels in batches])
    return Source("CIFAR-10 train", labels, 10, lambda rows: pixels[rows], 255.0, CIFAR10_MEAN, CIFAR10_STD)


def _cifar_batch(path: Path, archive: tarfile.TarFile, name: str) -> tuple[Pixels, NDArray[np.int64]]:
    member = archive.getmember(name)
    stream = archive.extractfile(member)
    if stream is None or member.size > MAX_BYTES:
        raise CorruptData(f"{path}: member {name!r} is not a file of a plausible size")
    content = restricted_loads(stream.read())
    data = np.asarray(content["data"], dtype=np.uint8)
    labels = np.asarray(content["labels"], dtype=np.int64)
    if data.shape != (len(labels), 3072):
        raise CorruptData(f"{path}: {name!r} has pixels of shape {data.shape} for {len(labels)} labels")
    return data.reshape(-1, 3, 32, 32), labels


def parquet_folder(folder: Path) -> Source:
    """Images of the files train*.parquet of a folder (of all its parquet files where there is none), by name.

    Columns: `label`, an integer; `jpeg`, the bytes of a JPEG. Images are of one size. They are normalised with the
    statistics of CIFAR-10.
    """
    paths = sorted(folder.glob("train*.parquet")) or sorted(folder.glob("*.parquet"))
    if not paths:
        raise DataNotAvailable(f"{folder} holds no parquet files with columns label and jpeg")
    counts, labels = [], []
    for path in paths:
        with _reading_parquet(path) as file:
            column = file.read(columns=["label"]).column("label").to_numpy()
            labels.append(column.astype(np.int64))
            counts.append(len(column))
    joined = np.concatenate(labels)
    if len(joined) == 0 or joined.min() < 0:
        raise CorruptData(f"{folder}: labels must be numbers from 0, one for each image")
    name = f"JPEG images of {', '.join(path.name for path in paths)}"
    starts = np.concatenate([[0], np.cumsum(counts)])

    def read(rows: NDArray[np.int64]) -> Pixels:
        found: dict[int, Pixels] = {}
        for path, start, end in zip(paths, starts, starts[1:], strict=False):
            wanted = [int(row) for row in rows if start <= row < end]
            if wanted:
                with _reading_parquet(path) as file:
                    found |= {start + row: _decode(data) for row, data in _jpegs(file, [row - start for row in wanted])}
        sizes = {image.shape for image in found.values()}
        if len(sizes) > 1:
            raise CorruptData(f"{folder}: images of several sizes: {sorted(shape[1:] for shape in sizes)}")
        return np.stack([found[int(row)] for row in rows])

    return Source(name, joined, int(joined.max()) + 1, read, 255.0, CIFAR10_MEAN, CIFAR10_STD)


@contextmanager
def _reading_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """The file, opened; whatever is wrong with it or with a JPEG in it is turned into CorruptData naming it."""
    with reading(path):
        try:
            with open_parquet(path, read_dictionary=["jpeg"]) as file:
                yield file
        except pa.ArrowException as error:
            raise CorruptData(f"{path}: {error}; columns label and jpeg are needed") from error


def _jpegs(file: pq.ParquetFile, rows: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """(row, bytes of its JPEG) of some rows; an image that stands in many rows is in memory once."""
    start = 0
    for group in range(file.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        wanted = [row for row in rows if start <= row < end]
        if wanted:
            column = file.read_row_group(group, columns=["jpeg"]).column("jpeg")
            yield from ((row, column[row - start].as_py()) for row in wanted)
        start = end


def digits() -> Source:
    """The 1,797 grey 8 x 8 digits of scikit-learn, normalised with their own mean and deviation."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = data.images[:, None].astype(np.float32)
    mean, std = (round(float(value) / 16, 4) for value in (pixels.mean(), pixels.std()))
    labels = data.target.astype(np.int64)
    return Source("scikit-learn digits", labels, 10, lambda rows: pixels[rows], 16.0, (mean,), (std,))


def noise(resolution: int) -> Source:
    """Standard normal images [3, resolution, resolution], ten thousand of them, each a function of its number."""
    labels = np.arange(10_000, dtype=np.int64) % 10

    def read(rows: NDArray[np.int64]) -> Pixels:
        shape = (3, resolution, resolution)
        images = [np.random.Generator(np.random.PCG64(int(row))).standard_normal(shape, np.float32) for row in rows]
        return np.stack(images)

    return Source("standard normal noise", labels, 10, read, 1.0, (0.0,) * 3, (1.0,) * 3)


def _decode(data: bytes) -> Pixels:
    """A JPEG as uint8 [3, h, w]."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ProxybenchError("JPEG images need Pillow: pip install 'proxybench[torch]'") from error

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            if max(image.size) > MAX_SIDE:
                raise ValueError(f"an image of {image.size} pixels; at most {MAX_SIDE} on a side")
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(str(error)) from error
