"""Readers for untrusted files: pickles, bz2 streams, zip and tar archives, JSON, CSV.

Only regular files are read. Nothing is extracted to disk and no code in the file runs. Sizes and numbers of values are
checked before memory is allocated. Any problem with a file raises CorruptData, which names it. Arrays and parquet are
read by separate modules (`arrays`, `columns`).
"""

from __future__ import annotations

import bz2
import csv
import errno
import gzip
import io
import os
import pickle
import reprlib
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from proxybench.errors import CorruptData
from proxybench.readers.json_text import parse_json
from proxybench.readers.regular_files import open_regular
from proxybench.readers.unpickle import restricted_loads

MAX_BYTES = 512 * 2**20  # of any one file or archive member, after decompression
MAX_MEMBERS = 200_000
MAX_DIRECTORY = 32 * 2**20  # bytes of the list of members of a zip archive; Python takes some ten times as much
MAX_FIELDS = 2**25  # of a CSV file

_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,  # deep nesting; in zip archives also passwords and methods that Python lacks
    TypeError,
    ValueError,
    csv.Error,
    pickle.UnpicklingError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn any error while decoding `path` into CorruptData that names the file."""
    try:
        yield
    except CorruptData:
        raise
    except OSError as error:
        # With errno it is the disk's fault, not the file's; but damaged offsets make archives seek to nonsense.
        if error.errno not in (None, errno.EINVAL, errno.ELOOP):
            raise
        raise CorruptData(f"{path}: damaged or not in the documented format ({error})") from error
    except _DAMAGE as error:
        # A KeyError shows the key, which may be anything in the file.
        shown = reprlib.repr(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        reason = f"{type(error).__name__}: {shown}"
        raise CorruptData(f"{path}: damaged or not in the documented format ({reason[:200]})") from error


def read_bytes(path: Path, limit: int | None = None) -> bytes:
    """The whole file, at most `limit` bytes, by default MAX_BYTES. Raises like `open_regular`."""
    limit = MAX_BYTES if limit is None else limit
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > limit:
            raise CorruptData(f"{path}: {size} bytes, more than the limit of {limit}")
        data = stream.read(size)
        if stream.read(1):  # some special files claim to be empty
            raise CorruptData(f"{path}: has more than the {size} bytes that it says; read it when it is complete")
    return data


def read_pickle(path: Path) -> Any:
    """A pickle of containers, numbers, strings and numpy scalars or arrays; anything else is refused."""
    with reading(path):
        return restricted_loads(read_bytes(path))


def read_pickle_bz2(path: Path) -> Any:
    """A bz2-compressed pickle, with the same restriction."""
    with reading(path), open_regular(path) as file, bz2.BZ2File(file) as stream:
        return restricted_loads(decompressed(path, stream))


def read_json(path: Path) -> Any:
    """One JSON document, as `parse_json` reads it."""
    with reading(path):
        return parse_json(read_bytes(path))


def iter_zip_json(path: Path, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(member name, document) of each .json member whose name starts with `prefix`, by name."""
    with reading(path), open_regular(path) as stream, zip_archive(stream) as archive:
        check_members(path, archive.infolist(), MAX_BYTES)
        for member in _zip_members(path, archive):
            if member.filename.startswith(prefix):
                yield member.filename, _member_json(path, archive, member)


def is_zip(path: Path) -> bool:
    """Whether the end of a file is that of a zip archive. Raises as `open_regular` does."""
    with reading(path), open_regular(path) as stream:
        return zipfile.is_zipfile(stream)


def zip_json_names(path: Path) -> list[str]:
    """Names of the .json members of a zip archive, sorted."""
    with reading(path), open_regular(path) as stream, zip_archive(stream) as archive:
        return [member.filename for member in _zip_members(path, archive)]


def read_zip_json(path: Path, name: str) -> Any:
    """The document of one member; the archive as a whole may be larger than what is read at once."""
    with reading(path), open_regular(path) as stream, zip_archive(stream) as archive:
        return _member_json(path, archive, archive.getinfo(name))


