"""The hashes of many NAS-Bench-101 cells by compiled loops over MD5 sums, one message per lane.

RFC 1321, "The MD5 Message-Digest Algorithm". All cells require 24 million sums of messages of one to five blocks of 64
bytes. Messages with the same number of blocks are hashed together: the innermost loops run over lanes, for which the
compiler uses vector instructions. Importing this module imports numba, and the first call compiles the loops, which
takes a few seconds once per machine.

Arrays shared by the loops have one row per vertex of all cells, vertex v of cell i in row i * V + v: `digits`
uint32[n * V, 8], the hash of the vertex as 32 hexadecimal characters, four to a little-endian word, and `keys`
uint64[n * V, 2], the hash as two numbers that order hashes like their texts.
"""

from __future__ import annotations

from math import floor, sin

import numpy as np
from numpy.typing import NDArray

from proxybench.compiled import compiled

Booleans = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]
Keys = NDArray[np.uint64]
Integers = NDArray[np.int64]

_LANES = 512  # messages at once, whose words stay in the processor's cache
_WORDS = 8  # words of the hexadecimal text of a hash
_BLOCK = 16  # words of a block
_START = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476], dtype=np.uint32)
_SINES = np.array([floor(2**32 * abs(sin(step + 1))) for step in range(64)], dtype=np.uint32)
_TURNS = np.array([(7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21)], dtype=np.uint32)
_WORD_OF_STEP = np.array([(1, 0), (5, 1), (3, 5), (7, 0)])  # (factor, offset) of the message word in each round
_HEXADECIMAL = np.array([int.from_bytes(f"{byte:02x}".encode(), "little") for byte in range(256)], dtype=np.uint32)
_BAR, _END = ord("|"), 0x80  # the byte 0x80 follows every message
_LIST_START, _LIST_COMMA, _LIST_END = (int.from_bytes(text, "little") for text in (b"['", b"', '", b"']\x80"))


def graph_hashes(adjacency: Booleans, initial: Bytes) -> Bytes:
    """The hash of every cell, uint8[n, 16].

    Args:
        adjacency: bool[n, V, V], [source, target].
        initial: uint8[n, V, 16], the MD5 sums of degrees and label from which the hashes of vertices start.
    """
    cells, vertices, _ = adjacency.shape
    digits = np.empty((cells * vertices, _WORDS), dtype=np.uint32)
    keys = np.empty((cells * vertices, 2), dtype=np.uint64)
    states = np.ascontiguousarray(initial).view("<u4").astype(np.uint32).reshape(-1, 4)
    _spell_all(states, digits, keys)
    neighbours = (adjacency.sum(axis=1) + adjacency.sum(axis=2)).ravel()
    blocks = _blocks(32 * (neighbours + 1) + 2)
    pieces = [
        (count, piece) for count in np.unique(blocks).tolist() for piece in _pieces(np.flatnonzero(blocks == count))
    ]
    for _ in range(vertices):
        for count, rows in pieces:
            words = np.empty((_BLOCK * count, len(rows)), dtype=np.uint32)
            _write_vertices(rows, adjacency, digits, keys, words)
            states[rows] = _md5(words)
        _spell_all(states, digits, keys)
    found = np.empty((cells, 4), dtype=np.uint32)
    for rows in _pieces(np.arange(cells)):
        words = np.empty((_BLOCK * int(_blocks(np.int64(36 * vertices))), len(rows)), dtype=np.uint32)
        _write_lists(rows, vertices, digits, keys, words)
        found[rows] = _md5(words)
    return found.astype("<u4").view(np.uint8)


def _pieces(rows: Integers) -> list[Integers]:
    return [rows[start : start + _LANES] for start in range(0, len(rows), _LANES)]


def _md5(words: Words) -> Words:
    """MD5 of the message in every lane: uint32[16 * blocks, lanes] -> uint32[lanes, 4]."""
    state = np.repeat(_START[:, None], words.shape[1], axis=1)
    for block in range(0, len(words), _BLOCK):
        before = state.copy()
        _compress(words[block : block + _BLOCK], *state)
        state += before
    return state.T


