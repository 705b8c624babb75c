"""A batch of images for a sweep: chosen by a hash of the seed, normalised, resized, with a digest."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import CorruptData, ProxybenchError
from proxybench.images.source import Source
from proxybench.images.sources import open_source
from proxybench.readers.arrays import parse_npz
from proxybench.readers.untrusted import MAX_BYTES

Choice = Literal["stratified", "random"]


@dataclass(frozen=True)
class ImageBatch:
    """Images, or texts of tokens, as a network takes them.

    Attributes:
        images: float32[n, c, h, w], or int64[n, tokens].
        labels: int64[n].
        classes: number of classes of the source; None for tokens whose labels are the next token.
        description: source, choice, normalisation, resizing and digest of the chosen pixels, in words and numbers.
    """

    images: NDArray[np.float32] | NDArray[np.int64]
    labels: NDArray[np.int64]
    classes: int | None
    description: dict[str, Any]

    def to_bytes(self) -> bytes:
        """The batch as .npz; the same bytes for the same batch."""
        stream = io.BytesIO()
        np.savez(stream, images=self.images, labels=self.labels)
        return stream.getvalue()


def read_batch(content: bytes) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Images or tokens, and labels, from `ImageBatch.to_bytes`. Raises CorruptData for other bytes."""
    arrays = parse_npz(content, Path("the batch of images"), MAX_BYTES)
    kinds = {name: array.dtype.str for name, array in arrays.items()}
    if kinds not in ({"images": "<f4", "labels": "<i8"}, {"images": "<i8", "labels": "<i8"}):
        raise CorruptData("the batch of images does not contain images and labels; start the sweep again")
    return arrays["images"], arrays["labels"]


def load_batch(
    text: str, count: int, *, resolution: int | None = None, seed: int = 0, choice: Choice = "stratified"
) -> ImageBatch:
    """A batch from the source that `text` names (see `sources.FORMS`).

    The images are ordered by BLAKE2b of "SEED ROW": a random batch is the first `count` of them; a stratified batch
    takes the first of each class in turn. Each channel is normalised with the source's mean and standard deviation,
    which are part of the description. Then the images are resized: by area means if they shrink, otherwise bilinearly.

    Raises:
        ProxybenchError: if the source has fewer than `count` images.
        UnknownName, DataNotAvailable, CorruptData: as `open_source`.
    """
    return batch_of(open_source(text, resolution), count, resolution=resolution, seed=seed, choice=choice)


def batch_of(
    source: Source, count: int, *, resolution: int | None = None, seed: int = 0, choice: Choice = "stratified"
) -> ImageBatch:
    """A batch from an open source. Everything else is as in `load_batch`."""
    if not 0 < count <= len(source.labels):
        raise ProxybenchError(f"{source.name} has only {len(source.labels)} images; a batch of {count} was requested")
    rows = choose(source.labels, count, seed, choice)
    pixels = source.read(rows)
    if pixels.shape[1] != len(source.mean):
        raise CorruptData(f"{source.name}: images have shape {pixels.shape[1:]} instead of {len(source.mean)} channels")
    labels = source.labels[rows]
    images = _normalised(pixels, source)
    size = images.shape[2:]
    if resolution is not None:
        images = resized(images, resolution)
    description = {
        "source": source.name,
        "digest": digest_of(pixels, labels),
        "shape": list(images.shape),
        "choice": f"{choice}, order by BLAKE2b of seed {seed} and row",
        "normalisation": f"pixel / {source.scale:g}, then by channel mean {source.mean} and deviation {source.std}",
        "resized": _resizing(size, resolution),
    }
    return ImageBatch(images, labels, source.classes, description)


def choose(labels: NDArray[np.int64], count: int, seed: int, choice: Choice) -> NDArray[np.int64]:
    """Rows of a batch, int64[count]; see `load_batch`."""
    keys = [hashlib.blake2b(f"{seed} {row}".encode(), digest_size=8).digest() for row in range(len(labels))]
    order = np.array(sorted(range(len(labels)), key=keys.__getitem__), dtype=np.int64)
    if choice == "random":
        return order[:count]
    turn = np.empty(len(order), dtype=np.int64)  # the rank of each image within its class
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels[order] == label)
        turn[of_class] = np.arange(len(of_class))
    return order[np.argsort(turn, kind="stable")][:count]


def resized(images: NDArray[np.float32], resolution: int) -> NDArray[np.float32]:
    """[n, c, resolution, resolution]: area means if both sides shrink, otherwise bilinear (corners not aligned)."""
    import torch

    if images.shape[2:] == (resolution, resolution):
        return images
    smaller = resolution <= min(images.shape[2:])
    mode: dict[str, Any] = {"mode": "area"} if smaller else {"mode": "bilinear", "align_corners": False}
    out: NDArray[np.float32] = torch.nn.functional.interpolate(
        torch.from_numpy(images), size=(resolution, resolution), **mode
    ).numpy()
    return out


def _normalised(pixels: NDArray[Any], source: Source) -> NDArray[np.float32]:
    mean = np.array(source.mean, dtype=np.float32)[:, None, None]
    std = np.array(source.std, dtype=np.float32)[:, None, None]
    images: NDArray[np.float32] = (pixels.astype(np.float32) / np.float32(source.scale) - mean) / std
    return np.ascontiguousarray(images)


def _resizing(size: tuple[int, ...], resolution: int | None) -> str:
    if resolution is None or size == (resolution, resolution):
        return "no"
    how = "area means" if resolution <= min(size) else "bilinear"
    return f"{how}, {size[0]} x {size[1]} to {resolution} x {resolution}"


def digest_of(pixels: NDArray[Any], labels: NDArray[np.int64]) -> str:
    """Digest of the pixels before any arithmetic, so that machines that round differently agree."""
    content = hashlib.blake2b(digest_size=16)
    for array in (pixels, labels):
        content.update(f"{array.dtype.str} {array.shape} ".encode())
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()
