"""Few-shot NAS: after a common training, one supernet for every option of one choice.

Zhao et al., "Few-shot Neural Architecture Search", ICML 2021: fewer architectures share a weight, so that the estimates
come closer to those of separate trainings.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxybench.errors import ProxybenchError
from proxybench.oneshot.method import Method
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import Supernet, restricted


@dataclass
class FewShot(Method):
    """Few-shot NAS: one choice is split exhaustively; the parts start from the weights of the common training.

    Args:
        choice: the choice to split, counted from 0; negative numbers count from the last. For cells of four nodes the
            last is the edge from node 2 to the output.
        common: fraction of the epochs for the common training; the parts share the rest equally.
    """

    choice: int = -1
    common: float = 0.5

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        choices = len(supernet.options)
        if not -choices <= self.choice < choices:
            raise ProxybenchError(f"choice must be {-choices} to {choices - 1} in this space, not {self.choice}")
        if not 0 < self.common < 1:
            raise ProxybenchError(f"common must be a fraction of the epochs between 0 and 1, not {self.common}")
        options = range(supernet.options[self.choice])
        common = round(epochs * self.common)
        each = (epochs - common) // len(options)
        if common < 1 or each < 1:
            raise ProxybenchError(
                f"{epochs} epochs are too few for a common training and {len(options)} parts; choose more epochs"
            )
        whole = supernet.whole()
        parts = [restricted(whole, self.choice % choices, [option]) for option in options]
        return [Stage(whole, common), *(Stage(part, each, start=0) for part in parts)]
