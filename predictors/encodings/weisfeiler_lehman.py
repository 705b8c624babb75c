"""Weisfeiler-Lehman label counts: how often each neighbourhood of up to h steps occurs in a graph."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from itertools import chain, repeat
from typing import TYPE_CHECKING, Self

import numpy as np

from predictors.arch import ArchBatch, ArchGraph
from predictors.base import Parameters
from predictors.encodings.flat import flatten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]


class WeisfeilerLehman(Parameters):
    """Counts of node labels after 0 to `iterations` rounds of refinement.

    Each round extends a node's label by the multisets of its predecessors' and its successors' labels (Shervashidze et
    al., "Weisfeiler-Lehman Graph Kernels", JMLR 2011, section 2.1; for architectures Ru et al., "NAS-BOWL", ICLR 2021).
    Labels are 64-bit hashes, so counts do not depend on the training set, only the choice of columns does. The initial
    label is the operation with its numeric attributes.

    Args:
        iterations: h, the number of refinement rounds.
        truncate: number of labels to keep: those in the most training graphs; ties are broken by the lower hash.
    """

    def __init__(self, iterations: int = 2, truncate: int = 1024) -> None:
        self.iterations = iterations
        self.truncate = truncate

    def fit(self, X: ArchBatch) -> Self:
        graph, label = self._labels(X.archs)
        pairs = np.unique(np.stack([label, graph.astype(np.uint64)]), axis=1)
        labels, graphs = np.unique(pairs[0], return_counts=True)
        kept = np.lexsort((labels, -graphs))[: self.truncate]
        self.labels_ = np.sort(labels[kept])
        return self

    def transform(self, X: ArchBatch) -> NDArray[np.float64]:
        width = len(self.labels_)
        rows = np.zeros(len(X) * width)
        if rows.size:
            graph, label = self._labels(X.archs)
            column = np.minimum(np.searchsorted(self.labels_, label), width - 1)
            known = self.labels_[column] == label
            np.add.at(rows, (graph * width + column)[known], 1.0)
        return rows.reshape(len(X), width)

    def _labels(self, archs: Sequence[ArchGraph]) -> tuple[NDArray[np.int64], Hashes]:
        """Graph and label hash of each node in each round, both of length nodes * (iterations + 1)."""
        flat = flatten(archs, {})
        label = _operation_hashes(archs)
        rounds = [label]
        for _ in range(self.iterations):
            fed, feeds = np.zeros_like(label), np.zeros_like(label)
            np.add.at(fed, flat.targets, _mix(label[flat.sources], 1))
            np.add.at(feeds, flat.sources, _mix(label[flat.targets], 2))
            label = _mix(label + _mix(fed, 3) + _mix(feeds, 4), 5)
            rounds.append(label)
        return np.tile(flat.graph_of_node, len(rounds)), np.concatenate(rounds)


def _operation_hashes(archs: Sequence[ArchGraph]) -> Hashes:
    hash_of = cache(_operation_hash)  # a batch has few operations
    hashes = [
        map(hash_of, repeat(tuple(name for name, _ in arch.attrs)), arch.ops, *(values for _, values in arch.attrs))
        for arch in archs
    ]
    return np.fromiter(chain.from_iterable(hashes), dtype=np.uint64)


def _operation_hash(names: tuple[str, ...], op: str, *values: float) -> int:
    label = (op, *((name, float(value)) for name, value in zip(names, values, strict=True)))
    return int.from_bytes(hashlib.blake2b(repr(label).encode(), digest_size=8).digest(), "little")


def _mix(values: Hashes, salt: int) -> Hashes:
    """A one-to-one scrambling of 64-bit numbers (splitmix64, Steele et al. 2014), different for each salt."""
    mixed = values + np.uint64(salt * 0x9E3779B97F4A7C15 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
