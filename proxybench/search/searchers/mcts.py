"""Monte-Carlo tree search: an architecture is chosen node by node; UCB1 decides which prefix to follow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from proxybench.search.core.base import Query, checked_answer
from proxybench.search.core.problem import Problem
from proxybench.search.parts.choices import node_choices
from proxybench.search.parts.ranked_rewards import RankedRewards

_CROWDED = 0.7  # share of a prefix's candidates queried from which the others are listed rather than drawn at random


@dataclass
class _Prefix:
    """A node of the tree: candidates at places [low, high) of the sorted order, with `depth` choices in common.

    Attributes:
        visits: how many of its candidates have an answer.
        total: the sum of their rewards.
    """

    low: int
    high: int
    depth: int
    visits: int = 0
    total: float = 0.0
    children: list[_Prefix] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.high - self.low


class TreeSearch:
    """UCT over the prefixes in the population: each choice is a node's operation and its input nodes.

    A prefix has been visited as often as candidates in it have an answer, by whatever path they were reached, so that
    the visits of its children add up to its own. Selection descends from the root. Among children without a visit it
    takes one at random, with probabilities proportional to their candidates. Otherwise it takes the child with the
    largest

        mean reward + exploration * sqrt(2 ln(visits of the prefix) / visits of the child)

    that has candidates left. At a prefix without a visit it draws one of the candidates. The reward of an answer is its
    rank among all answers so far, from 0 to 1: a few failed trainings would compress differences between accuracies.

    Source: Kocsis and Szepesvari, "Bandit Based Monte-Carlo Planning", ECML 2006 (UCT); on architectures Wang et
    al., "Neural Architecture Search using Deep Neural Networks and Monte Carlo Tree Search", AAAI 2020.

    Args:
        problem: the population to search.
        rng: source of randomness.
        budget: of the run; not used.
        exploration: the factor of UCB1's second term.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator, budget: float, exploration: float = 0.35) -> None:
        self._rng = rng
        self._exploration = exploration
        self._order, self._choices = problem.cached(sorted_choices)
        self._asked = np.zeros(len(problem), dtype=bool)
        self._rewards = RankedRewards(len(problem))
        self._root = _Prefix(0, len(problem), 0)
        self._path = [self._root]
        self._place = 0

    def ask(self) -> Query | None:
        if self._root.visits == self._root.size:
            return None
        prefix, self._path = self._root, [self._root]
        while prefix.visits and prefix.size > 1 and prefix.depth < self._choices.shape[1]:
            prefix = self._select(prefix)
            self._path.append(prefix)
        self._place = self._drawn(prefix)
        self._asked[self._place] = True
        return Query(int(self._order[self._place]))

    def tell(self, query: Query, value: float) -> None:
        reward = self._rewards.add(self._place, checked_answer(value))
        for prefix in self._path:
            prefix.visits += 1
            prefix.total += reward
        if self._rewards.outdated:
            self._rewards.renew()
            for prefix in _below(self._root):
                prefix.total = self._rewards.between(prefix.low, prefix.high)

    def _select(self, prefix: _Prefix) -> _Prefix:
        if not prefix.children:
            prefix.children = self._split(prefix)
        new = [child for child in prefix.children if not child.visits]
        if new:
            sizes = np.array([child.size for child in new], dtype=np.float64)
            return new[int(self._rng.choice(len(new), p=sizes / sizes.sum()))]
        width = 2 * math.log(prefix.visits)
        return max(
            (child for child in prefix.children if child.visits < child.size),
            key=lambda child: child.total / child.visits + self._exploration * math.sqrt(width / child.visits),
        )

    def _split(self, prefix: _Prefix) -> list[_Prefix]:
        """The children of a prefix; choices that all its candidates share are skipped."""
        choices = self._choices[prefix.low : prefix.high]
        differing = np.flatnonzero((choices[:, prefix.depth :] != choices[0, prefix.depth :]).any(axis=0))
        depth = prefix.depth + int(differing[0]) if len(differing) else self._choices.shape[1] - 1
        cuts = [0, *(np.flatnonzero(np.diff(choices[:, depth])) + 1).tolist(), len(choices)]
        bounds = [(prefix.low + low, prefix.low + high) for low, high in pairwise(cuts)]
        return [
            _Prefix(low, high, depth + 1, int(self._asked[low:high].sum()), self._rewards.between(low, high))
            for low, high in bounds
        ]

    def _drawn(self, prefix: _Prefix) -> int:
        """A random place of a prefix that has not been queried."""
        if prefix.visits < _CROWDED * prefix.size:
            while True:
                place = prefix.low + int(self._rng.integers(prefix.size))
                if not self._asked[place]:
                    return place
        left = np.flatnonzero(~self._asked[prefix.low : prefix.high])
        return prefix.low + int(self._rng.choice(left))


def _below(prefix: _Prefix) -> Iterator[_Prefix]:
    """A prefix and all prefixes below it."""
    waiting = [prefix]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += one.children


def sorted_choices(problem: Problem) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The candidates in the order of their choices, int64[n], and the choices in that order, int64[n, nodes]."""
    choices = node_choices(problem)
    order = np.lexsort(choices.T[::-1])
    return order, choices[order]
