"""InstaTune: a trained large network becomes the supernet while it is fine-tuned.

Sarah et al., "InstaTune: Instantaneous Neural Architecture Search During Fine-Tuning", ICCV 2023 workshops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proxybench.errors import ProxybenchError
from proxybench.oneshot.methods.bignas import BigNAS
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import Part, Path, Supernet


@dataclass
class InstaTune(BigNAS):
    """InstaTune: the largest network is trained alone, and then fine-tuned together with the smaller ones within it.

    Fine-tuning follows BigNAS: the largest network learns from the labels, the smallest and some drawn ones from the
    largest. `proxybench.search.experiments.elastic_front` then searches the front of accuracy and FLOPs.

    Args:
        drawn: number of drawn paths in a step of the fine-tuning.
        smoothing: label smoothing of the largest path's loss.
        alone: share of the epochs in which the largest network is trained alone; the paper starts from a published one.
    """

    alone: float = 0.5

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        (fine_tuning,) = super().stages(supernet, epochs)
        first = round(self.alone * epochs)
        if not 1 <= first < epochs:
            raise ProxybenchError(
                f"alone must leave at least one of the {epochs} epochs to each stage, not {self.alone}; change it or "
                "train for more epochs"
            )
        largest = tuple((allowed[-1],) for allowed in fine_tuning.part)
        return [Stage(largest, first), Stage(fine_tuning.part, epochs - first, 0)]

    def paths(self, supernet: Supernet, part: Part, rng: np.random.Generator) -> list[Path]:
        return super().paths(supernet, part, rng)[: 1 if all(len(allowed) == 1 for allowed in part) else None]
