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


def hash_split(
    task: str,
    repeat: int,
    digests: Sequence[str],
    n_train: int,
    n_test: int | None = None,
    trainable: NDArray[np.bool_] | None = None,
    scored: NDArray[np.bool_] | None = None,
) -> Split:
    """Split a population.

    Args:
        task: name of the task; tasks are split independently.
        repeat: number of the repeat.
        digests: the digest of each architecture of the population.
        n_train: how many architectures to train on, one per digest.
        n_test: how many digests to score, the last in hash order and thus the same for every n_train; None for all
            not trained on.
        trainable: mask of the architectures that may be trained on; None for all.
        scored: mask of the architectures that may be scored; None for all.

    Raises:
        ValueError: if the population has too few digests.
    """
    order = sorted(set(digests), key=lambda digest: hash_key(task, repeat, digest))
    to_learn, to_score = (_members(digests, mask) for mask in (trainable, scored))
    tested = [digest for digest in order if digest in to_score]
    if n_test is not None:
        tested = tested[max(len(tested) - n_test, 0) :]
    reserved = set() if n_test is None else set(tested)  # the same for every n_train
    learnt = [digest for digest in order if digest in to_learn and digest not in reserved][: max(n_train, 0)]
    if n_test is None:
        trained_on = set(learnt)
        tested = [digest for digest in tested if digest not in trained_on]
    if n_train != len(learnt) or len(tested) < (n_test or 1):
        wanted = "any" if n_test is None else n_test
        raise ValueError(f"task {task}: {len(order)} digests are too few to train on {n_train} and score {wanted}")
    train = [to_learn[digest][0] for digest in learnt]
    test = sorted(position for digest in tested for position in to_score[digest])
    return Split(np.array(train, dtype=np.int64), np.array(test, dtype=np.int64))


def _members(digests: Sequence[str], mask: NDArray[np.bool_] | None) -> dict[str, list[int]]:
    """The positions of each digest, of those in the mask."""
    members: dict[str, list[int]] = {}
    for position, digest in enumerate(digests):
        if mask is None or mask[position]:
            members.setdefault(digest, []).append(position)
    return members


def hash_key(task: str, repeat: int, digest: str) -> bytes:
    """The hash that architectures are ordered by."""
    return hashlib.blake2b(f"{task}:{repeat}:{digest}".encode(), digest_size=16).digest()
