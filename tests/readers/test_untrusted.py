"""Readers of JSON, zip, tar and CSV files that may be damaged or made to harm; pickles have a file of their own."""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import random
import socket
import struct
import tarfile
import time
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxybench.errors import CorruptData
from proxybench.readers import untrusted
from proxybench.readers.arrays import read_npz
from proxybench.readers.frame_pickle import read_frame_pickle
from proxybench.readers.torch_file import read_torch
from proxybench.readers.untrusted import (
    is_zip,
    iter_tar_json,
    iter_zip_json,
    read_csv_columns,
    read_json,
    read_pickle,
    read_pickle_bz2,
)
from proxybench.tables.importers.tfrecord import read_batches

READERS = {
    ".p": read_pickle,
    ".pd": read_frame_pickle,
    ".bench": read_pickle,
    ".pbz2": read_pickle_bz2,
    ".json": read_json,
    ".zip": lambda path: list(iter_zip_json(path)),
    ".gz": lambda path: list(iter_tar_json(path)),
    ".csv": lambda path: read_csv_columns(path, ()),
    ".pt": read_torch,
    ".pth": read_torch,
}


@pytest.fixture
def write(tmp_path):
    def write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(*members: tuple[str, bytes] | tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return stream.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


class TestJson:
    def test_numbers_beyond_the_standard_are_read(self, write):
        value = read_json(write("x.json", b"[NaN, -Infinity, 1e999]"))
        assert math.isnan(value[0])
        assert value[1:] == [-math.inf, math.inf]

    @pytest.mark.parametrize(
        "data",
        [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b"", b"{", b"\xff\xfe\xfa", b'"\xc3"', b"[1] 2", b"\0"],
        ids=lambda data: repr(data[:5]),
    )
    def test_what_is_no_json_names_the_file(self, write, data):
        with pytest.raises(CorruptData, match=r"x\.json: damaged or not in the documented format"):
            read_json(write("x.json", data))

    @given(st.binary() | st.text(alphabet='[]{}",:0123456789eE.-+ntf\\u').map(str.encode))
    def test_arbitrary_bytes_are_damage_or_a_value(self, tmp_path_factory, data):
        path = tmp_path_factory.getbasetemp() / "any.json"
        path.write_bytes(data)
        with suppress(CorruptData):
            read_json(path)

    def test_an_absent_file_is_not_called_damaged(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            read_json(tmp_path / "x.json")


class TestZip:
    def test_members_come_by_name_and_others_are_left(self, write):
        members = {"b/2.json": b"2", "a/1.json": b"1", "a/x.txt": b"?", "__MACOSX/a/1.json": b"?", "a/._1.json": b"?"}
        path = write("x.zip", zipped(members))
        assert list(iter_zip_json(path)) == [("a/1.json", 1), ("b/2.json", 2)]
        assert list(iter_zip_json(path, prefix="b/")) == [("b/2.json", 2)]

    @pytest.mark.parametrize("name", ["../x.json", "a/../../x.json", "/x.json", "..\\x.json", "\\x.json", "/etc/x.txt"])
    def test_a_member_that_points_outside_is_refused(self, write, name):
        with pytest.raises(CorruptData, match=r"x\.zip: member '.*' points outside the archive"):
            list(iter_zip_json(write("x.zip", zipped({"a.json": b"1", name: b"1"}))))

    def test_an_honest_bomb_is_refused_by_its_declared_size(self, write, monkeypatch):
        monkeypatch.setattr(untrusted, "MAX_BYTES", 10_000_000)
        data = zipped({f"{k}.json": bytes(6_000_000) for k in range(2)})
        assert len(data) < 20_000
        with pytest.raises(CorruptData, match="holds more than 200000 members or 10000000 bytes"):
            list(iter_zip_json(write("x.zip", data)))

    def test_too_many_members_are_refused(self, write, monkeypatch):
        monkeypatch.setattr(untrusted, "MAX_MEMBERS", 10)
        with pytest.raises(CorruptData, match="holds more than 10 members"):
            list(iter_zip_json(write("x.zip", zipped({f"{k}.json": b"1" for k in range(11)}))))

    def test_a_bomb_that_lies_about_its_size_takes_no_memory(self, write):
        bomb = bytearray(zipped({"a.json": bytes(100_000_000)}))
        size = struct.pack("<L", 100_000_000)
        assert bomb.count(size) == 2  # local header and directory
        path = write("x.zip", bytes(bomb).replace(size, struct.pack("<L", 10)))
        tracemalloc.start()
        with pytest.raises(CorruptData, match=r"x\.zip: .*Bad CRC-32"):
            list(iter_zip_json(path))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 5_000_000

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_methods_without_a_bound_are_refused(self, write, method):
        with pytest.raises(CorruptData, match=r"member 'a\.json' is neither stored nor deflated"):
            list(iter_zip_json(write("x.zip", zipped({"a.json": b"1"}, method))))

    def test_an_encrypted_member_is_damage(self, write):
        data = bytearray(zipped({"a.json": b"1"}))
        data[6] |= 1
        data[data.index(b"PK\x01\x02") + 8] |= 1
        with pytest.raises(CorruptData, match="password"):
            list(iter_zip_json(write("x.zip", bytes(data))))

    def test_a_directory_before_the_start_of_the_file_is_damage(self, write):
        data = bytearray(zipped({"a.json": b"1"}))
        end = data.index(b"PK\x05\x06")
        data[end + 12 : end + 16] = struct.pack("<L", len(data) * 2)  # the size of the directory
        with pytest.raises(CorruptData, match=r"x\.zip: damaged"):
            list(iter_zip_json(write("x.zip", bytes(data))))

    @pytest.mark.parametrize("data", [b"", b"PK", b"PK\x05\x06" + bytes(18)[:10], b"no archive"])
    def test_what_is_no_archive_names_the_file(self, write, data):
        with pytest.raises(CorruptData, match=r"x\.zip: damaged"):
            list(iter_zip_json(write("x.zip", data)))

    def test_a_member_that_is_no_json_names_the_file(self, write):
        with pytest.raises(CorruptData, match=r"x\.zip: damaged"):
            list(iter_zip_json(write("x.zip", zipped({"a.json": b"["}))))

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_every_flip_and_every_cut_of_a_small_archive_is_damage_or_a_value(self, tmp_path, method):
        data = zipped({"a/1.json": json.dumps({"x": [1.5] * 20}).encode(), "a/2.json": b"[]"}, method)
        check_small(tmp_path / "x.zip", data)


class TestTar:
    def test_members_come_in_order(self, write):
        for mode in ("w", "w:gz"):
            path = write(
                "x.tar",
                tarred(("b.json", b"2"), special("d", tarfile.DIRTYPE), ("a.json", b"1"), ("a.txt", b"?"), mode=mode),
            )
            assert list(iter_tar_json(path)) == [("b.json", 2), ("a.json", 1)]

    @pytest.mark.parametrize("name", ["../x.json", "a/../../x.json", "/x.json", "..\\x.json"])
    def test_a_member_that_points_outside_is_refused(self, write, name):
        with pytest.raises(CorruptData, match=r"x\.gz: member '.*' points outside the archive"):
            list(iter_tar_json(write("x.gz", tarred((name, b"1")))))

    @pytest.mark.parametrize(
        "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
    )
    def test_links_and_devices_are_refused(self, write, kind):
        with pytest.raises(CorruptData, match=r"member 'a\.json' is not a regular file"):
            list(iter_tar_json(write("x.gz", tarred(special("a.json", kind, "/etc/passwd")))))

    def test_a_bomb_is_stopped_at_the_limit(self, write, monkeypatch):
        monkeypatch.setattr(untrusted, "MAX_BYTES", 2**21)
        with pytest.raises(CorruptData, match=r"x\.gz: holds more than 2097152 bytes when decompressed"):
            list(iter_tar_json(write("x.gz", tarred(("a.json", bytes(20_000_000))))))

    def test_a_header_cannot_ask_for_more_than_the_file_has(self, write):
        long = special("././@LongLink", tarfile.GNUTYPE_LONGNAME)
        long.size = 8**11 - 1  # 8 GiB
        tracemalloc.start()
        with pytest.raises(CorruptData):
            list(iter_tar_json(write("x.gz", gzip.compress(long.tobuf(tarfile.GNU_FORMAT) + bytes(10_000_000)))))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 50_000_000

    def test_a_sparse_member_cannot_ask_for_more_than_the_limit(self, write):
        sparse = special("a.json", tarfile.GNUTYPE_SPARSE)
        header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
        header[483:495] = b"77777777777\0"  # the size with the holes
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        with pytest.raises(CorruptData, match="holds more than"):
            list(iter_tar_json(write("x.tar", bytes(header) + bytes(1024))))

    def test_a_negative_size_does_not_go_back(self, write):
        header = bytearray(special("a.json", tarfile.REGTYPE).tobuf(tarfile.GNU_FORMAT))
        header[124:136] = b"\xff" * 10 + struct.pack(">h", -512)  # base 256
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        with pytest.raises(CorruptData):
            list(iter_tar_json(write("x.tar", bytes(header) + bytes(1024))))

    @pytest.mark.parametrize("mode", ["w", "w:gz"])
    def test_every_flip_and_every_cut_of_a_small_archive_is_damage_or_a_value(self, tmp_path, mode):
        data = tarred(("a/1.json", json.dumps({"x": [1.5] * 20}).encode()), ("a/2.json", b"[]"), mode=mode)
        check_small(tmp_path / "x.gz", data[:2100])

    @given(st.binary())
    def test_arbitrary_bytes_are_damage_or_a_value(self, tmp_path_factory, data):
        path = tmp_path_factory.getbasetemp() / "any.gz"
        path.write_bytes(data)
        with suppress(CorruptData):
            list(iter_tar_json(path))
        with suppress(CorruptData):
            list(iter_zip_json(path))


class TestCsv:
    def test_columns_are_text_by_name(self, write):
        path = write("x.csv", b'a,b\r\n1,"x,\ny"\r\n,\xc3\xa9\r\n')
        assert read_csv_columns(path, ["b"]) == {"a": ["1", ""], "b": ["x,\ny", "é"]}

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "is empty"),
            (b"a,c\n1,2\n", "columns missing: b, d"),
            (b"b,d,b\n1,2,3\n", "a column name occurs twice"),
            (b"b,d\n1,2\n1\n", "line 3 has 1 fields instead of 2"),
            (b"b,d\n1,2,3\n", "line 2 has 3 fields instead of 2"),
            (b"b,d\n1,\0\n", "NUL"),
            (b"b,d\n1,\xff\n", "UnicodeDecodeError"),
            (b"b,d\n1," + b"x" * 200_000 + b"\n", "field larger than field limit"),
        ],
    )
    def test_what_is_wrong_names_the_file_and_the_place(self, write, data, reason):
        with pytest.raises(CorruptData, match=rf"x\.csv: .*{reason}"):
            read_csv_columns(write("x.csv", data), ["b", "d"])

    @given(st.binary() | st.text(alphabet='ab,"\r\n ').map(str.encode))
    def test_arbitrary_bytes_are_damage_or_columns_of_one_length(self, tmp_path_factory, data):
        path = tmp_path_factory.getbasetemp() / "any.csv"
        path.write_bytes(data)
        with suppress(CorruptData):
            assert len({len(column) for column in read_csv_columns(path, ()).values()}) <= 1


