"""Labelled images in parquet files, as bytes of one column or as Hugging Face's `datasets` stores them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from predictors.errors import how_to_install
from proxybench.errors import CorruptData, DataNotAvailable, ProxybenchError
from proxybench.images.source import CIFAR10_MEAN, CIFAR10_STD, Pixels, Source
from proxybench.readers.columns import open_parquet
from proxybench.readers.untrusted import MAX_BYTES, reading

IMAGE_COLUMNS = ("image", "img", "jpeg", "jpg", "png")  # the first one present is used
LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "target", "coarse_label")
NEEDED = f"needed are images ({', '.join(IMAGE_COLUMNS)}) and labels ({', '.join(LABEL_COLUMNS)})"
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
MAX_SIDE = 4096  # pixels; decoding a larger image takes far more memory than its file size suggests
ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class _Columns:
    """The columns of a file that contain its images and labels.

    Attributes:
        image: name of the image column.
        nested: whether it contains {bytes, path} instead of the bytes.
        label: name of the label column.
    """

    image: str
    nested: bool
    label: str


def parquet_folder(place: Path) -> Source:
    """Images from the files train*.parquet of a folder (or from all its parquet files), sorted by name.

    The columns are one of IMAGE_COLUMNS, which contains the bytes of an image or, as Hugging Face stores it, a struct
    with these bytes, and one of LABEL_COLUMNS, integers from 0. All images have the same size and 8 bits per channel.
    They are converted to RGB and normalised with the statistics of CIFAR-10.

    Args:
        place: the folder, or one file.

    Raises:
        DataNotAvailable: if there are no parquet files.
        CorruptData: for files with other columns, or with unreasonably large contents.
    """
    paths = [place] if place.is_file() else sorted(place.glob("train*.parquet")) or sorted(place.glob("*.parquet"))
    if not paths:
        raise DataNotAvailable(f"{place} contains no parquet files; {NEEDED}")
    columns, labels, classes = {}, [], 0
    for path in paths:
        with _reading_parquet(path):
            columns[path] = _columns(path)
            labels.append(_labels(path, columns[path].label))
            classes = max(classes, _named_classes(path, columns[path].label))
    joined = np.concatenate(labels)
    if len(joined) == 0 or joined.min() < 0:
        raise CorruptData(f"{place}: labels must be integers from 0, one for each image")
    kind = "JPEG images" if {found.image for found in columns.values()} == {"jpeg"} else "images"
    name = f"{kind} of {', '.join(path.name for path in paths)}"
    starts = np.concatenate([[0], np.cumsum([len(of_file) for of_file in labels])])

    def read(rows: NDArray[np.int64]) -> Pixels:
        found: dict[int, Pixels] = {}
        for path, start, end in zip(paths, starts, starts[1:], strict=False):
            wanted = sorted({int(row - start) for row in rows if start <= row < end})
            with _reading_parquet(path):
                for row, data in _encoded(path, columns[path], wanted):
                    found[int(start) + row] = _decode(data, len(rows))
        sizes = {image.shape for image in found.values()}
        if len(sizes) > 1:
            raise CorruptData(f"{place}: images have different sizes: {sorted(shape[1:] for shape in sizes)}")
        return np.stack([found[int(row)] for row in rows])

    return Source(name, joined, max(classes, int(joined.max()) + 1), read, 255.0, CIFAR10_MEAN, CIFAR10_STD)


def _columns(path: Path) -> _Columns:
    """Find the two columns. Raises CorruptData, which lists the file's columns, if one is missing."""
    schema = pq.read_schema(path)
    images = {field.name: field.type for field in schema if _holds_images(field.type)}
    labels = {field.name for field in schema if pa.types.is_integer(field.type)}
    image = next((name for name in IMAGE_COLUMNS if name in images), None)
    label = next((name for name in LABEL_COLUMNS if name in labels), None)
    if image is None or label is None:
        there = ", ".join(f"{field.name} ({_short(field.type)})" for field in schema) or "none"
        raise CorruptData(f"{path}: the columns are {there[:300]}; {NEEDED}")
    return _Columns(image, pa.types.is_struct(images[image]), label)


