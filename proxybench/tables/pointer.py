"""The pointer of a stored table: what the table holds, which folder holds it, and what its files must hash to.

A pointer is read with suspicion, since what it says decides which files are opened and which folder is removed.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated

import msgspec

from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_bytes
from proxybench.tables.merge import BlockKey

FORMAT = 1
FILES = ("archs.parquet", "card.md", "values.parquet")
_MAX_BYTES = 16 * 2**20

Count = Annotated[int, msgspec.Meta(ge=0, le=2**31)]


class BlockInfo(msgspec.Struct, frozen=True):
    """One row group: its key, and for each metric how many architectures have a value and how many of those NaN."""

    dataset: str
    epochs: int
    seed: str
    measured: dict[str, Count]
    not_finite: dict[str, Count]

    @property
    def key(self) -> BlockKey:
        return BlockKey(self.dataset, self.epochs, self.seed)


class TableInfo(msgspec.Struct, frozen=True):
    """The pointer: which folder holds the table, and what is in it.

    Attributes:
        recipe: digest of the sources and importers that made the table; equal recipes give equal tables.
        sha256: of each file in the folder.
        checksum: of all the rest of the pointer; empty in one that an earlier version wrote.
    """

    format: int
    name: str
    space: str
    folder: str
    recipe: str
    architectures: Count
    blocks: tuple[BlockInfo, ...]
    sha256: dict[str, str]
    checksum: str = ""


def folder_pattern(name: str) -> re.Pattern[str]:
    """What a folder of the table `name` is called: the name, a hyphen and a random word."""
    return re.compile(rf"{re.escape(name)}-[0-9A-Za-z_]+")


def encode_pointer(info: TableInfo) -> bytes:
    """The pointer as JSON, with its checksum."""
    signed = msgspec.structs.replace(info, checksum=_checksum(info))
    return msgspec.json.format(msgspec.json.encode(signed), indent=1)


def read_pointer(path: Path, name: str) -> TableInfo | None:
    """What a pointer says; None where the file is missing or of another format.

    Raises:
        CorruptData: for what is not the pointer of the table `name`; the message says how to make it again.
    """
    try:
        info = msgspec.json.decode(read_bytes(path, _MAX_BYTES), type=TableInfo)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (msgspec.MsgspecError, CorruptData, RecursionError, ValueError) as error:
        raise _damaged(path, name, str(error)) from error
    if info.format != FORMAT:
        return None
    if info.name != name or not folder_pattern(name).fullmatch(info.folder):
        raise _damaged(path, name, f"it names {info.folder!r}, which is no folder of this table")
    if sorted(info.sha256) != sorted(FILES):
        raise _damaged(path, name, f"it must give the SHA-256 of {', '.join(FILES)}")
    if info.checksum and info.checksum != _checksum(info):
        raise _damaged(path, name, "its checksum does not match")
    return info


def _checksum(info: TableInfo) -> str:
    content = msgspec.json.encode(msgspec.structs.replace(info, checksum=""), order="deterministic")
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _damaged(path: Path, name: str, reason: str) -> CorruptData:
    return CorruptData(f"{path} is damaged ({reason[:200]}); run: proxybench fetch --rebuild {name}")
