"""The pointer of a stored table: its content, its folder, and the hashes of its files.

A pointer is checked carefully, since it determines which files are opened and which folder is removed.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated

import msgspec

from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_bytes
from proxybench.tables.store.merge import BlockKey

FORMAT = 1
FILES = ("archs.parquet", "card.md", "values.parquet")
OWN = "own"  # name of the folder of the user's own tables
_MAX_BYTES = 16 * 2**20

Count = Annotated[int, msgspec.Meta(ge=0, le=2**31)]


class BlockInfo(msgspec.Struct, frozen=True):
    """One row group: its key, and for each metric the numbers of architectures with a value and with NaN."""

    dataset: str
    epochs: int
    seed: str
    measured: dict[str, Count]
    not_finite: dict[str, Count]

    @property
    def key(self) -> BlockKey:
        return BlockKey(self.dataset, self.epochs, self.seed)


class Edition(msgspec.Struct, frozen=True):
    """What a table had before its last additions: the first rows, and the blocks with their metrics as they were.

    Attributes:
        recipe: digest of the sources and importers of this edition.
    """

    recipe: str
    architectures: Count
    blocks: tuple[BlockInfo, ...]


class TableInfo(msgspec.Struct, frozen=True):
    """The pointer: the folder of the table, and its content.

    Attributes:
        recipe: digest of the table's sources and importers; equal recipes give equal tables.
        sha256: SHA-256 of each file in the folder.
        checksum: checksum of the rest of the pointer; empty if written by an earlier version.
        earlier: the editions before this one, the first first.
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
    earlier: tuple[Edition, ...] = ()


def folder_pattern(name: str) -> re.Pattern[str]:
    """Pattern of the folder names of table `name`: the name, a hyphen and a random word."""
    return re.compile(rf"{re.escape(name)}-[0-9A-Za-z_]+")


def encode_pointer(info: TableInfo) -> bytes:
    """The pointer as JSON, with its checksum."""
    signed = msgspec.structs.replace(info, checksum=_checksum(info))
    return msgspec.json.format(msgspec.json.encode(signed), indent=1)


def read_pointer(path: Path, name: str) -> TableInfo | None:
    """The content of a pointer; None if the file is missing or in another format.

    Raises:
        CorruptData: if it is not the pointer of the table `name`; the message says how to rebuild it.
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
        raise _damaged(path, name, f"it names {info.folder!r}, which is not a folder of this table")
    if sorted(info.sha256) != sorted(FILES):
        raise _damaged(path, name, f"it must give the SHA-256 of {', '.join(FILES)}")
    if info.checksum and info.checksum != _checksum(info):
        raise _damaged(path, name, "its checksum does not match")
    return info


def _checksum(info: TableInfo) -> str:
    content = msgspec.json.encode(msgspec.structs.replace(info, checksum=""), order="deterministic")
    if not info.earlier:  # so that the checksums of pointers written before tables had editions stay valid
        content = content.removesuffix(b',"earlier":[]}') + b"}"
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def how_to_rebuild(root: Path, name: str) -> str:
    """The next step for a damaged table in the folder `root` of tables."""
    if root.name == OWN:
        return f"import it again with --replace, or run: proxybench remove {name}"
    return f"run: proxybench fetch --rebuild {name}"


def _damaged(path: Path, name: str, reason: str) -> CorruptData:
    return CorruptData(f"{path} is damaged ({reason[:200]}); {how_to_rebuild(path.parent, name)}")
