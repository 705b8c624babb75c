"""Single paths drawn uniformly among distinct functions: isomorphic cells are not drawn more often than others.

Ning et al., "Evaluating Efficient Performance Estimators of Neural Architectures", NeurIPS 2021: without duplicates,
the supernet of NAS-Bench-201 finds its best cells more often.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from proxybench.errors import ProxybenchError
from proxybench.oneshot.method import Method
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import Part, Path, Supernet

MOST = 100_000  # paths of a space, all of which are enumerated once


@dataclass
class Distinct(Method):
    """SPOS without isomorphs: functions are drawn uniformly, and then one of the paths that compute the function.

    For spaces of cells of four nodes, where the published simplification says which paths compute the same.
    """

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        path = next(iter(product(*map(range, supernet.options))))
        if supernet.function(path) is None:
            raise ProxybenchError(
                "distinct needs a space that says which paths compute the same, such as nasbench201; choose spos"
            )
        if prod(supernet.options) > MOST:
            raise ProxybenchError(f"distinct enumerates at most {MOST} paths; the space has {prod(supernet.options)}")
        return super().stages(supernet, epochs)

    def paths(self, supernet: Supernet, part: Part, rng: np.random.Generator) -> list[Path]:
        if not hasattr(self, "_twins"):
            self._twins = twins(supernet)
        while True:
            path = supernet.draw(part, rng)
            if rng.random() * self._twins[path] < 1:
                return [path]


def twins(supernet: Supernet) -> dict[Path, int]:
    """The number of paths that compute the same as a path, itself included, for all paths of a space."""
    functions = {path: supernet.function(path) for path in product(*map(range, supernet.options))}
    number = Counter(functions.values())
    return {path: number[function] for path, function in functions.items()}
