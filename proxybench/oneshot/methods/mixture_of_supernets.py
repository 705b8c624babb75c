"""Mixture-of-Supernets: the weights of a path are a mixture of several copies, which depends on the architecture.

Jawahar et al., "Mixture-of-Supernets: Improving Weight-Sharing Supernet Training with Architecture-Routed
Mixture-of-Experts", Findings of ACL 2024. An architecture has one set of weights, at the price of an ordinary path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from proxybench.errors import ProxybenchError
from proxybench.oneshot.methods.bignas import BigNAS
from proxybench.oneshot.optimiser import use
from proxybench.oneshot.slim import SlimConv, SlimLinear
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import Extended, Path, Supernet


@dataclass
class MixtureOfSupernets(BigNAS):
    """Mixture-of-Supernets: layers with several copies of their weight, the experts, mixed for each architecture.

    W(a) = sum of p_i(a) W_i over the experts i, of which the sizes of the architecture a take the beginning. The p_i(a)
    are the softmax of a router with one hidden layer, whose input is the path with each option scaled to 0 to 1; every
    layer has a router of its own. The layers are the convolutions of the cells of natsbench-size, and in transformers
    the two linear maps of each MLP; biases are shared. Paths are trained as in BigNAS.

    Args:
        experts: number of copies of each weight.
        by_neuron: whether each output of a layer is mixed with chances of its own (neuron-wise), instead of the whole
            layer with the same ones (layer-wise).
        units: width of the hidden layer of the routers.
    """

    experts: int = 2
    by_neuron: bool = False
    units: int = 128

    def supernet(self, make: Callable[[], Supernet]) -> Supernet:
        if self.experts < 1 or self.units < 1:
            raise ProxybenchError(f"experts and units must be at least 1, not {self.experts} and {self.units}")
        return Routed(make(), self.experts, self.units, by_neuron=self.by_neuron)

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        planned = super().stages(supernet, epochs)
        if not supernet.hidden:
            raise ProxybenchError("mos mixes the slimmable layers of a supernet, and this one names none")
        return planned


class Routed(Extended):
    """A supernet whose `hidden` layers are mixed; the selected path is the input of their routers.

    Args:
        inner: a supernet, whose layers are replaced.
        experts: number of copies of each weight.
        units: width of the hidden layer of the routers.
        by_neuron: whether each output has chances of its own.
    """

    def __init__(self, inner: Supernet, experts: int, units: int, *, by_neuron: bool) -> None:
        super().__init__(inner)
        for name in inner.hidden:
            layer = inner.get_submodule(name)
            outputs = layer.weight.shape[0] if by_neuron and isinstance(layer.weight, Tensor) else 1
            router = Router(len(inner.options), units, outputs, experts)
            if isinstance(layer, SlimConv):
                inner.set_submodule(name, MixedConv(layer, router))
            elif isinstance(layer, SlimLinear):
                inner.set_submodule(name, MixedLinear(layer, router))
        scales = torch.tensor([max(1, options - 1) for options in inner.options], dtype=torch.get_default_dtype())
        self.register_buffer("scales", scales, persistent=False)
        self.scales: Tensor

    def select(self, path: Path) -> None:
        super().select(path)
        code = torch.tensor(path, dtype=self.scales.dtype, device=self.scales.device) / self.scales
        for router in self._routers():
            router.code = code

    def _routers(self) -> Iterator[Router]:
        return (module for module in self.modules() if isinstance(module, Router))


class Router(nn.Module):
    """The chances of each expert, [outputs, experts], for the architecture in `code`, [choices]; outputs may be 1."""

    def __init__(self, choices: int, units: int, outputs: int, experts: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(choices, units), SlimLinear(units, outputs * experts)
        self.outputs, self.experts = outputs, experts
        self.code = torch.zeros(choices)

    def forward(self, width: int) -> Tensor:
        """The chances for the first `width` outputs."""
        outputs = min(width, self.outputs)
        self.last.width = outputs * self.experts
        scores: Tensor = self.last(torch.relu(self.first(self.code)))
        return torch.softmax(scores.view(outputs, self.experts), 1)

    def mixed(self, weights: Tensor, extents: tuple[int, ...]) -> Tensor:
        """The mixture of the beginnings of the experts' weights, [experts, outputs, ...]."""
        chances: Tensor = self(extents[0]).t()
        parts = use(weights, self.experts, *extents)
        return (parts * chances.reshape(*chances.shape, *[1] * (parts.dim() - 2))).sum(0)


class MixedConv(SlimConv):
    """A convolution whose weight [experts, outputs, inputs, kernel, kernel] is mixed by a router."""

    def __init__(self, layer: SlimConv, router: Router) -> None:
        kernel, stride = layer.kernel_size[0], layer.stride[0]
        super().__init__(layer.in_channels, layer.out_channels, kernel, stride, padding=int(layer.padding[0]))
        self.weight, self.router = _experts(self, router.experts), router

    def sliced(self, *extents: int) -> Tensor:
        return self.router.mixed(self.weight, extents)


class MixedLinear(SlimLinear):
    """A linear layer whose weight [experts, outputs, inputs] is mixed by a router."""

    def __init__(self, layer: SlimLinear, router: Router) -> None:
        super().__init__(layer.in_features, layer.out_features)
        self.weight, self.router = _experts(self, router.experts), router

    def sliced(self, *extents: int) -> Tensor:
        return self.router.mixed(self.weight, extents)


def _experts(layer: nn.Conv2d | nn.Linear, number: int) -> nn.Parameter:
    """So many weights of the layer, each drawn anew."""
    drawn = []
    for _ in range(number):
        layer.reset_parameters()
        drawn.append(layer.weight.detach().clone())
    return nn.Parameter(torch.stack(drawn))