class TestFiles:
    """Only regular files are read, and nothing is waited for."""

    @pytest.fixture(params=["folder", "pipe", "socket", "device", "loop of links"])
    def special(self, request, tmp_path):
        path = tmp_path / "x"
        if request.param == "folder":
            path.mkdir()
        elif request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
        elif request.param == "device":
            path.symlink_to("/dev/zero")
        else:
            path.symlink_to(path)
        return path

    @pytest.mark.parametrize("read", [*READERS.values(), is_zip, read_npz, lambda path: list(read_batches(path))])
    def test_what_is_no_regular_file_is_refused_at_once(self, special, read):
        with pytest.raises((CorruptData, OSError), match=r"regular file|symbolic links"):
            read(special)

    def test_a_link_to_a_regular_file_is_read(self, write, tmp_path):
        (tmp_path / "link").symlink_to(write("x.json", b"[1]"))
        assert read_json(tmp_path / "link") == [1]

    def test_a_link_to_nothing_is_an_absent_file(self, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "nothing")
        with pytest.raises(FileNotFoundError):
            read_json(tmp_path / "link")

    @pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="there is no /proc here")
    def test_a_file_that_hides_its_size_is_refused(self):
        with pytest.raises(CorruptData, match="has more than the 0 bytes that it says"):
            read_json(Path("/proc/self/maps"))


