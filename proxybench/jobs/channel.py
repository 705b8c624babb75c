"""A channel between two processes that cannot be confused: whole messages, and never a wait for half of one.

The process at the other end may run code of somebody else, which may write to every descriptor it finds, write half a
message, or close everything. So each message carries a mark and its length, the reader takes what is there without
waiting for more, and what is no message is an error rather than a number of bytes to wait for.
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
    """The other end sent something that is no message, or closed the channel; the message says which."""


class Channel:
    """One end of a socket pair, which it owns."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._received = bytearray()

    def fileno(self) -> int:
        """The descriptor, for functions that wait."""
        return self._socket.fileno()

    def send(self, message: bytes) -> None:
        """Send a whole message. Raises OSError when nobody can receive it."""
        self._socket.sendall(_HEADER.pack(MARK, len(message)) + message)

    def receive(self) -> bytes:
        """The next message, however long it takes; raises ChannelBroken as `poll` does."""
        while (message := self.poll()) is None:
            wait([self])
        return message

    def poll(self) -> bytes | None:
        """The next message if it has come in full, without waiting.

        Raises:
            ChannelBroken: for bytes that begin no message, and when the other end is closed.
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
        """Let go of this end."""
        self._socket.close()

    def _whole(self) -> bytes | None:
        """Cut the first message off what was received, if all of it is there."""
        given = self._received
        if not MARK.startswith(given[: len(MARK)]):
            raise ChannelBroken("something other than a message was written to the channel")
        if len(given) < _HEADER.size:
            return None
        _, length = _HEADER.unpack(given[: _HEADER.size])
        if length > MOST:
            raise ChannelBroken(f"a message of {length} bytes was announced; {MOST} is the most")
        end = _HEADER.size + length
        if len(given) < end:
            return None
        message = bytes(given[_HEADER.size : end])
        del given[:end]
        return message


def wait(channels: Iterable[Channel], timeout_s: float | None = None) -> None:
    """Wait until something came through one of them, or was closed at the other end; at most so many seconds."""
    poller = select.poll()  # unlike select.select, it takes descriptors above 1023
    for channel in channels:
        poller.register(channel, select.POLLIN)
    poller.poll(None if timeout_s is None else max(0.0, timeout_s) * 1000)
