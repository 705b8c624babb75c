"""Samples architectures that satisfy constraints, even if these leave too few for rejection sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from predictors.arch import ArchGraph
from predictors.gbdt_nas.choices import Constraints

_TRIES = 50  # draws per requested architecture before giving up


class Space(Protocol):
    """The required methods of a search space."""

    def sample(self, n: int, seed: int) -> Sequence[ArchGraph]:
        """Sample n different architectures."""
        ...

    def neighbours(self, arch: ArchGraph) -> Sequence[ArchGraph]:
        """All architectures one elementary change away."""
        ...


def sample_allowed(space: Space, constraints: Constraints, n: int, random: np.random.Generator) -> list[ArchGraph]:
    """Sample different architectures of a space that satisfy all constraints.

    A sample that breaks constraints is repaired: it is replaced by a random neighbour that breaks fewer, until none is
    broken or no neighbour is better. If all choices are independent and constraints concern single choices, repaired
    samples are as uniform as the original ones.

    Args:
        space: a search space of this project or an object with the same two methods.
        constraints: the constraints to satisfy.
        n: number of architectures.
        random: source of randomness.

    Returns:
        n architectures, or fewer if 50 draws for each did not find enough.
    """
    found: dict[ArchGraph, None] = {}
    for _ in range(_TRIES * n):
        if len(found) >= n:
            break
        (drawn,) = space.sample(1, int(random.integers(2**31)))
        repaired = _repaired(space, constraints, drawn, random)
        if repaired is not None:
            found[repaired] = None
    return list(found)


def _repaired(space: Space, constraints: Constraints, arch: ArchGraph, random: np.random.Generator) -> ArchGraph | None:
    broken = constraints.violations(arch)
    while broken:
        around = space.neighbours(arch)
        better = (around[place] for place in random.permutation(len(around)).tolist())
        step = next((one for one in better if constraints.violations(one) < broken), None)
        if step is None:
            return None
        arch, broken = step, constraints.violations(step)
    return arch
