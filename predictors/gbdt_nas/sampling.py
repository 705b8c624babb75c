"""Architectures of a space that keep constraints, also where constraints leave too little to wait for by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from predictors.arch import ArchGraph
from predictors.gbdt_nas.choices import Constraints

_TRIES = 50  # draws for each architecture asked for, before the constraints are held to leave too few


class Space(Protocol):
    """What is needed of a search space."""

    def sample(self, n: int, seed: int) -> Sequence[ArchGraph]:
        """Some n different architectures."""
        ...

    def neighbours(self, arch: ArchGraph) -> Sequence[ArchGraph]:
        """All architectures one elementary change away."""
        ...


def sample_allowed(space: Space, constraints: Constraints, n: int, random: np.random.Generator) -> list[ArchGraph]:
    """Different architectures of a space that break none of the constraints.

    One drawn that breaks some is mended: a random one of its neighbours that break fewer takes its place, until none
    is broken or no neighbour is better. Where every choice is free of the others and constraints are of single
    choices, a mended architecture is as uniform as a drawn one.

    Args:
        space: a search space of this project or an object with the same two methods.
        constraints: to keep.
        n: how many.
        random: source of randomness.

    Returns:
        n architectures; fewer where 50 draws for each did not find so many.
    """
    found: dict[ArchGraph, None] = {}
    for _ in range(_TRIES * n):
        if len(found) >= n:
            break
        (drawn,) = space.sample(1, int(random.integers(2**31)))
        mended = _mended(space, constraints, drawn, random)
        if mended is not None:
            found[mended] = None
    return list(found)


def _mended(space: Space, constraints: Constraints, arch: ArchGraph, random: np.random.Generator) -> ArchGraph | None:
    broken = constraints.violations(arch)
    while broken:
        around = space.neighbours(arch)
        better = (around[place] for place in random.permutation(len(around)).tolist())
        step = next((one for one in better if constraints.violations(one) < broken), None)
        if step is None:
            return None
        arch, broken = step, constraints.violations(step)
    return arch
