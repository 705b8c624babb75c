"""Which architectures are trained: a random sample of a space, those that are the same once."""

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

BLOCK = 64  # drawn at once


def population(space: SearchSpace, n: int, seed: int = 0, architecture: Sizes | None = None) -> tuple[pa.Table, str]:
    """Columns `digest` and `arch` of `n` architectures, digests all different, and the rule that they follow.

    More architectures of the same seed begin with the same ones, and any first part is a random sample too: of the
    classes that the space's digest tells apart where the space can be enumerated, else as `space.sample` draws.

    Args:
        space: of the architectures.
        n: how many.
        seed: of the draw, where there is one.
        architecture: for spaces of NDS, the `width` and `depth` that all get instead of those drawn, or one for each of
            the space's, in their order.

    Raises:
        ProxybenchError: when the space has fewer, or has no width and depth to set, or other numbers of them.
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
    else:  # the architectures that `proxybench compute SPACE` computes, in its order
        items, rule = items_of(space, space).slice(0, n), "one of each digest, the first in the order of the digests"
    if items.num_rows < n:
        raise ProxybenchError(f"{space.name} has {items.num_rows} different architectures; asked for {n}")
    return items, rule


def _drawn(space: SearchSpace, seed: int, architecture: Sizes) -> Iterator[ArchGraph]:
    """Architectures of different digests from blocks of the space's own draws, without end."""
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
    """What each width or depth that is drawn becomes."""
    sizes = architecture.get(name, tuple(drawn))
    if isinstance(sizes, int):
        sizes = (sizes,) * len(drawn)
    if len(sizes) != len(drawn):
        raise ProxybenchError(f"{name} is one number, or {len(drawn)} that stand for {list(drawn)}; not {list(sizes)}")
    return dict(zip(drawn, sizes, strict=True))


def _items(space: SearchSpace, archs: Iterator[ArchGraph]) -> pa.Table:
    chosen = list(archs)
    digests, texts = space.digests(chosen), [space.format(arch) for arch in chosen]
    return pa.table({"digest": pa.array(digests, pa.string()), "arch": pa.array(texts, pa.string())})
