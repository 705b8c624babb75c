"""Parquet of unknown origin: bounded by what its pages hold, whatever its last part says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proxybench.readers import columns
from proxybench.readers.columns import open_parquet, read_parquet

WAYS = [
    {},
    {"data_page_version": "2.0", "compression": "zstd"},
    {"use_dictionary": False, "compression": "gzip"},
    {"use_dictionary": False, "column_encoding": {"x": "BYTE_STREAM_SPLIT", "n": "DELTA_BINARY_PACKED"}},
    {"row_group_size": 100, "data_page_size": 200, "write_page_index": True, "write_page_checksum": True},
]


def table(rows: int = 1000) -> pa.Table:
    return pa.table(
        {
            "n": pa.array([None if row % 7 == 0 else row for row in range(rows)]),
            "x": np.linspace(0, 1, rows),
            "text": [f"text {row % 10}" for row in range(rows)],
            "lists": [[float(row)] * (row % 4) for row in range(rows)],
        }
    )


@pytest.mark.parametrize("options", WAYS)
def test_what_pyarrow_writes_is_read(tmp_path: Path, options: dict[str, object]) -> None:
    for rows in (0, 1, 1000):
        pq.write_table(table(rows), tmp_path / "x.parquet", **options)
        assert read_parquet(tmp_path / "x.parquet").equals(pq.read_table(tmp_path / "x.parquet"))
        assert read_parquet(tmp_path / "x.parquet", ["x", "n"]).column_names == ["x", "n"]


def test_a_missing_column_is_an_error(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "x.parquet")
    with pytest.raises(KeyError, match="column label is missing"):
        read_parquet(tmp_path / "x.parquet", ["label"])


def test_a_run_of_equal_values_is_counted(tmp_path: Path) -> None:
    """Twenty million numbers in a few kilobytes."""
    path = tmp_path / "x.parquet"
    with pq.ParquetWriter(path, pa.schema([("label", pa.int64())]), compression="zstd") as writer:
        piece = pa.table({"label": np.zeros(4_000_000, np.int64)})
        for _ in range(5):
            writer.write_table(piece)
    with pytest.raises(ValueError, match=r"more than 1[0-9]+ values or 2[0-9]+ bytes in a file of"):
        _refused(path, values=(2**20, 10))


def test_values_of_lists_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    lists = pa.ListArray.from_arrays(pa.array([0, 3_000_000], pa.int32()), pa.array(np.zeros(3_000_000)))
    pq.write_table(pa.table({"nodes": lists}), path, compression="zstd")
    with pytest.raises(ValueError, match="more than"):
        _refused(path, values=(2**20, 1))


def test_long_texts_that_are_repeated_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of 100 kB in a hundred rows is 10 MB."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"arch": ["x" * 10**5] * 100}), path)
    assert path.stat().st_size < 20_000
    assert read_parquet(path).num_rows == 100
    monkeypatch.setattr(columns, "BYTES", (2**20, 100))
    with pytest.raises(ValueError, match="its texts, most of them repeated, have more than"):
        read_parquet(path)


def test_texts_that_grow_from_each_other_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    options = {"use_dictionary": False, "column_encoding": {"arch": "DELTA_BYTE_ARRAY"}}
    pq.write_table(pa.table({"arch": ["x" * 10**5] * 1000}), path, **options)
    with pytest.raises(ValueError, match="has the unsupported encoding 7"):
        read_parquet(path)


def test_a_page_that_is_large_when_decompressed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"x": ["x" * 2_000_000]}), path, use_dictionary=False, compression="zstd")
    monkeypatch.setattr(columns, "MAX_PAGE", 10**6)
    with pytest.raises(ValueError, match="more than"):
        read_parquet(path)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 3, b"PAR1" + b"\xff\xff\xff\x7fPAR1", b"x" * 1000])
def test_what_is_no_parquet_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(data)
    with pytest.raises((ValueError, OSError, pa.ArrowException)):
        read_parquet(tmp_path / "x.parquet")


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    with pq.ParquetWriter(path, pa.schema([("label", pa.int64())]), compression="zstd") as writer:
        piece = pa.table({"label": np.zeros(8_000_000, np.int64)})
        for _ in range(10):
            writer.write_table(piece, row_group_size=8_000_000)
    script = (
        "import resource, sys; from pathlib import Path; from proxybench.images.sources import parquet_folder\n"
        "from proxybench.errors import CorruptData\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: parquet_folder(Path(sys.argv[1]))\n"
        "except CorruptData as error: assert 'train.parquet' in str(error)\n"
        "else: sys.exit('read')\n"
        "assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def _refused(path: Path, values: tuple[int, int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "VALUES", values)
        open_parquet(path).close()