def iter_tar_json(path: Path) -> Iterator[tuple[str, Any]]:
    """(member name, document) of each .json file of a tar archive, plain or gzipped, in the order of the archive."""
    total = 0
    with reading(path), tarfile.open(fileobj=io.BytesIO(_tar_bytes(path)), mode="r:") as archive:
        for count, member in enumerate(archive):
            total += member.size
            _check_name(path, member.name)
            if count >= MAX_MEMBERS or total > MAX_BYTES:
                raise CorruptData(f"{path}: holds more than {MAX_MEMBERS} members or {MAX_BYTES} bytes")
            if member.isdir():
                continue
            if not member.isfile() or member.size < 0:
                raise CorruptData(f"{path}: member {member.name!r} is not a regular file")
            stream = archive.extractfile(member)
            if stream is not None and _is_json(member.name):
                yield member.name, parse_json(stream.read())


def read_csv_columns(path: Path, required: Collection[str]) -> dict[str, list[str]]:
    """The columns of a CSV file with a header, as text. Raises CorruptData naming the columns that are missing."""
    with reading(path):
        text = read_bytes(path).decode("utf-8-sig")
        if "\0" in text:
            raise CorruptData(f"{path}: holds NUL bytes, so it is not text")
        if text.count(",") + text.count("\n") + text.count("\r") > MAX_FIELDS:
            raise CorruptData(f"{path}: holds more than {MAX_FIELDS} fields")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        if not rows:
            raise CorruptData(f"{path}: is empty")
        header, *body = rows
        missing = [name for name in required if name not in header]
        if missing:
            raise CorruptData(f"{path}: columns missing: {', '.join(missing)}")
        if len(set(header)) != len(header):
            raise CorruptData(f"{path}: a column name occurs twice in {header}")
        for number, row in enumerate(body, start=2):
            if len(row) != len(header):
                raise CorruptData(f"{path}: line {number} has {len(row)} fields instead of {len(header)}")
        return {name: [row[position] for row in body] for position, name in enumerate(header)}


def _tar_bytes(path: Path) -> bytes:
    # Decompressed here, since tarfile reads headers of any length that the archive asks for.
    data = read_bytes(path)
    if not data.startswith(b"\x1f\x8b"):
        return data
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        return decompressed(path, stream)


def decompressed(path: Path, stream: io.BufferedIOBase) -> bytes:
    """What a stream of compressed data holds. Raises CorruptData, naming `path`, for more than MAX_BYTES."""
    data = bytearray()
    while piece := stream.read(2**20):
        data += piece
        if len(data) > MAX_BYTES:
            raise CorruptData(f"{path}: holds more than {MAX_BYTES} bytes when decompressed")
    return bytes(data)


def _is_json(name: str) -> bool:
    return name.endswith(".json") and not PurePosixPath(name).name.startswith(".") and "__MACOSX" not in name


class _Bounded:
    """A stream of which no more than MAX_DIRECTORY is read at once as long as it is `limited`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.limited = True
        self.seek, self.tell, self.seekable, self.close = stream.seek, stream.tell, stream.seekable, stream.close

    def read(self, size: int = -1) -> bytes:
        if self.limited and size > MAX_DIRECTORY:
            raise zipfile.BadZipFile(f"a list of members of {size} bytes, more than {MAX_DIRECTORY}")
        return self._stream.read(size)


@contextmanager
def zip_archive(stream: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """A zip archive, its list of members bounded before it is read. Raises zipfile.BadZipFile."""
    bounded = _Bounded(stream)
    with zipfile.ZipFile(bounded) as archive:
        bounded.limited = False
        yield archive


def _zip_members(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The .json members by name, after every member's name has been checked."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    for member in members:
        _check_name(path, member.filename)
    return sorted((member for member in members if _is_json(member.filename)), key=lambda member: member.filename)


def _member_json(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    check_members(path, [member], MAX_BYTES)
    return parse_json(member_bytes(path, archive, member))


def member_bytes(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """What a member holds, no more than the size that it declares; its checksum is verified.

    Raises:
        CorruptData: for a method of compression that cannot be bounded.
    """
    # Other methods are decompressed without a bound, and so is a member read without a size.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CorruptData(f"{path}: member {member.filename!r} is neither stored nor deflated")
    with archive.open(member) as stream:
        return stream.read(member.file_size)


def check_members(path: Path, members: list[zipfile.ZipInfo], limit: int) -> None:
    """Raises CorruptData for more than MAX_MEMBERS, or more than `limit` bytes declared by all together."""
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > limit:
        raise CorruptData(f"{path}: holds more than {MAX_MEMBERS} members or {limit} bytes")


def _check_name(path: Path, name: str) -> None:
    if name.startswith(("/", "\\")) or "\0" in name or ".." in PurePosixPath(name.replace("\\", "/")).parts:
        raise CorruptData(f"{path}: member {name!r} points outside the archive")
