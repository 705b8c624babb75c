"""Names the runs of files that list an architecture more than once, under one text or under isomorphic ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from proxybench.spaces import SearchSpace


def name_runs(texts: Sequence[str], space: SearchSpace) -> tuple[list[str], list[str]]:
    """Architecture and seed label of each row.

    Rows of isomorphic architectures are runs of one architecture, which has the text of the first of them in the
    form of `space`; their seeds are "0", "1", ... in file order.

    Raises:
        InvalidArchitecture: for a text that is not an architecture of `space`.
    """
    first: dict[str, str] = {}
    runs: Counter[str] = Counter()
    archs, seeds = [], []
    for text in texts:
        arch = space.parse(text)
        name = first.setdefault(space.digest(arch), space.format(arch))
        archs.append(name)
        seeds.append(str(runs[name]))
        runs[name] += 1
    return archs, seeds


def repeat_notes(archs: Sequence[str]) -> list[str]:
    """A sentence for the card when an architecture has several runs."""
    repeated = [count for count in Counter(archs).values() if count > 1]
    if not repeated:
        return []
    return [
        f"{sum(repeated)} of the {len(archs)} rows are repeated trainings of {len(repeated)} architectures, some "
        "written in another order; they are runs 0, 1, ... in file order, and the seeds are not published."
    ]
