"""Damaged files of every kind, read in a process with little memory: an error of ours, or a value, and no crash."""

from __future__ import annotations

import bz2
import io
import json
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proxybench.resources import data_path
from proxybench.tables.importers.crc32c import masked_crc32c

if not Path("/proc/self/statm").exists():
    pytest.skip("the memory of a process is limited by what /proc says of it", allow_module_level=True)

ARCHS = [
    "|skip_connect~0|+|skip_connect~0|none~1|+|none~0|none~1|skip_connect~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
]
SCRIPT = Path(__file__).with_name("trial_damage.py")
DOCUMENT = {"a": [1.5, "text", None, {"b": [True]}] * 5}
# A format with checksums of all that matters: a damaged copy is found, or reads as before. (Records of a tfrecord file
# have checksums too, but where the file ends after one of them, nothing says that there were more.)
CHECKED = ("model",)


def shipped(name: str) -> Callable[[Path], object]:
    """Writes a copy of a file that comes with the project."""
    return lambda path: path.write_bytes(Path(str(data_path(name))).read_bytes())


def write_images(path: Path) -> None:
    from PIL import Image

    jpegs = []
    for number in range(20):
        stream = io.BytesIO()
        Image.fromarray(np.full((8, 8, 3), number * 10, np.uint8)).save(stream, "JPEG")
        jpegs.append(stream.getvalue())
    pq.write_table(pa.table({"label": [n % 4 for n in range(20)], "jpeg": jpegs}), path, compression="zstd")


def write_frame(path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(20) / 7, "b": range(20), "c": np.array(ARCHS * 10, dtype=object)})
    frame = frame.astype({"c": object}).set_axis(pd.Index(list("abc"), dtype=object), axis=1)
    path.write_bytes(pickle.dumps(frame, 4))


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.json", json.dumps(DOCUMENT))
        archive.writestr("a/2.json", "[]")


def write_torch(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps([DOCUMENT], 2))
        archive.writestr("x/version", "3")


def write_legacy_torch(path: Path) -> None:
    values = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, [DOCUMENT], [])
    path.write_bytes(b"".join(pickle.dumps(value, 2) for value in values))


def write_tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for number in range(3):
            data = json.dumps(DOCUMENT).encode()
            about = tarfile.TarInfo(f"a/{number}.json")
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))


def write_tfrecord(path: Path) -> None:
    records = [b"x" * 100, b"y" * 50]
    path.write_bytes(
        b"".join(
            struct.pack("<Q", len(record))
            + struct.pack("<I", int(masked_crc32c([struct.pack("<Q", len(record))])[0]))
            + record
            + struct.pack("<I", int(masked_crc32c([record])[0]))
            for record in records
        )
    )


PICKLED = {("cifar10", 777): np.float64(1.5), "array": np.arange(20), "texts": ["a", b"b", {1, 2}, (None, True)]}
WRITERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "model": ("m.npz", shipped("models/generator-nasbench201.npz")),
    "scores": ("s.parquet", shipped("tables/vit-micro-proxies.parquet")),
    "images": ("train.parquet", write_images),
    "pickle": ("x.p", lambda path: path.write_bytes(pickle.dumps(PICKLED, 4))),
    "pickle.bz2": ("x.pbz2", lambda path: path.write_bytes(bz2.compress(pickle.dumps(PICKLED, 2)))),
    "frame": ("x.pd", write_frame),
    "torch": ("x.pt", write_torch),
    "legacy torch": ("legacy.pt", write_legacy_torch),
    "script": ("x.js", lambda path: path.write_text(f"acc={json.dumps(DOCUMENT)};")),
    "json": ("x.json", lambda path: path.write_text(json.dumps(DOCUMENT))),
    "zip": ("x.zip", write_zip),
    "tar": ("x.tar.gz", write_tar),
    "csv": ("x.csv", lambda path: path.write_text("a,b\n" + '1,"x,y"\n' * 50)),
    "tfrecord": ("x.tfrecord", write_tfrecord),
}


@pytest.mark.parametrize("count", [12, pytest.param(2000, marks=pytest.mark.slow)])
def test_damaged_files_are_damage_or_values(tmp_path: Path, write_trained: Callable[..., Path], count: int) -> None:
    files: dict[str, Path] = {}
    for number, (kind, (name, write)) in enumerate(WRITERS.items()):
        files[kind] = tmp_path / str(number) / name
        files[kind].parent.mkdir()
        write(files[kind])
    setting = {"space": "nasbench201", "format": 1, "seeds": 2, "failed": {}, "complete": True}
    files["trained"] = files["training table"] = write_trained(tmp_path / "t.parquet", ARCHS, setting=setting)
    argument = json.dumps({kind: str(path) for kind, path in files.items()})
    done = subprocess.run([sys.executable, SCRIPT, str(count), argument], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    for kind, counts in json.loads(done.stdout).items():
        allowed = {"damage", "equal"} | (set() if kind in CHECKED else {"other value"})
        assert set(counts) <= allowed, (kind, counts)
        assert sum(counts.values()) == count
        assert counts["damage"] > 0, kind
