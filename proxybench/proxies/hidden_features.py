"""In how many directions the hidden features of feed-forward networks vary."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.dss import belongs_to_attention
from proxybench.proxies.layers import Layer
from proxybench.proxies.observer import Axes, Observer, Output
from proxybench.proxies.recorder import LayerOutputs
from proxybench.proxies.token_outputs import TokenOutputs

SHARE = 0.99


def principal_components(rows: Tensor, share: float = SHARE) -> int:
    """The least number of principal components that hold `share` of the variance; 0 if the rows are the same.

    Takes time cubic in the number of rows or of columns, whichever is smaller.

    Args:
        rows: [n, channels].
        share: between 0 and 1.

    Raises:
        NoAnswer: if an entry is not finite.
    """
    if not rows.isfinite().all():
        raise NoAnswer("the hidden features of a feed-forward network are not finite")
    centred = rows.double()
    centred = centred - centred.mean(0)
    tall = centred if centred.shape[0] <= centred.shape[1] else centred.T
    variances = torch.linalg.eigvalsh(tall @ tall.T).clamp_min(0).flip(0)
    total = variances.sum()
    if not total > torch.finfo(rows.dtype).eps ** 2 * rows.double().square().sum():
        return 0
    return int((variances.cumsum(0) < share * total).sum()) + 1


class HiddenComponents(Observer):
    """For each layer, the principal components of its outputs that a rectifier takes directly, float64[layers].

    0 for layers of attention, convolutions, outputs for a single token, and outputs that something else takes first.
    """

    def __init__(self, layers: Sequence[Layer], images: int) -> None:
        super().__init__(layers, images)
        self._counts = torch.zeros(len(layers), dtype=torch.float64)
        self._tokens = TokenOutputs(layers, images, self._count)
        self._last: Output | None = None

    def output(self, output: Output) -> None:
        layer = self.layers[output.position]
        self._last = None if layer.convolution or belongs_to_attention(layer) else output

    def rectifier(self, inputs: Tensor) -> None:
        if self._last is not None and self._last.values is inputs:
            self._tokens.add(self._last)
        self._last = None

    def _count(self, position: int, tokens: Tensor) -> None:
        if tokens.shape[1] > 1:
            self._counts[position] += principal_components(tokens.flatten(0, 1))

    def result(self, axes: Axes, outputs: LayerOutputs) -> Tensor:
        self._tokens.finish(axes)
        return self._counts