def test_a_list_of_members_that_is_too_long_is_not_read(write, monkeypatch):
    data = zipped({f"{number}.txt": b"" for number in range(1000)})
    assert list(iter_zip_json(write("x.zip", data))) == []
    monkeypatch.setattr(untrusted, "MAX_DIRECTORY", 10_000)
    with pytest.raises(CorruptData, match=r"a list of members of [0-9]+ bytes, more than 10000"):
        list(iter_zip_json(write("x.zip", data)))


def test_members_that_overlap_are_refused_or_counted_each_time(write, monkeypatch):
    """Many entries of the list may name the same bytes, as in bombs without nesting."""
    data = zipped({"a.json": b"[" + b"1," * 100_000 + b"1]", "b.json": b"1"})
    start = data.index(b"PK\x01\x02")
    entry = data[start : data.index(b"PK\x01\x02", start + 4)]
    end = bytearray(data[data.index(b"PK\x05\x06") :])
    end[8:12], end[12:16] = struct.pack("<HH", 100, 100), struct.pack("<L", 100 * len(entry))
    monkeypatch.setattr(untrusted, "MAX_BYTES", 10_000_000)
    with pytest.raises(CorruptData, match=r"x\.zip: "):
        list(iter_zip_json(write("x.zip", data[:start] + entry * 100 + bytes(end))))


