"""How far outputs of layers of attention and weights of self-attentions stand out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from proxybench.proxies.dss import belongs_to_attention
from proxybench.proxies.layers import Layer, as_real
from proxybench.proxies.observer import Axes, Observer, Output
from proxybench.proxies.recorder import LayerOutputs
from proxybench.proxies.token_outputs import TokenOutputs


class LargestOutputs(Observer):
    """For each layer of attention, the mean over images and channels of the largest output of all tokens.

    Added up over the calls of a layer; 0 for all other layers; float64[layers].
    """

    def __init__(self, layers: Sequence[Layer], images: int) -> None:
        super().__init__(layers, images)
        self._sums = torch.zeros(len(layers), dtype=torch.float64)
        self._tokens = TokenOutputs(layers, images, self._add)

    def output(self, output: Output) -> None:
        if belongs_to_attention(self.layers[output.position]):
            self._tokens.add(output)

    def _add(self, position: int, tokens: Tensor) -> None:
        self._sums[position] += as_real(tokens).amax(1).mean(dtype=torch.float64).cpu()

    def result(self, axes: Axes, outputs: LayerOutputs) -> Tensor:
        self._tokens.finish(axes)
        return self._sums


class LargestWeights(Observer):
    """By name of a module, the mean over images, queries and keys of the largest weight of all heads.

    Added up over the self-attentions inside the module; empty for a network without attention.
    """

    def __init__(self, layers: Sequence[Layer], images: int) -> None:
        super().__init__(layers, images)
        self._sums: defaultdict[str, float] = defaultdict(float)

    def attention(self, name: str, weights: Tensor) -> None:
        self._sums[name] += _largest_of_heads(weights)

    def result(self, axes: Axes, outputs: LayerOutputs) -> dict[str, float]:
        return dict(self._sums)


def _largest_of_heads(weights: Tensor) -> float:
    """The mean of the largest weight of all heads; weights without an axis of heads belong to one."""
    return float((weights.amax(-3) if weights.dim() > 3 else weights).mean(dtype=torch.float64))
