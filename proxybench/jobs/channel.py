"""A robust channel between two processes: it delivers whole messages, and never waits for half of one.

The process at the other end may run untrusted code that writes to every descriptor it finds, writes half a message, or
closes everything. So each message carries a mark and its length, the reader takes the available bytes without waiting
for more, and anything that is not a message is an error.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterable

MARK = b"PXB1"
MOST = 2**30
_HEADER = struct.Struct("!4sI")
_PIECE = 2**20


class ChannelBroken(Exception):
    """The other end sent something other than a message, or closed the channel; the error message says which."""


class Channel:
    """One end of a socket pair; owns the socket."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._received = bytearray()

    def fileno(self) -> int:
        """The descriptor, for functions that wait."""
        return self._socket.fileno()

    def send(self, message: bytes) -> None:
        """Send a whole message. Raises OSError if nobody can receive it."""
        self._socket.sendall(_HEADER.pack(MARK, len(message)) + message)

    def receive(self) -> bytes:
        """Wait for the next message. Raises ChannelBroken like `poll`."""
        while (message := self.poll()) is None:
            wait([self])
        return message

    def poll(self) -> bytes | None:
        """The next message if it has arrived in full; does not wait.

        Raises:
            ChannelBroken: if the bytes do not begin a message, or the other end is closed.
        """
        while (message := self._whole()) is None:
            try:
                piece = self._socket.recv(_PIECE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return None
            except OSError as error:
                raise ChannelBroken("the channel was closed") from error
            if not piece:
                raise ChannelBroken("the channel was closed")
            self._received += piece
        return message

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def _whole(self) -> bytes | None:
        """Take the first message from the received bytes, if it is complete."""
        given = self._received
        if not MARK.startswith(given[: len(MARK)]):
            raise ChannelBroken("something other than a message was written to the channel")
        if len(given) < _HEADER.size:
            return None
        _, length = _HEADER.unpack(given[: _HEADER.size])
        if length > MOST:
            raise ChannelBroken(f"a message of {length} bytes was announced; the limit is {MOST}")
        end = _HEADER.size + length
        if len(given) < end:
            return None
        message = bytes(given[_HEADER.size : end])
        del given[:end]
        return message


def wait(channels: Iterable[Channel], timeout_s: float | None = None) -> None:
    """Wait until one of them has data or was closed at the other end; at most the given seconds."""
    poller = select.poll()  # unlike select.select, it takes descriptors above 1023
    for channel in channels:
        poller.register(channel, select.POLLIN)
    poller.poll(None if timeout_s is None else max(0.0, timeout_s) * 1000)
