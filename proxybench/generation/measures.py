"""Quality of generated architectures: validity, uniqueness, novelty and similarity to the training distribution.

Shares follow the definitions of An, Lee et al., "DiffusionNAG", ICLR 2024, table 5: validity among all samples,
uniqueness and novelty among the valid ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from predictors.arch import ArchGraph
from proxybench.generation.codec import left_out
from proxybench.generation.sampling import Samples
from proxybench.spaces import SearchSpace


@dataclass(frozen=True)
class Quality:
    """Measures of samples.

    Attributes:
        samples: number of samples.
        validity: share of samples that are architectures of the space.
        uniqueness: number of different texts among the valid samples, as a share.
        distinct: number of different digests among the valid samples, as a share; isomorphic architectures count once.
        novelty: share of valid samples that are not in the training set.
        left_out: share of valid samples in the held-out half defined by `codec.left_out`.
        operations: total variation distance between the operations of the valid samples and of the training set.
        in_degrees: the same for the number of edges into a node.
        out_degrees: the same for the number of edges out of a node.
        edges: the same for the number of edges of a graph.
        ms: wall time per sample in milliseconds.
    """

    samples: int
    validity: float
    uniqueness: float
    distinct: float
    novelty: float
    left_out: float
    operations: float
    in_degrees: float
    out_degrees: float
    edges: float
    ms: float


def quality(samples: Samples, space: SearchSpace, trained: Sequence[ArchGraph]) -> Quality:
    """The measures of `samples` compared with the architectures on which the model was trained."""
    valid = samples.valid
    texts = [space.format(arch) for arch in valid]
    digests = space.digests(valid)
    known = {space.format(arch) for arch in trained}
    count = max(1, len(valid))
    return Quality(
        samples=len(samples.archs),
        validity=len(valid) / max(1, len(samples.archs)),
        uniqueness=len(set(texts)) / count,
        distinct=len(set(digests)) / count,
        novelty=sum(text not in known for text in texts) / count,
        left_out=sum(left_out(space.name, valid)) / count,
        operations=total_variation(operation_labels(valid), operation_labels(trained)),
        in_degrees=total_variation(degrees(valid, 1), degrees(trained, 1)),
        out_degrees=total_variation(degrees(valid, 0), degrees(trained, 0)),
        edges=total_variation((len(a.edges) for a in valid), (len(a.edges) for a in trained)),
        ms=1000 * samples.seconds / max(1, len(samples.archs)),
    )


def expected_unique(draws: int, size: int) -> float:
    """The share of distinct items among uniform draws with replacement: size (1 - (1 - 1/size)^draws) / draws."""
    return float(-size * np.expm1(draws * np.log1p(-1 / size)) / draws) if size > 1 else 1 / draws


def total_variation(one: Iterable[Hashable], other: Iterable[Hashable]) -> float:
    """Half the sum of absolute differences of two empirical distributions: 0 equal, 1 disjoint; 1 if one is empty."""
    first, second = Counter(one), Counter(other)
    if not first or not second:
        return 1.0
    values: Collection[Hashable] = first.keys() | second.keys()
    total, others = first.total(), second.total()
    return sum(abs(first[value] / total - second[value] / others) for value in values) / 2


def operation_labels(archs: Iterable[ArchGraph]) -> Iterable[Hashable]:
    """The operation of every node, with the node's attributes."""
    for arch in archs:
        columns = [values for _, values in arch.attrs]
        for node, op in enumerate(arch.ops):
            yield (op, *(values[node] for values in columns))


def degrees(archs: Iterable[ArchGraph], end: int) -> Iterable[int]:
    """The number of edges with each node as their source (`end` 0) or target (`end` 1)."""
    for arch in archs:
        counts = Counter(edge[end] for edge in arch.edges)
        yield from (counts[node] for node in range(len(arch)))
