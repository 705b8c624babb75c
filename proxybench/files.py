"""Replacing a file in one step: a reader sees the old file or the new one, and a kill leaves one of the two."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content becomes `path` when the block ends well; makes its folder when it is not there.

    Raises OSError as writing does; `path` is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def replace_file(path: Path, content: bytes) -> Path:
    """Write `content` to `path`, making its folder when it is not there; the path. Raises OSError as writing does."""
    with replacing(path) as stream:
        stream.write(content)
    return path
