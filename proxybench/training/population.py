"""Which architectures are trained: a random sample of a space without duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice

import pyarrow as pa

from predictors.arch import ArchGraph
from proxybench.errors import ProxybenchError
from proxybench.spaces import EnumerableSpace, SearchSpace
from proxybench.spaces.nds_cells import DEPTHS, WIDTHS, NDSCellSpace
from proxybench.sweeps.selection import items_of
from proxybench.sweeps.sweep import seed_of
from proxybench.training.recipe import Sizes

BLOCK = 64  # architectures drawn at once


def population(space: SearchSpace, n: int, seed: int = 0, architecture: Sizes | None = None) -> tuple[pa.Table, str]:
    """Columns `digest` and `arch` of `n` architectures with different digests, and a description of the selection rule.

    With the same seed, a larger sample starts with a smaller one, and any initial part is also a random sample: of the
    classes that the space's digest distinguishes if the space is enumerable, otherwise as `space.sample` draws.

    Args:
        space: space of the architectures.
        n: number of architectures.
        seed: seed of the draw, if any.
        architecture: for NDS spaces, the `width` and `depth` of all architectures instead of the drawn values, or one
            replacement for each of the space's values, in order.

    Raises:
        ProxybenchError: if the space has fewer than n architectures, no width and depth to set, or a different number
            of values for them.
    """
    if architecture and not isinstance(space, NDSCellSpace):
        raise ProxybenchError(
            f"architectures of {space.name} have no width and depth; give the network options instead"
        )
    if not isinstance(space, EnumerableSpace):
        rule = f"blocks of {BLOCK} from space.sample, seed n of the seed rule with 'block n'; the first of each digest"
        return _items(space, islice(_drawn(space, seed, architecture or {}), n)), rule
    if space.shuffled:
        items, rule = _items(space, islice(space, n)), "the first of the enumeration, whose order is as good as random"
    else:  # the architectures of `proxybench compute SPACE`, in its order
        items, rule = items_of(space, space).slice(0, n), "one of each digest, the first in the order of the digests"
    if items.num_rows < n:
        raise ProxybenchError(f"{space.name} has only {items.num_rows} different architectures; {n} were requested")
    return items, rule


def _drawn(space: SearchSpace, seed: int, architecture: Sizes) -> Iterator[ArchGraph]:
    """An endless iterator of architectures with different digests, from blocks of the space's own draws."""
    seen: set[str] = set()
    widths = _instead("width", WIDTHS, architecture)
    depths = _instead("depth", DEPTHS, architecture)
    for block in count():
        for arch in space.sample(BLOCK, seed_of(seed, f"block {block}")):
            if isinstance(space, NDSCellSpace):
                genotype, width, depth = space.genotype(arch)
                arch = space.build_graph(genotype, widths[width], depths[depth])
            digest = space.digest(arch)
            if digest not in seen:
                seen.add(digest)
                yield arch


def _instead(name: str, drawn: Sequence[int], architecture: Sizes) -> dict[int, int]:
    """The replacement for each drawn width or depth."""
    sizes = architecture.get(name, tuple(drawn))
    if isinstance(sizes, int):
        sizes = (sizes,) * len(drawn)
    if len(sizes) != len(drawn):
        raise ProxybenchError(
            f"{name} must be one number, or {len(drawn)} that replace {list(drawn)}; not {list(sizes)}"
        )
    return dict(zip(drawn, sizes, strict=True))


def _items(space: SearchSpace, archs: Iterator[ArchGraph]) -> pa.Table:
    chosen = list(archs)
    digests, texts = space.digests(chosen), [space.format(arch) for arch in chosen]
    return pa.table({"digest": pa.array(digests, pa.string()), "arch": pa.array(texts, pa.string())})