def _holds_images(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _is_bytes(kind.field(place).type)
    return _is_bytes(kind)


def _is_bytes(kind: pa.DataType) -> bool:
    stored = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_binary(stored) or pa.types.is_large_binary(stored))


def _short(kind: pa.DataType) -> str:
    """A type without its element types."""
    return str(kind).partition("<")[0]


def _labels(path: Path, column: str) -> NDArray[np.int64]:
    labels: NDArray[np.int64] = pq.read_table(path, columns=[column]).column(column).to_numpy()
    return labels.astype(np.int64)


def _named_classes(path: Path, column: str) -> int:
    """The number of classes in the file's Hugging Face metadata; 0 if the metadata do not say."""
    about = (pq.read_schema(path).metadata or {}).get(b"huggingface")
    try:
        return len(json.loads(about)["info"]["features"][column]["names"]) if about else 0
    except (ValueError, LookupError, TypeError, RecursionError):
        return 0


def _encoded(path: Path, columns: _Columns, wanted: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """(row, bytes of its image) for the wanted rows, ascending; only their row groups are read.

    Only a few rows are held at a time: a value stored once in the file may occur in all of them.
    """
    left, start = set(wanted), 0
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if any(start <= row < start + rows for row in left):
                at_once = min(ROWS_AT_ONCE, max(1, MAX_BYTES // max(1, _largest_value(file, group, columns.image))))
                place, read = start, f"{columns.image}.bytes" if columns.nested else columns.image
                for batch in file.iter_batches(at_once, row_groups=[group], columns=[read]):
                    for offset in range(len(batch)):
                        if place + offset in left:
                            left.remove(place + offset)
                            yield place + offset, _bytes_of(batch.column(0)[offset], columns, place + offset)
                    place += len(batch)
            start += rows


def _largest_value(file: pq.ParquetFile, group: int, column: str) -> int:
    """The decompressed size in bytes of a column in a row group, an upper bound for each of its values."""
    about = file.metadata.row_group(group)
    chunks = [about.column(place) for place in range(about.num_columns)]
    return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] == column)


def _bytes_of(value: pa.Scalar, columns: _Columns, row: int) -> bytes:
    data = value.as_py()
    if columns.nested and data is not None:
        data = data["bytes"]
    if not data:
        raise ValueError(f"row {row} of column {columns.image} contains no image; paths to image files are not read")
    return bytes(data)


@contextmanager
def _reading_parquet(path: Path) -> Iterator[None]:
    """Turn any error in a parquet file or one of its images into CorruptData naming the file."""
    with reading(path):
        try:
            with open_parquet(path, row_by_row=True):  # its contents fit in memory
                pass
            yield
        except pa.ArrowException as error:
            reason = str(error).partition("\n")[0]
            raise CorruptData(f"{path}: {reason}; {NEEDED}") from error


def _decode(data: bytes, images: int) -> Pixels:
    """An image as uint8 [3, h, w]; `images` is the number held in memory together."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ProxybenchError(f"images in parquet files need Pillow; {how_to_install('torch')}") from error

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if max(width, height) > MAX_SIDE:
                raise ValueError(f"an image has {width} x {height} pixels; at most {MAX_SIDE} per side are allowed")
            if 3 * width * height * images > MAX_BYTES:
                raise ValueError(
                    f"{images} images of {width} x {height} pixels take {3 * width * height * images} bytes, "
                    f"more than the limit of {MAX_BYTES}; use a smaller batch"
                )
            if image.mode.startswith(("I", "F")):
                raise ValueError(f"an image has mode {image.mode}, with more than 8 bits per channel")
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(str(error)) from error
