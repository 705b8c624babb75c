"""A reader for files of `torch.save` that hold plain values: containers, numbers, strings, numpy scalars and arrays.

torch is not imported, and no code in the file runs: the pickle in it is read as in `unpickle`. Tensors are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.regular_files import open_regular
from proxybench.readers.unpickle import restricted_loads, restricted_sequence
from proxybench.readers.untrusted import (
    MAX_BYTES,
    check_members,
    is_zip,
    member_bytes,
    read_bytes,
    reading,
    zip_archive,
)

# Constants of torch.serialization; a file before torch 1.6 starts with both.
_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


def read_torch(path: Path) -> Any:
    """The value in a file of `torch.save`, either a zip archive or in the legacy format of torch before 1.6.

    Raises:
        CorruptData: if the file is damaged, is neither, or holds tensors or anything else that `read_pickle` refuses.
        OSError: if the file does not exist or cannot be read.
    """
    return _read_archive(path) if is_zip(path) else _read_legacy(path)


def _read_archive(path: Path) -> Any:
    """The value of the member FOLDER/data.pkl, where FOLDER is any name; tensors would be in FOLDER/data/."""
    with reading(path), open_regular(path) as stream, zip_archive(stream) as archive:
        members = archive.infolist()
        check_members(path, members, MAX_BYTES)
        pickles = [member for member in members if member.filename.partition("/")[2] == "data.pkl"]
        if len(pickles) != 1:
            raise CorruptData(f"{path}: {len(pickles)} members FOLDER/data.pkl instead of 1, so torch did not write it")
        if any(member.filename.partition("/")[2].startswith("data/") for member in members):
            raise CorruptData(f"{path}: holds tensors; only containers, numbers, text and numpy arrays are read")
        return restricted_loads(member_bytes(path, archive, pickles[0]))


def _read_legacy(path: Path) -> Any:
    """The fourth of five pickles: magic number, protocol, machine, value, and the keys of tensors."""
    with reading(path):
        magic, protocol, _, value, keys = restricted_sequence(read_bytes(path), 5)
        if magic != _MAGIC_NUMBER or protocol != _PROTOCOL:
            raise CorruptData(f"{path}: does not start with the numbers of a file of torch")
        if keys != []:
            raise CorruptData(f"{path}: holds tensors; only containers, numbers, text and numpy arrays are read")
        return value
