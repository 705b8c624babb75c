"""Opening regular files only: reading a pipe could block, and reading a device might never end."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from proxybench.errors import CorruptData

_OPEN = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))  # no system has all of them


@contextmanager
def open_regular(path: Path, buffering: int = -1) -> Iterator[BinaryIO]:
    """A stream of the bytes of a regular file, or of a link to one.

    Raises:
        CorruptData: for a folder, a device, a pipe or a socket; none of them is read.
        OSError: if the file does not exist or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _OPEN)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise _not_regular(path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_regular(path)
    with os.fdopen(descriptor, "rb", buffering) as stream:
        yield stream


def _not_regular(path: Path) -> CorruptData:
    return CorruptData(f"{path}: is not a regular file; name a file that holds the data")
