"""Batches of images: what is chosen, normalised, resized, refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proxybench.errors import CorruptData, DataNotAvailable, ProxybenchError, UnknownName
from proxybench.images import sources as pixels
from proxybench.images.batch import choose, load_batch, read_batch, resized

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")
Image = pytest.importorskip("PIL.Image", reason="the extra nas-proxybench[torch] is not installed")


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (32, 32)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, format="JPEG", quality=95)
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of training images of one colour each, red and blue in turn, and one that is no training file."""
    for part in range(2):
        labels = [0, 1, 0, 1]
        images = [jpeg((255, 0, 0) if label == 0 else (0, 0, 255)) for label in labels]
        table = pa.table({"file": ["x"] * 4, "label": pa.array(labels, pa.uint8()), "jpeg": images})
        pq.write_table(table, tmp_path / f"train-{part}.parquet")
    pq.write_table(pa.table({"label": [7], "jpeg": [jpeg((9, 9, 9))]}), tmp_path / "test.parquet")
    return tmp_path


def cifar(path: Path, data: object = None) -> None:
    """An archive laid out as the official one, with two images a file: zeros, and ones of label 9."""
    batch = {b"data": np.stack([np.zeros(3072, np.uint8), np.full(3072, 255, np.uint8)]), b"labels": [3, 9]}
    content = pickle.dumps({key.decode(): value for key, value in batch.items()} if data is None else data, protocol=2)
    with tarfile.open(path, "w:gz") as archive:
        for part in range(1, 6):
            member = tarfile.TarInfo(f"cifar-10-batches-py/data_batch_{part}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cifar-10-python.tar.gz"
    cifar(path)
    monkeypatch.setattr(pixels, "CIFAR10_MD5", hashlib.md5(path.read_bytes()).hexdigest())
    return path


def test_a_stratified_batch_has_as_many_of_each_class() -> None:
    batch = load_batch("digits", 40, seed=3)
    assert np.bincount(batch.labels).tolist() == [4] * 10
    assert batch.images.shape == (40, 1, 8, 8)
    assert batch.images.dtype == np.float32
    assert batch.classes == 10


def test_the_choice_is_the_order_of_hashes() -> None:
    labels = np.array([0, 0, 0, 1])
    order = sorted(range(4), key=lambda row: hashlib.blake2b(f"5 {row}".encode(), digest_size=8).digest())
    assert choose(labels, 3, 5, "random").tolist() == order[:3]
    first = next(row for row in order if row < 3)
    assert choose(labels, 2, 5, "stratified").tolist() == [row for row in order if row in (first, 3)]


def test_the_seed_chooses_the_images_and_the_digest_says_so() -> None:
    one, same, other = (load_batch("digits", 16, seed=seed).description["digest"] for seed in (0, 0, 1))
    assert one == same != other


def test_all_digits_normalised_have_mean_0_and_deviation_1() -> None:
    batch = load_batch("digits", 1797)
    assert batch.images.mean() == pytest.approx(0, abs=1e-3)
    assert batch.images.std() == pytest.approx(1, abs=1e-3)


def test_noise_is_standard_normal_and_the_same_each_time() -> None:
    batch = load_batch("noise", 64, resolution=16)
    assert batch.images.shape == (64, 3, 16, 16)
    assert batch.images.mean() == pytest.approx(0, abs=0.02)
    assert batch.images.std() == pytest.approx(1, abs=0.02)
    assert np.array_equal(batch.images, load_batch("noise", 64, resolution=16).images)


def test_jpegs_of_the_training_files_are_decoded(folder: Path) -> None:
    batch = load_batch(f"parquet:{folder}", 4, choice="random")
    assert batch.description["source"] == "JPEG images of train-0.parquet, train-1.parquet"
    for image, label in zip(batch.images, batch.labels, strict=True):
        red = image[0] * 0.2470 + 0.4914  # back to 0..1; the JPEG is not exact
        assert red.mean() == pytest.approx(1 - label, abs=0.02)
    assert batch.classes == 2


def test_the_archive_of_cifar10_is_read(archive: Path) -> None:
    batch = load_batch(f"cifar10:{archive}", 10)
    assert sorted(batch.labels.tolist()) == [3] * 5 + [9] * 5
    black = batch.images[batch.labels == 3][0]
    assert black[:, 0, 0] == pytest.approx([-0.4914 / 0.2470, -0.4822 / 0.2435, -0.4465 / 0.2616], rel=1e-5)


def test_an_archive_of_another_md5_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cifar-10-python.tar.gz"
    cifar(path)
    with pytest.raises(
        CorruptData, match=r"is not that of cifar-10-python.tar.gz \(c58f30108f718f92721af3b95e74349a\)"
    ):
        load_batch(f"cifar10:{path}", 2)


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('ran')",)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(Harmful(), "refused to load"), ({"data": np.zeros((2, 5), np.uint8), "labels": [1, 2]}, "shape")],
)
def test_no_code_of_an_archive_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: object, reason: str) -> None:
    path = tmp_path / "cifar-10-python.tar.gz"
    cifar(path, data)
    monkeypatch.setattr(pixels, "CIFAR10_MD5", hashlib.md5(path.read_bytes()).hexdigest())
    with pytest.raises(CorruptData, match=reason):
        load_batch(f"cifar10:{path}", 2)


