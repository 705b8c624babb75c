"""How many of the images each layer tells apart by the signs of its outputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from proxybench.proxies.layers import Layer
from proxybench.proxies.memory_order import as_rows
from proxybench.proxies.nwot import sign_agreement
from proxybench.proxies.observer import Axes, Observer, Output
from proxybench.proxies.recorder import LayerOutputs


def log_code_volume(output: Tensor) -> Tensor:
    """The value log det K, K_ij the number of signs that images i and j share in a layer's outputs [n, ...]; float64[].

    0 if K is singular (two images have the same signs) or no output is positive; NaN if an output is NaN.
    """
    if output.sum().isnan() and output.isnan().any():
        return torch.full((), float("nan"), dtype=torch.float64)
    positive = as_rows(output.detach() > 0)
    agreement = sign_agreement([positive])
    same = agreement.triu(1) == positive.shape[1]
    log_determinant: Tensor = torch.linalg.slogdet(agreement).logabsdet
    if not positive.any() or same.any() or not log_determinant.isfinite():
        return torch.zeros((), dtype=torch.float64)
    return log_determinant


class CodeVolumes(Observer):
    """The `log_code_volume` of each layer; None for a layer that was not called.

    The last call counts if a layer was called several times.
    """

    def __init__(self, layers: Sequence[Layer], images: int) -> None:
        super().__init__(layers, images)
        self._volumes: list[Tensor | None] = [None for _ in layers]
        self._unclear: dict[int, Output] = {}

    def output(self, output: Output) -> None:
        self._unclear.pop(output.position, None)
        if output.clear:
            self._volumes[output.position] = log_code_volume(output.values)
        else:
            self._unclear[output.position] = output

    def result(self, axes: Axes, outputs: LayerOutputs) -> list[Tensor | None]:
        outputs.require_all()
        for position, output in self._unclear.items():
            axis = output.axis(axes)
            self._volumes[position] = (
                torch.zeros(()) if axis is None else log_code_volume(axis.first(output.values, self.images))
            )
        return self._volumes
