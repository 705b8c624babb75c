"""Single-Path NAS: thresholds on the norms of super-kernels decide kernel, expansion and skip of each layer.

Stamoulis et al., "Single-Path NAS: Designing Hardware-Efficient ConvNets in less than 4 Hours", ECML-PKDD 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from proxybench.errors import ProxybenchError
from proxybench.oneshot.latency_table import read_latencies
from proxybench.oneshot.method import Batch, Method
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.super_kernel import SKIP, SuperKernel, SuperKernelSupernet
from proxybench.oneshot.supernet import Part, Path, Supernet
from proxybench.oneshot.supernets.mbconv_micro import MBConvSupernet


@dataclass
class SinglePathNAS(Method):
    """Single-Path NAS: one path whose options follow from trained thresholds, with the runtime in the loss.

    The indicators of a layer are 1 where the norm of a part of its kernel exceeds a threshold, and their gradient is
    that of a sigmoid. In the warm-up they are dropped at random and the runtime does not count; so all options are
    trained. The gradient of the norms also reaches the parts that the current path leaves out. The options at the end
    are the derived architecture.

    Args:
        table: a file of latencies; empty for the one that comes with the space.
        weight: of the logarithm of the runtime in the loss.
        kept: probability with which an indicator is kept in the warm-up.
        warm_up: share of the epochs of the warm-up.
        smoothing: label smoothing.
    """

    table: str = ""
    weight: float = 0.1
    kept: float = 0.6
    warm_up: float = 0.625
    smoothing: float = 0.1

    def supernet(self, make: Callable[[], Supernet]) -> Supernet:
        choices = make()
        if not isinstance(choices, MBConvSupernet):
            raise ProxybenchError("single-path needs the super-kernels of mbconv-micro; choose that space")
        return SuperKernelSupernet(choices)

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        if not (0 < self.kept <= 1 and 0 <= self.warm_up < 1 and 0 <= self.smoothing < 1 and self.weight >= 0):
            raise ProxybenchError(
                "kept must be a probability above 0, warm_up and smoothing shares below 1, and weight at least 0"
            )
        self._table = read_latencies(self.table, supernet)
        return super().stages(supernet, epochs)

    def begin(self, supernet: Supernet, images: int) -> None:
        self._searching = self.warm_up == 0

    def paths(self, supernet: Supernet, part: Part, rng: np.random.Generator) -> list[Path]:
        drawn = []
        for kernel in _kernels(supernet):
            dropped = rng.random(3) >= self.kept if not self._searching else np.zeros(3, bool)
            drawn.append(_option(kernel, dropped.tolist()))
        return [tuple(drawn)]

    def learn(self, supernet: Supernet, batch: Batch, paths: Sequence[Path]) -> float:
        assert isinstance(supernet, SuperKernelSupernet)
        supernet.select(paths[0], searching=True)
        logits = supernet(batch.images)
        loss = cross_entropy(logits, batch.labels, label_smoothing=self.smoothing)
        runtime = self.weight * torch.log(self.runtime(supernet)) if self._searching else 0.0
        torch.autograd.backward(loss + runtime)
        self.after_path(supernet, paths[0], batch, logits.detach())
        return float(loss.detach())

    def runtime(self, supernet: SuperKernelSupernet) -> Tensor:
        """The latency in ms of the current indicators, differentiable in the thresholds."""
        rows = zip(supernet.kernels, self._table.values, strict=True)
        return self._table.fixed + torch.stack([_runtime(kernel, options) for kernel, options in rows]).sum()

    def after_epoch(self, done: float) -> None:
        self._searching = done >= self.warm_up

    def derived(self, supernet: Supernet) -> Path:
        return tuple(_option(kernel, [False] * 3) for kernel in _kernels(supernet))

    def findings(self, supernet: Supernet) -> dict[str, float]:
        return self._table.findings(self.derived(supernet))

    def state(self) -> dict[str, Any]:
        return {"searching": self._searching} if hasattr(self, "_searching") else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        if state:
            self._searching = state["searching"]


def _kernels(supernet: Supernet) -> list[SuperKernel]:
    assert isinstance(supernet, SuperKernelSupernet)
    return supernet.kernels


def _option(kernel: SuperKernel, dropped: Sequence[bool]) -> int:
    """The option of a layer whose indicators are used, unless they are dropped."""
    ring, second, block = kernel.indicators().detach().tolist()
    if kernel.skippable and (block < 0.5 or dropped[2]):
        return SKIP
    return 2 * int(ring > 0.5 and not dropped[0]) + int(second > 0.5 and not dropped[1])


def _runtime(kernel: SuperKernel, options: Sequence[float]) -> Tensor:
    """Section 3.3: with 5x5 kernels by expansion, then times the share of the 3x3 kernel without the ring."""
    ring, second, block = kernel.current()
    _, small, half, whole, *_ = options
    runtime = block * (half + second * (whole - half))
    share = small / whole
    total: Tensor = runtime * share + runtime * (1 - share) * ring
    return total
