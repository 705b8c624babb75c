"""Splits by hash order: the architectures a method may train on, and those it is scored on.

Architectures are ordered by a BLAKE2b hash of task, repeat and digest, so the order depends on no library's random
stream, and smaller training sets are subsets of larger ones. Isomorphic architectures share a digest: one of them may
represent all in training, and then none of them is scored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """Positions in the population.

    Attributes:
        train: n_train positions with distinct digests, in hash order.
        test: positions to score, increasing.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def hash_split(task: str, repeat: int, digests: Sequence[str], n_train: int, n_test: int | None = None) -> Split:
    """Split a population.

    Args:
        task: name of the task; tasks are split independently.
        repeat: number of the repeat.
        digests: the digest of each architecture of the population.
        n_train: how many architectures to train on, one per digest.
        n_test: how many digests to score, the last in hash order and thus the same for every n_train; None for all
            not trained on.

    Raises:
        ValueError: if the population has too few digests.
    """
    members: dict[str, list[int]] = {}
    for position, digest in enumerate(digests):
        members.setdefault(digest, []).append(position)
    order = sorted(members, key=lambda digest: hash_key(task, repeat, digest))
    scored = len(order) - n_train if n_test is None else n_test
    if n_train < 0 or scored < 1 or n_train + scored > len(order):
        raise ValueError(f"task {task}: {len(order)} digests are too few to train on {n_train} and score {scored}")
    train = [members[digest][0] for digest in order[:n_train]]
    test = sorted(position for digest in order[len(order) - scored :] for position in members[digest])
    return Split(np.array(train, dtype=np.int64), np.array(test, dtype=np.int64))


def hash_key(task: str, repeat: int, digest: str) -> bytes:
    """The hash that architectures are ordered by."""
    return hashlib.blake2b(f"{task}:{repeat}:{digest}".encode(), digest_size=16).digest()
