"""CRC-32C (Castagnoli) of many messages at once, vectorised over the messages, and the mask that TFRecord puts on it.

RFC 3720, appendix B.4. The remainder of a message is linear in its bytes: the state that zero bytes leave alone is
zero, so messages of different lengths are padded with zeros in front, and the contribution of the start value
2^32 - 1 depends on the length alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # bit-reversed
_MASK_DELTA = 0xA282EAD8


@cache
def _byte_table() -> NDArray[np.uint32]:
    """The state that each value of the low byte turns into."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> np.uint32(1)) ^ (table & np.uint32(1)) * np.uint32(_POLYNOMIAL)
    return table


@cache
def _pair_table() -> NDArray[np.uint32]:
    """The state that each value of the two low bytes turns into."""
    table = np.arange(2**16, dtype=np.uint32)
    for _ in range(2):
        table = _byte_table()[table & 255] ^ (table >> 8)
    return table


def _start_states(longest: int) -> NDArray[np.uint32]:
    """The states after 0, 1, ... `longest` zero bytes from the start value."""
    table = _byte_table().tolist()
    states = [2**32 - 1]
    for _ in range(longest):
        states.append(table[states[-1] & 255] ^ (states[-1] >> 8))
    return np.array(states, dtype=np.uint32)


def crc32c(messages: Sequence[bytes]) -> NDArray[np.uint32]:
    """The checksum of each message; memory is (number of messages) x (length of the longest)."""
    longest = max(map(len, messages), default=0)
    longest += longest % 2
    aligned = b"".join([message.rjust(longest, b"\0") for message in messages])
    pairs = np.ascontiguousarray(np.frombuffer(aligned, dtype="<u2").reshape(len(messages), -1).T)
    table = _pair_table()
    states = np.zeros(len(messages), dtype=np.uint32)
    for pair in pairs:
        low = states.astype(np.uint16)
        low ^= pair
        states >>= np.uint32(16)
        states ^= table[low]
    return ~(states ^ _start_states(longest)[[len(message) for message in messages]])


def masked_crc32c(messages: Sequence[bytes]) -> NDArray[np.uint32]:
    """The checksums as TFRecord stores them: rotated right by 15 bits, plus a constant."""
    checksums = crc32c(messages)
    return (checksums >> np.uint32(15) | checksums << np.uint32(17)) + np.uint32(_MASK_DELTA)
