"""Monte-Carlo tree search: an architecture is chosen node by node; UCB1 decides which prefix to follow.

Kocsis and Szepesvari: Bandit Based Monte-Carlo Planning, ECML 2006 (UCT); on architectures Wang et al.: Neural
Architecture Search using Deep Neural Networks and Monte Carlo Tree Search, AAAI 2020.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from proxybench.search.core.base import Query, checked_answer
from proxybench.search.core.problem import Problem
from proxybench.search.parts.choices import node_choices


@dataclass
class _Prefix:
    """A node of the tree: candidates at places [low, high) of the sorted order, with `depth` choices in common."""

    low: int
    high: int
    depth: int
    left: int
    visits: int = 0
    total: float = 0.0
    children: list[_Prefix] = field(default_factory=list)


class TreeSearch:
    """UCT over the prefixes in the population: each choice is a node's operation and its input nodes.

    Selection descends to an unvisited prefix and draws one of its candidates not queried yet. Rewards are scaled to
    [0, 1] by the values seen. A prefix whose candidates have all been queried is not followed.

    Args:
        problem: the population to search.
        rng: source of randomness.
        budget: of the run; not used.
        exploration: the factor of UCB1's second term.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator, budget: float, exploration: float = 0.5) -> None:
        self._rng = rng
        self._exploration = exploration
        self._order, self._choices = problem.cached(_sorted_choices)
        self._asked = np.zeros(len(problem), dtype=bool)
        self._root = _Prefix(0, len(problem), 0, len(problem))
        self._low, self._high = math.inf, -math.inf
        self._path: list[_Prefix] = []

    def ask(self) -> Query | None:
        if not self._root.left:
            return None
        prefix, self._path = self._root, [self._root]
        while prefix.visits and prefix.high - prefix.low > 1 and prefix.depth < self._choices.shape[1]:
            prefix = self._select(prefix)
            self._path.append(prefix)
        open_places = prefix.low + np.flatnonzero(~self._asked[prefix.low : prefix.high])
        place = int(self._rng.choice(open_places))
        self._asked[place] = True
        for one in self._down_to(place):
            one.left -= 1
        return Query(int(self._order[place]))

    def tell(self, query: Query, value: float) -> None:
        value = checked_answer(value)
        self._low, self._high = min(self._low, value), max(self._high, value)
        for prefix in self._path:
            prefix.visits += 1
            prefix.total += value

    def _select(self, prefix: _Prefix) -> _Prefix:
        if not prefix.children:
            prefix.children = self._split(prefix)
        open_children = [child for child in prefix.children if child.left]
        scores = [self._ucb(child, prefix.visits) for child in open_children]
        best = np.flatnonzero(np.array(scores) == max(scores))
        return open_children[int(self._rng.choice(best))]

    def _ucb(self, child: _Prefix, visits: int) -> float:
        if not child.visits:
            return math.inf
        width = self._high - self._low
        reward = (child.total / child.visits - self._low) / width if width else 0.5
        return reward + self._exploration * math.sqrt(2 * math.log(visits) / child.visits)

    def _split(self, prefix: _Prefix) -> list[_Prefix]:
        choice = self._choices[prefix.low : prefix.high, prefix.depth]
        cuts = [0, *(np.flatnonzero(np.diff(choice)) + 1).tolist(), len(choice)]
        bounds = [(prefix.low + low, prefix.low + high) for low, high in pairwise(cuts)]
        return [_Prefix(low, high, prefix.depth + 1, int((~self._asked[low:high]).sum())) for low, high in bounds]

    def _down_to(self, place: int) -> list[_Prefix]:
        """The prefixes of the tree that contain `place`, from the root."""
        found = [self._root]
        while found[-1].children:
            found.append(next(child for child in found[-1].children if child.low <= place < child.high))
        return found


def _sorted_choices(problem: Problem) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The candidates in the order of their choices, int64[n], and the choices in that order, int64[n, nodes]."""
    choices = node_choices(problem)
    order = np.lexsort(choices.T[::-1])
    return order, choices[order]
