"""Arrays of unknown origin: what numpy writes is read as numpy reads it, all else is damage that names the file."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from proxybench.errors import CorruptData
from proxybench.readers.arrays import parse_npy, read_npz


def npy(header: str, body: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header))
    return b"\x93NUMPY" + version + size + header.encode() + body


def described(kind: str, shape: str) -> str:
    return f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n"


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(tmp_path: Path, write) -> None:
    arrays = {
        "f": np.arange(6.0).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "half": np.array([1.5], np.float16),
        "big": np.array([1, 2], ">i4"),
        "bool": np.array([True, False]),
        "none": np.empty((0, 4)),
        "number": np.array(3.0),
        "complex": np.array([1j]),
    }
    write(tmp_path / "x.npz", **arrays)
    found = read_npz(tmp_path / "x.npz")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert (found[name].dtype, found[name].flags.f_contiguous) == (array.dtype, array.flags.f_contiguous)
        assert found[name].flags.writeable


HOSTILE = {
    "objects": npy(described("|O", "(1,)"), b"cos\nsystem\n(S'true'\ntR."),
    "longer than the file": npy(described("<f8", "(1000000000000,)"), bytes(80)),
    "more bytes than it says": npy(described("<f8", "(1,)"), bytes(80)),
    "negative": npy(described("<f8", "(-5,)"), bytes(80)),
    "a product that overflows": npy(described("<f8", "(4294967296, 4294967296, 4294967296)"), bytes(80)),
    "a length beyond 64 bits": npy(described("<f8", f"(0, {10**30})")),
    "hundreds of dimensions": npy(described("<f8", "(" + "1, " * 300 + ")"), bytes(8)),
    "a record": npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", bytes(8)),
    "an unknown type": npy(described("<f7", "(1,)"), bytes(7)),
    "code": npy("__import__('os').system('true')"),
    "brackets without end": npy("(" * 9000),
    "a header of gigabytes": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31 - 1) + b"{",
    "an unknown version": npy(described("<f8", "(1,)"), bytes(8), version=b"\x09\x00"),
    "no array": b"PK",
    "empty": b"",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_other_arrays_are_damage_and_take_no_memory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(zipped(("a.npy", HOSTILE[kind])))
    tracemalloc.start()
    with pytest.raises(CorruptData, match=r"x\.npz: "):
        read_npz(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zipped(("a.npy", npy(described("|u1", "(9,)"), bytes(9))), ("a", b"")), "not an array, or is a duplicate"),
        (zipped(("a.txt", b"")), "not an array"),
        (zipped(("a.npy", b"x"), method=zipfile.ZIP_LZMA), "neither stored nor deflated"),
        (b"\x80\x04]q\x00.", "not a zip file"),
        (npy(described("|u1", "(1,)"), b"1"), "not a zip file"),
    ],
)
def test_other_archives_are_damage(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(CorruptData, match=reason):
        read_npz(path)


def test_a_bomb_is_refused_by_the_size_that_it_declares(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(
        zipped(("a.npy", npy(described("|u1", "(5000000,)"), bytes(5_000_000))), method=zipfile.ZIP_DEFLATED)
    )
    assert path.stat().st_size < 10_000
    with pytest.raises(CorruptData, match=r"holds more than .* 1000000 bytes"):
        read_npz(path, limit=1_000_000)
    assert read_npz(path)["a"].shape == (5_000_000,)


def test_an_array_by_itself_is_read_from_its_bytes() -> None:
    stream = io.BytesIO()
    np.save(stream, np.arange(5))
    np.testing.assert_array_equal(parse_npy(stream.getvalue()), np.arange(5))