def _blocks(length: Integers | np.int64) -> Integers:
    """The number of blocks of messages with these numbers of bytes."""
    return np.asarray((length + 9 + 63) // 64)


@compiled
def _spell_all(states: Words, digits: Words, keys: Keys) -> None:
    """Fill in the texts and keys of hashes, uint32[n * V, 4]."""
    for row in range(len(states)):
        for part in range(4):
            word = states[row, part]
            for half in range(2):
                first, second = word >> 16 * half & 255, word >> 16 * half + 8 & 255
                digits[row, 2 * part + half] = _HEXADECIMAL[first] | _HEXADECIMAL[second] << 16
        for half in range(2):
            key = np.uint64(0)
            for byte in range(8):
                word = states[row, 2 * half + byte // 4]
                key = key << np.uint64(8) | np.uint64(word >> 8 * (byte % 4) & 255)
            keys[row, half] = key


@compiled
def _insert(row: int, order: Integers, count: int, keys: Keys) -> int:
    """Insert a row into `order`, whose first `count` rows are in ascending order of their keys; the new count."""
    place = count
    while place > 0:
        other = order[place - 1]
        below = keys[other, 0] < keys[row, 0] or (keys[other, 0] == keys[row, 0] and keys[other, 1] <= keys[row, 1])
        if below:
            break
        order[place] = other
        place -= 1
    order[place] = row
    return count + 1


@compiled
def _append(word: int | np.uint32, carry: np.uint64, shift: int, place: int, lane: int, words: Words) -> np.uint64:
    """Write four characters behind the `shift` bits of `carry`; returns the bits that are not written yet."""
    both = np.uint64(word) << np.uint64(shift) | np.uint64(carry)
    words[place, lane] = np.uint32(both & np.uint64(0xFFFFFFFF))
    return both >> np.uint64(32)


@compiled
def _append_hash(
    row: int, digits: Words, carry: np.uint64, shift: int, place: int, lane: int, words: Words
) -> np.uint64:
    """Write the text of a hash; returns the bits that are not written yet."""
    for word in range(_WORDS):
        carry = _append(digits[row, word], carry, shift, place + word, lane, words)
    return carry


@compiled
def _end_message(place: int, length: int, lane: int, words: Words) -> None:
    """Fill the rest of the last block, from word `place`, with zeros and the length of the message in bytes."""
    for word in range(place, len(words)):
        words[word, lane] = 0
    words[len(words) - 2, lane] = np.uint32(8 * length)


@compiled
def _write_vertices(rows: Integers, adjacency: Booleans, digits: Words, keys: Keys, words: Words) -> None:
    """The messages of one step of the graph hash: "sorted predecessors|sorted successors|own".

    Args:
        rows: int64[m], vertices whose messages have the number of blocks for which `words` has room.
        adjacency: bool[n, V, V].
        digits: uint32[n * V, 8].
        keys: uint64[n * V, 2].
        words: result, uint32[16 * blocks, m].
    """
    vertices = adjacency.shape[1]
    order = np.empty(vertices, np.int64)
    for lane in range(len(rows)):
        row = rows[lane]
        cell, vertex = row // vertices, row % vertices
        first = cell * vertices
        place, shift, carry = 0, 0, np.uint64(0)
        for incoming in (True, False):
            count = 0
            for other in range(vertices):
                if adjacency[cell, other, vertex] if incoming else adjacency[cell, vertex, other]:
                    count = _insert(first + other, order, count, keys)
            for position in range(count):
                carry = _append_hash(order[position], digits, carry, shift, place, lane, words)
                place += _WORDS
            carry |= np.uint64(_BAR) << np.uint64(shift)
            shift += 8
        carry = _append_hash(row, digits, carry, shift, place, lane, words)
        place += _WORDS
        _append(_END, carry, shift, place, lane, words)
        _end_message(place + 1, 4 * place + 2, lane, words)


@compiled
def _write_lists(rows: Integers, vertices: int, digits: Words, keys: Keys, words: Words) -> None:
    """The messages of the last step of the graph hash: the Python lists of the sorted hashes of a cell's vertices.

    Args:
        rows: int64[m], cells.
        vertices: V.
        digits: uint32[n * V, 8].
        keys: uint64[n * V, 2].
        words: result, uint32[16 * blocks, m].
    """
    order = np.empty(vertices, np.int64)
    for lane in range(len(rows)):
        first = rows[lane] * vertices
        count = 0
        for vertex in range(vertices):
            count = _insert(first + vertex, order, count, keys)
        place, carry = 0, np.uint64(_LIST_START)
        for position in range(vertices):
            if position > 0:
                carry = _append(_LIST_COMMA, carry, 16, place, lane, words)
                place += 1
            carry = _append_hash(order[position], digits, carry, 16, place, lane, words)
            place += _WORDS
        carry = _append(_LIST_END, carry, 16, place, lane, words)
        _append(0, carry, 0, place + 1, lane, words)
        _end_message(place + 2, 36 * vertices, lane, words)


@compiled
def _compress(words: Words, a: Words, b: Words, c: Words, d: Words) -> None:
    """The 64 steps for one block in all lanes (RFC 1321, section 3.4), in place.

    Args:
        words: uint32[16, lanes].
        a: uint32[lanes], part of the state like b, c and d.
        b: uint32[lanes].
        c: uint32[lanes].
        d: uint32[lanes].
    """
    for step in range(0, 64, 4):
        _step(step, words, a, b, c, d)
        _step(step + 1, words, d, a, b, c)
        _step(step + 2, words, c, d, a, b)
        _step(step + 3, words, b, c, d, a)


@compiled
def _step(step: int, words: Words, a: Words, b: Words, c: Words, d: Words) -> None:
    """One step in all lanes, which changes `a`."""
    phase = step // 16
    factor, offset = _WORD_OF_STEP[phase]
    word = words[(factor * step + offset) % _BLOCK]
    turn = _TURNS[phase, step % 4]
    for lane in range(len(a)):
        if phase == 0:
            mixed = d[lane] ^ (b[lane] & (c[lane] ^ d[lane]))  # (b & c) | (~b & d)
        elif phase == 1:
            mixed = c[lane] ^ (d[lane] & (b[lane] ^ c[lane]))  # (d & b) | (~d & c)
        elif phase == 2:
            mixed = b[lane] ^ c[lane] ^ d[lane]
        else:
            mixed = c[lane] ^ (b[lane] | ~d[lane])
        total = np.uint32(a[lane] + mixed + _SINES[step] + word[lane])
        a[lane] = np.uint32(b[lane] + (total << turn | total >> (np.uint32(32) - turn)))
