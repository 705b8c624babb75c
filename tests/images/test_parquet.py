"""Images in parquet files: the columns that are found, what is refused, and how much memory is taken."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.images import parquet as parquet_images
from proxybench.images.batch import load_batch
from proxybench.images.parquet import parquet_folder
from proxybench.readers import columns

Image = pytest.importorskip("PIL.Image", reason="the extra nas-proxybench[torch] is not installed")


def encoded(grey: int, size: tuple[int, int] = (6, 4), kind: str = "PNG", mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    colour = (grey,) * len(mode) if mode in ("RGB", "RGBA") else grey
    Image.new(mode, size, colour).save(stream, kind)
    return stream.getvalue()


def nested(images: list[bytes | None]) -> list[dict[str, Any]]:
    return [{"bytes": image, "path": f"{place}.png"} for place, image in enumerate(images)]


def written(folder: Path, columns: dict[str, Any], *, classes: list[str] | None = None, **options: Any) -> Path:
    table = pa.table(columns)
    if classes is not None:
        about = {"info": {"features": {"label": {"names": classes, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    path = folder / "train-00000-of-00001.parquet"
    pq.write_table(table, path, **options)
    return path


GREYS = [0, 50, 100, 250]


@pytest.mark.parametrize("image", ["image", "img", "jpeg", "png"])
@pytest.mark.parametrize("label", ["label", "labels", "fine_label", "target"])
def test_columns_are_found_by_their_usual_names(tmp_path: Path, image: str, label: str) -> None:
    columns = {"id": ["a"] * 4, image: nested([encoded(grey) for grey in GREYS]), label: [0, 1, 2, 1]}
    source = parquet_folder(written(tmp_path, columns).parent)
    assert source.labels.tolist() == [0, 1, 2, 1]
    pixels = source.read(np.array([3, 0, 3]))
    assert pixels.shape == (3, 3, 4, 6)
    assert pixels[:, :, 0, 0].tolist() == [[250] * 3, [0] * 3, [250] * 3]


def test_the_finer_of_two_labels_and_the_column_with_bytes_are_taken(tmp_path: Path) -> None:
    images = nested([encoded(grey) for grey in GREYS])
    columns = {"coarse_label": [0] * 4, "fine_label": [0, 1, 2, 3], "image": ["name"] * 4, "img": images}
    source = parquet_folder(written(tmp_path, columns).parent)
    assert source.classes == 4
    assert source.read(np.array([1]))[0, 0, 0, 0] == 50


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "L"), ("PNG", "RGBA"), ("BMP", "RGB"), ("WEBP", "RGB"), ("PNG", "P")]
)
def test_formats_and_modes_become_rgb(tmp_path: Path, kind: str, mode: str) -> None:
    written(tmp_path, {"image": [encoded(0, kind=kind, mode=mode)], "label": [0]})
    assert parquet_folder(tmp_path).read(np.array([0])).tolist() == np.zeros((1, 3, 4, 6)).tolist()


def test_classes_are_those_that_the_file_names(tmp_path: Path) -> None:
    columns = {"image": nested([encoded(grey) for grey in GREYS]), "label": [0, 1, 2, 1]}
    assert parquet_folder(written(tmp_path, columns, classes=[*"abcdefghij"]).parent).classes == 10
    assert parquet_folder(written(tmp_path, columns).parent).classes == 3


def test_one_file_and_several_row_groups(tmp_path: Path) -> None:
    images = nested([encoded(grey) for grey in range(200)])
    path = written(tmp_path, {"image": images, "label": [0] * 200}, row_group_size=70)
    rows = np.array([199, 0, 71, 69, 140])
    assert parquet_folder(path).read(rows)[:, 0, 0, 0].tolist() == rows.tolist()
    batch = load_batch(f"parquet:{path}", 3)
    assert batch.images.shape == (3, 3, 4, 6)
    assert batch.description["source"] == f"images of {path.name}"


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (
            {"picture": [b"x"], "label": [0]},
            r"columns are picture \(binary\), label \(int64\); needed are images \(image,",
        ),
        (
            {"image": [b"x"], "name": ["a"]},
            r"columns are image \(binary\), name \(string\); needed are .* labels \(label,",
        ),
        ({"image": [[1, 2]], "label": [0]}, r"image \(list\)"),
        ({"image": [{"path": "x"}], "label": [0]}, r"image \(struct\)"),
        ({"image": nested([encoded(0)]), "label": ["cat"]}, r"label \(string\)"),
        ({"image": nested([encoded(0)]), "label": [None]}, "label"),
        ({"image": nested([None, encoded(0)]), "label": [0, 1]}, "row 0 of column image contains no image"),
        ({"image": nested([encoded(0, mode="I;16")]), "label": [0]}, "more than 8 bits"),
        ({"image": nested([b"<svg>"]), "label": [0]}, "cannot identify"),
    ],
)
def test_other_columns_are_refused_in_one_line(tmp_path: Path, columns: dict[str, Any], reason: str) -> None:
    with pytest.raises(CorruptData, match=reason) as refused:
        load_batch(f"parquet:{written(tmp_path, columns).parent}", len(columns["label"]) if "label" in columns else 1)
    assert "\n" not in str(refused.value)
    assert "train-00000-of-00001.parquet" in str(refused.value) or "integers from 0" in str(refused.value)


def test_a_folder_without_parquet_files_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(DataNotAvailable, match=r"no parquet files; needed are images \(image"):
        parquet_folder(tmp_path)


@contextmanager
def counted_memory() -> Iterator[Any]:
    """A pool that counts what pyarrow takes inside."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    try:
        yield pool
    finally:
        pa.set_memory_pool(before)


@pytest.mark.parametrize("as_dictionary", [True, False])
def test_one_value_that_stands_in_many_rows_takes_no_memory_for_each(tmp_path: Path, as_dictionary: bool) -> None:
    # A dictionary holds the megabyte once; 4,800 rows of it would be 4.8 GB.
    image = encoded(7, (600, 600), "BMP")
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 4800, pa.int32()), pa.array([image], pa.binary()))
    columns = {"image": values, "label": [0] * 4800}
    path = written(tmp_path, columns, compression="zstd", store_schema=as_dictionary)
    assert path.stat().st_size < 100_000
    with counted_memory() as memory:
        assert parquet_folder(path).read(np.array([0, 4799])).shape == (2, 3, 600, 600)
        with pytest.raises(CorruptData, match="4800 images of 600 x 600 pixels take 5184000000 bytes"):
            load_batch(f"parquet:{path}", 4800)
        assert memory.max_memory() < parquet_images.MAX_BYTES


def test_what_decompresses_out_of_proportion_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "BYTES", (2**20, 1))
    images = [bytes([place]) * 2**16 for place in range(64)]
    path = written(tmp_path, {"image": images, "label": [0] * 64}, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 2**16
    refused = pytest.raises(CorruptData, match=r"it has more than .* bytes in a file of")
    with counted_memory() as memory, refused:
        parquet_folder(path)
    assert memory.max_memory() < 2**20
