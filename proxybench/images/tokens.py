"""Batches of random tokens with labels, for networks that read text."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import ProxybenchError, unknown_name
from proxybench.images.batch import ImageBatch, digest_of

TOKENS = "tokens"
LENGTH = 64


def names_tokens(text: str) -> bool:
    """Whether a source is named `tokens` or `tokens:LENGTH`."""
    return text.partition(":")[0] == TOKENS


def length_of(text: str) -> int:
    """The number of tokens of a source `tokens:LENGTH`, 64 by default.

    Raises:
        UnknownName: for another source.
        ProxybenchError: if the length is not a whole number of at least 1.
    """
    if not names_tokens(text):
        raise unknown_name("source of tokens", text, [TOKENS, f"{TOKENS}:LENGTH"])
    _, colon, number = text.partition(":")
    if not colon:
        return LENGTH
    if not (number.isascii() and number.isdigit() and int(number)):
        raise ProxybenchError(f"{text!r} needs a whole number of tokens after the colon, such as {TOKENS}:{LENGTH}")
    return int(number)


def token_batch(count: int, length: int, vocabulary: int, *, classes: int | None = None, seed: int = 0) -> ImageBatch:
    """Texts of tokens drawn uniformly from 1 to `vocabulary` - 1; a larger batch begins with a smaller one.

    Token 0 is left out because it is padding in some networks. The labels are the tokens after each text, or classes
    that take turns.

    Args:
        count: number of texts.
        length: tokens of each text.
        vocabulary: number of different tokens, at least 2.
        classes: number of classes; None for the next token as the label.
        seed: the text in row r is determined by BLAKE2b of "SEED r".

    Raises:
        ProxybenchError: if the vocabulary has no token besides 0.
    """
    if vocabulary < 2:
        raise ProxybenchError(f"tokens are drawn from a vocabulary of at least 2, not {vocabulary}")
    drawn = np.stack([_row(seed, row, length + 1, vocabulary) for row in range(count)])
    tokens = np.ascontiguousarray(drawn[:, :length])
    labels = drawn[:, length] if classes is None else np.arange(count, dtype=np.int64) % classes
    labels = np.ascontiguousarray(labels)
    description = {
        "source": f"tokens from 1 to {vocabulary - 1}",
        "digest": digest_of(tokens, labels),
        "shape": list(tokens.shape),
        "choice": f"drawn uniformly by BLAKE2b of seed {seed} and row",
        "labels": "the next token" if classes is None else f"{classes} classes in turn",
    }
    return ImageBatch(tokens, labels, classes, description)


def _row(seed: int, row: int, length: int, vocabulary: int) -> NDArray[np.int64]:
    digest = hashlib.blake2b(f"{seed} {row}".encode(), digest_size=8).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big"))).integers(1, vocabulary, length)
