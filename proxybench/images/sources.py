"""Sources of labelled pixels: CIFAR-10's archive, a folder of parquet files, scikit-learn's digits, noise."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import CorruptData, DataNotAvailable, ProxybenchError, unknown_name
from proxybench.images.parquet import parquet_folder
from proxybench.images.source import CIFAR10_MEAN, CIFAR10_STD, Pixels, Source
from proxybench.readers.unpickle import restricted_loads
from proxybench.readers.untrusted import MAX_BYTES, reading

CIFAR10_MD5 = "c58f30108f718f92721af3b95e74349a"
FORMS = ("cifar10:PATH of cifar-10-python.tar.gz", "parquet:FOLDER or FILE", "digits", "noise")


def open_source(text: str, resolution: int | None = None) -> Source:
    """The source that `text` names, in one of FORMS.

    Args:
        text: for example "digits".
        resolution: resolution of noise images, 32 by default.

    Raises:
        UnknownName: for an unknown kind of source.
        DataNotAvailable: if a file or folder is missing.
        CorruptData: for a file with the wrong contents.
    """
    kind, _, place = text.partition(":")
    path = Path(place).expanduser()
    match kind:
        case "cifar10" | "parquet" if not place:
            raise ProxybenchError(f"--images {kind} needs a path: {FORMS[0] if kind == 'cifar10' else FORMS[1]}")
        case "cifar10":
            return cifar10(path)
        case "parquet":
            return parquet_folder(path)
        case "digits":
            return digits()
        case "noise":
            return noise((3, resolution or 32, resolution or 32))
    raise unknown_name("source of images", text, FORMS)


def cifar10(path: Path) -> Source:
    """The 50,000 training images of the official Python archive; its MD5 is checked.

    Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    if not path.is_file():
        raise DataNotAvailable(
            f"{path} does not exist; get cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html"
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


def digits() -> Source:
    """scikit-learn's 1,797 grey 8 x 8 digits, normalised with their own mean and standard deviation."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = data.images[:, None].astype(np.float32)
    mean, std = (round(float(value) / 16, 4) for value in (pixels.mean(), pixels.std()))
    labels = data.target.astype(np.int64)
    return Source("scikit-learn digits", labels, 10, lambda rows: pixels[rows], 16.0, (mean,), (std,))


def noise(shape: tuple[int, int, int], classes: int = 10) -> Source:
    """Ten thousand standard normal images, each determined by its number; the classes take turns.

    Args:
        shape: channels, height and width.
        classes: number of classes.
    """
    labels = np.arange(10_000, dtype=np.int64) % classes

    def read(rows: NDArray[np.int64]) -> Pixels:
        images = [np.random.Generator(np.random.PCG64(int(row))).standard_normal(shape, np.float32) for row in rows]
        return np.stack(images)

    return Source("standard normal noise", labels, classes, read, 1.0, (0.0,) * shape[0], (1.0,) * shape[0])
