"""Messages between processes: whole ones come through, and nothing else is waited for."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from proxybench.jobs.channel import Channel, ChannelBroken, wait


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield Channel(ours), theirs
    ours.close()
    theirs.close()


def test_messages_come_whole_and_in_order(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    other = Channel(theirs)
    for message in (b"", b"one", b"x" * 100_000):
        other.send(message)
    wait([channel], 5)
    assert [channel.receive() for _ in range(3)] == [b"", b"one", b"x" * 100_000]
    assert channel.poll() is None


def test_half_a_message_is_not_waited_for_and_comes_when_it_is_whole(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    whole = b"PXB1\x00\x00\x00\x05hello"
    for byte in whole[:-1]:
        theirs.send(bytes([byte]))
        assert channel.poll() is None
    theirs.send(whole[-1:])
    assert channel.poll() == b"hello"


@pytest.mark.parametrize("noise", [b"\0", b"\0\0\0\5hello", b"PXB2", b"PX\0", b"HTTP/1.1 200 OK", b"PXB1\xff\0\0\0"])
def test_what_is_no_message_is_an_error_at_once(ends: tuple[Channel, socket.socket], noise: bytes) -> None:
    channel, theirs = ends
    theirs.send(noise)
    with pytest.raises(ChannelBroken):
        channel.poll()


def test_a_message_sent_before_the_other_end_was_closed_still_comes(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    Channel(theirs).send(b"last")
    theirs.close()
    assert channel.poll() == b"last"
    with pytest.raises(ChannelBroken, match="closed"):
        channel.poll()
