"""Uniform samples without replacement of combinations of choices, for spaces too large to enumerate."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence


def sample_combinations(options: Sequence[int], n: int, seed: int) -> list[tuple[int, ...]]:
    """`n` different combinations, drawn uniformly: one number in range(options[i]) for each position i.

    Raises:
        ValueError: if n is negative or larger than the number of combinations.
    """
    size = math.prod(options)
    if not 0 <= n <= size:
        raise ValueError(f"there are only {size} combinations; {n} were requested")
    rng = random.Random(seed)
    if n > size // 2:  # drawing until n differ would take too long
        return [decode(index, options) for index in rng.sample(range(size), n)]
    drawn: dict[int, None] = {}
    while len(drawn) < n:
        drawn.setdefault(rng.randrange(size))
    return [decode(index, options) for index in drawn]


def decode(index: int, options: Sequence[int]) -> tuple[int, ...]:
    """The combination at `index` if the last choice varies fastest."""
    combination = []
    for radix in reversed(options):
        index, choice = divmod(index, radix)
        combination.append(choice)
    return tuple(reversed(combination))