def test_an_archive_that_is_cut_is_refused(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.write_bytes(gzip.compress(b"no tar"))
    monkeypatch.setattr(pixels, "CIFAR10_MD5", hashlib.md5(archive.read_bytes()).hexdigest())
    with pytest.raises(CorruptData, match="damaged"):
        load_batch(f"cifar10:{archive}", 2)


def test_damaged_or_foreign_parquet_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    for content, reason in (
        ({"label": [0, 1]}, "jpeg"),
        ({"label": [0, 1], "jpeg": [b"GIF89a", b""]}, "cannot identify"),
        ({"label": [0, 1], "jpeg": [jpeg((1, 1, 1)), jpeg((1, 1, 1), (64, 64))[:-99]]}, "[Tt]runcated"),
        ({"label": [0, 1], "jpeg": [jpeg((1, 1, 1)), jpeg((1, 1, 1), (8, 8))]}, "different sizes"),
        ({"label": [0, 1], "jpeg": [jpeg((1, 1, 1), (5000, 1))] * 2}, "at most 4096"),
        ({"label": [0, -1], "jpeg": [jpeg((1, 1, 1))] * 2}, "integers from 0"),
    ):
        pq.write_table(pa.table(content), path)
        with pytest.raises(CorruptData, match=reason):
            load_batch(f"parquet:{tmp_path}", 2)
    path.write_bytes(b"no parquet")
    with pytest.raises(CorruptData, match=r"train.parquet"):
        load_batch(f"parquet:{tmp_path}", 2)


def test_halving_takes_means_of_four_pixels_and_doubling_is_bilinear() -> None:
    image = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    assert resized(image, 2)[0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    line = np.array([[0.0, 4.0], [0.0, 4.0]], dtype=np.float32)[None, None]
    assert resized(line, 4)[0, 0, 0].tolist() == [0, 1, 3, 4]
    assert load_batch("digits", 10, resolution=4).description["resized"] == "area means, 8 x 8 to 4 x 4"
    assert load_batch("digits", 10, resolution=9).description["resized"] == "bilinear, 8 x 8 to 9 x 9"


def test_a_batch_survives_its_bytes() -> None:
    batch = load_batch("digits", 10)
    images, labels = read_batch(batch.to_bytes())
    assert np.array_equal(images, batch.images)
    assert np.array_equal(labels, batch.labels)


def test_what_cannot_be_had_says_what_to_do(tmp_path: Path) -> None:
    for text, error, reason in (
        ("digit", UnknownName, "Did you mean 'digits'"),
        ("cifar10", ProxybenchError, "cifar10 needs a path: cifar10:PATH"),
        (f"cifar10:{tmp_path / 'x'}", DataNotAvailable, "get cifar-10-python.tar.gz from"),
        (f"parquet:{tmp_path}", DataNotAvailable, "contains no parquet files"),
    ):
        with pytest.raises(error, match=reason):
            load_batch(text, 2)
    with pytest.raises(ProxybenchError, match="has only 1797 images; a batch of 2000 was requested"):
        load_batch("digits", 2000)
