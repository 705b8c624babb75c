"""Columns of proxies that this project computed for the space of a table, and the names of published ones next to them.

Small networks: `proxy:NAME@proxybench` next to the published `proxy:NAME`. Networks of the benchmark's own size: there
the plain name is this project's, and a published score is `proxy:NAME@published`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from predictors.arch import ArchBatch, ArchGraph
from proxybench.scores.shipped import full_size_digest, required_full_size, shipped_digest, shipped_sweeps
from proxybench.scores.source_names import OWN, PUBLISHED
from proxybench.spaces import SearchSpace

COMPUTED, ALL, FULL_SIZE = "computed", "all", "full-size"  # names of sets of columns
_RENAMED = {"proxy:params": "cost:params", "proxy:flops": "cost:flops"}
_LEFT_OUT = "proxy:random"  # the control of every task is another


def with_small(batch: ArchBatch, graphs: Sequence[ArchGraph], space: SearchSpace, digests: Sequence[str]) -> ArchBatch:
    """The batch with the shipped scores of small networks.

    Args:
        batch: the published columns.
        graphs: its architectures.
        space: their space.
        digests: `space.digest` of each.

    Raises:
        DataNotAvailable: if no scores of the space come with the project.
    """
    computed = ArchBatch(graphs)
    for scores in shipped_sweeps(space.name):
        computed = scores.join(computed, space, digests)
    return batch.extended({f"{name}{OWN}": values for name, values in computed.columns.items()}, computed.nodes)


def with_full_size(
    batch: ArchBatch, graphs: Sequence[ArchGraph], space: SearchSpace, digests: Sequence[str]
) -> ArchBatch:
    """The batch with the shipped scores of networks of the benchmark's own size; arguments as for `with_small`.

    Raises:
        DataNotAvailable: if no such scores of the space come with the project.
    """
    computed = required_full_size(space.name).join(ArchBatch(graphs), space, digests)
    own = {_RENAMED.get(name, name): values for name, values in computed.columns.items() if name != _LEFT_OUT}
    published = {
        f"{name}{PUBLISHED}" if name.startswith("proxy:") else name: values for name, values in batch.columns.items()
    }
    return ArchBatch(graphs, published | own, computed.nodes)


def recipe_with(recipe: str, columns: str, space: str) -> str:
    """A digest of a table and of the computed scores among the columns; `recipe` itself if there are none.

    Raises:
        DataNotAvailable: if no such scores of the space come with the project.
    """
    if columns not in (COMPUTED, ALL, FULL_SIZE):
        return recipe
    scores = full_size_digest(space) if columns == FULL_SIZE else shipped_digest(space)
    return hashlib.blake2b(f"{recipe} {scores}".encode(), digest_size=16).hexdigest()
