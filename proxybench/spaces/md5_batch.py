"""MD5 of many messages of equal length at once, vectorised over the messages.

RFC 1321, "The MD5 Message-Digest Algorithm". The hashes of all NAS-Bench-101 cells require 24 million MD5 sums of
short messages; calling hashlib for each would be several times slower.
"""

from __future__ import annotations

from math import floor, sin
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_SINES = tuple(floor(2**32 * abs(sin(step + 1))) for step in range(64))
_TURNS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_WORD_OF_STEP = ((1, 0), (5, 1), (3, 5), (7, 0))  # (factor, offset) of the message word in each round
_CHUNK = 16_384  # messages processed at once, so that the state stays in the processor's cache


def md5_rows(messages: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The MD5 digest of every row: uint8[n, length] -> uint8[n, 16]."""
    import numpy as np

    count, length = messages.shape
    blocks = (length + 9 + 63) // 64
    digests = np.empty((count, 16), dtype=np.uint8)
    for start in range(0, count, _CHUNK):
        rows = messages[start : start + _CHUNK]
        padded = np.zeros((len(rows), 64 * blocks), dtype=np.uint8)
        padded[:, :length] = rows
        padded[:, length] = 0x80
        padded[:, -8:] = np.frombuffer((8 * length).to_bytes(8, "little"), dtype=np.uint8)
        words = np.ascontiguousarray(padded.view("<u4").T)
        state = [np.full(len(rows), value, dtype=np.uint32) for value in _START]
        for block in range(blocks):
            state = _compress(state, words[16 * block : 16 * block + 16])
        digests[start : start + len(rows)] = np.stack(state, axis=1).astype("<u4").view(np.uint8)
    return digests


def _compress(state: list[NDArray[np.uint32]], words: NDArray[np.uint32]) -> list[NDArray[np.uint32]]:
    """One application of the compression function (RFC 1321, section 3.4) to a block of 16 words."""
    import numpy as np

    a, b, c, d = (part.copy() for part in state)
    mixed = np.empty_like(a)
    high = np.empty_like(a)
    for step in range(64):
        phase = step // 16
        if phase == 0:  # (b & c) | (~b & d)
            np.bitwise_xor(c, d, out=mixed)
            mixed &= b
            mixed ^= d
        elif phase == 1:  # (d & b) | (~d & c)
            np.bitwise_xor(b, c, out=mixed)
            mixed &= d
            mixed ^= c
        elif phase == 2:
            np.bitwise_xor(b, c, out=mixed)
            mixed ^= d
        else:
            np.bitwise_not(d, out=mixed)
            mixed |= b
            mixed ^= c
        factor, offset = _WORD_OF_STEP[phase]
        a += mixed
        a += np.uint32(_SINES[step])
        a += words[(factor * step + offset) % 16]
        turn = _TURNS[phase][step % 4]
        np.left_shift(a, np.uint32(turn), out=high)
        a >>= np.uint32(32 - turn)
        a |= high
        a += b
        a, b, c, d = d, a, b, c
    return [part + change for part, change in zip(state, (a, b, c, d), strict=True)]