def test_more_fields_than_memory_allows_are_refused_before_they_are_split(write, monkeypatch):
    path = write("x.csv", b"a,b\n" + b",\n" * 1000)
    assert len(read_csv_columns(path, ())["a"]) == 1000
    monkeypatch.setattr(untrusted, "MAX_FIELDS", 500)
    with pytest.raises(CorruptData, match="holds more than 500 fields"):
        read_csv_columns(path, ())


def test_a_mark_of_the_encoding_is_no_part_of_the_first_name(write):
    assert read_csv_columns(write("x.csv", b"\xef\xbb\xbfa,b\n1,2\n"), ["a"]) == {"a": ["1"], "b": ["2"]}


def test_a_name_that_stands_for_two_values_is_damage(write):
    with pytest.raises(CorruptData, match=r"x\.json: .*'a' occurs twice"):
        read_json(write("x.json", b'{"a": 1, "a": 2}'))


def flipped(data: bytes, position: int, bit: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]


def check(path: Path, data: bytes) -> None:
    """The reader of `path` answers `data` with a value or with CorruptData that names the file, and soon."""
    path.write_bytes(data)
    start, damage = time.process_time(), str(path)
    try:
        READERS[path.suffix](path)
    except CorruptData as error:
        damage = str(error)
    assert str(path) in damage
    assert time.process_time() - start < 5.0


def check_small(path: Path, data: bytes) -> None:
    # In the padding of a tar archive, one place is as good as another.
    for position in (position for position, byte in enumerate(data) if byte or position % 16 == 0):
        check(path, data[:position])
        check(path, flipped(data, position, position % 8))


@pytest.mark.parametrize("large", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_damaged_copies_of_every_mirror_file_are_damage_or_a_value(mirror, tmp_path, large):
    chance, seen = random.Random(0), set()
    for original in sorted(path for path in mirror.rglob("*") if path.suffix in READERS and path.name != "INDEX.csv"):
        seen.add(original.relative_to(mirror).as_posix())
        if (original.stat().st_size >= 1_000_000) != large:
            continue
        data, path = original.read_bytes(), tmp_path / original.name
        ends = [chance.randrange(1024), len(data) - 1 - chance.randrange(1024)]
        anywhere = [chance.randrange(len(data)) for _ in range(max(1, 200_000 // len(data)))]
        flips = max(2, len(anywhere)) if len(data) < 200_000 else 1  # a flip and a cut of what takes long to read
        for position in chance.sample(ends + anywhere, flips):
            check(path, flipped(data, position, chance.randrange(8)))
        check(path, data[: anywhere[0]])
        path.unlink()
    listed = pd.read_csv(mirror / "INDEX.csv")["mirror_path"]
    assert seen == {name for name in listed if Path(name).suffix in READERS}
