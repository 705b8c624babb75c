"""A score column sorted against its target: everything that does not change between bootstrap resamples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proxybench.ranking.policy import Booleans, Floats, Integers, answered


@dataclass(frozen=True)
class Column:
    """One score column, sorted by (target, score), both ascending, without rows that lack a value.

    Attributes:
        rows: position of each row in the caller's arrays, int64[n].
        target: float64[n], ascending.
        score: float64[n].
        new_target: whether the target differs from that of the row before.
        new_pair: whether target or score differs.
        score_rank: dense rank of the score, from 1.
        by_score: rows by score, ascending, equal scores by target, ascending.
        new_score: along `by_score`, whether the score differs.
    """

    rows: Integers
    target: Floats
    score: Floats
    new_target: Booleans
    new_pair: Booleans
    score_rank: Integers
    by_score: Integers
    new_score: Booleans

    @classmethod
    def sort(cls, target: Floats, score: Floats) -> Column:
        """Sort a column of the caller's arrays."""
        rows = np.flatnonzero(answered(target, score))
        rows = rows[np.lexsort((score[rows], target[rows]))]
        target, score = target[rows], score[rows]
        by_score = np.argsort(score, kind="stable")
        new_score = _changes(score[by_score])
        score_rank = np.empty(len(rows), dtype=np.int64)
        score_rank[by_score] = np.cumsum(new_score)
        new_target = _changes(target)
        return cls(rows, target, score, new_target, new_target | _changes(score), score_rank, by_score, new_score)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def varies(self) -> bool:
        """Whether neither targets nor scores are all equal."""
        return bool(self.new_target[1:].any() and self.new_score[1:].any())

    def top_rows(self, start: int) -> Column:
        """The rows from `start` on, the best by target; `rows` are then positions in this column."""
        rows = np.arange(start, len(self), dtype=np.int64)
        by_score = self.by_score[self.by_score >= start] - start
        new_score = _changes(self.score_rank[start:][by_score])
        score_rank = np.empty(len(rows), dtype=np.int64)
        score_rank[by_score] = np.cumsum(new_score)
        new_target, new_pair = self.new_target[start:].copy(), self.new_pair[start:].copy()
        new_target[:1] = new_pair[:1] = True
        return Column(
            rows, self.target[start:], self.score[start:], new_target, new_pair, score_rank, by_score, new_score
        )

    def downwards(self) -> tuple[Integers, Booleans]:
        """Rows from the best score down, equal scores by target down, and where the score differs along them."""
        new = np.ones_like(self.new_score)
        new[1:] = self.new_score[:0:-1]
        return self.by_score[::-1].copy(), new


def _changes(values: Floats | Integers) -> Booleans:
    changed = np.ones(len(values), dtype=np.bool_)
    changed[1:] = values[1:] != values[:-1]
    return changed
