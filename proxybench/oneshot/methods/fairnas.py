"""FairNAS: every step trains every option of every choice exactly once.

Chu, Zhang and Xu, "FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural Architecture Search", ICCV 2021,
algorithm 1 (strict fairness).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proxybench.errors import ProxybenchError
from proxybench.oneshot.method import Method
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import Part, Path, Supernet

MOST = 100  # options of a choice


@dataclass
class FairNAS(Method):
    """FairNAS: as many paths for each step as a choice has options, in an order of its own for each choice.

    The gradients of the paths are added before the weights change. A choice with fewer options than others has them in
    turn, in a new order for each turn.
    """

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        if max(supernet.options) > MOST:
            raise ProxybenchError(
                f"fairnas trains a path for each option, and a choice of this space has {max(supernet.options)}; "
                "choose another method"
            )
        return super().stages(supernet, epochs)

    def paths(self, supernet: Supernet, part: Part, rng: np.random.Generator) -> list[Path]:
        most = max(len(allowed) for allowed in part)
        orders = []
        for allowed in part:
            turns = -(-most // len(allowed))
            orders.append(np.concatenate([rng.permutation(allowed) for _ in range(turns)])[:most])
        return [tuple(int(order[number]) for order in orders) for number in range(most)]
