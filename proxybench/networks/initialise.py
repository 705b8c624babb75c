"""Named initialisations of a network's weights, drawn from a given seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from predictors.errors import unknown_name

__all__ = ["INITIALISATIONS", "Fans", "initialise"]


@dataclass(frozen=True)
class Fans:
    """Sizes of a layer that determine the spread of its weights.

    Attributes:
        into: fan in, the inputs of one output: channels of a group times kernel positions.
        out_of: fan out, output channels times kernel positions (grouped or not, as torch counts).
        linear: whether the layer is a linear layer rather than a convolution.
    """

    into: int
    out_of: int
    linear: bool


def _blank(parameter: Tensor) -> Tensor:
    """A tensor of the same shape on the CPU in single precision, so that draws do not depend on torch's defaults."""
    return torch.empty(parameter.shape, dtype=torch.float32, device="cpu")


def _uniform(weight: Tensor, bias: Tensor | None, fans: Fans, generator: torch.Generator) -> None:
    bound = 1 / math.sqrt(fans.into)
    for parameter in (weight, bias):
        if parameter is not None:
            parameter.copy_(_blank(parameter).uniform_(-bound, bound, generator=generator))


def _normal(spread: Callable[[Fans], float]) -> Callable[[Tensor, Tensor | None, Fans, torch.Generator], None]:
    """Normal weights with standard deviation `spread`, biases zero."""

    def draw(weight: Tensor, bias: Tensor | None, fans: Fans, generator: torch.Generator) -> None:
        weight.copy_(_blank(weight).normal_(0, spread(fans), generator=generator))
        if bias is not None:
            bias.zero_()

    return draw


INITIALISATIONS: dict[str, Callable[[Tensor, Tensor | None, Fans, torch.Generator], None]] = {
    "torch": _uniform,
    "kaiming": _normal(lambda fans: math.sqrt(2 / fans.into)),
    "kaiming-fan-out": _normal(lambda fans: math.sqrt(2 / fans.out_of)),
    "xavier": _normal(lambda fans: math.sqrt(2 / (fans.into + fans.out_of))),
    "gaussian": _normal(lambda fans: 1.0),
    "nasbench101": _normal(lambda fans: 0.01 if fans.linear else math.sqrt(2 / fans.out_of)),
}


def initialise(network: nn.Module, name: str, seed: int | torch.Generator) -> None:
    """Redraw the weights of `network` in place, depending only on `seed`.

    Convolutions and linear layers are drawn on the CPU in the order of `network.modules()`, so that a seed gives the
    same weights on every device. Normalisations are reset to weight 1, bias 0 and fresh running statistics. Other
    modules keep their parameters.

    Args:
        network: any module.
        name: "torch", U(-1/sqrt(fan in), 1/sqrt(fan in)) for weights and biases, torch's default, from which
            NAS-Bench-201's networks start; "kaiming", N(0, 2/fan in) (He et al., ICCV 2015, equation 10);
            "kaiming-fan-out", N(0, 2/fan out) (their equation 14), TransNAS-Bench-101's; "xavier",
            N(0, 2/(fan in + fan out)) (Glorot and Bengio, AISTATS 2010, equation 12); "gaussian", N(0, 1) (Lin et
            al., Zen-NAS, ICCV 2021, algorithm 1); "nasbench101", kaiming-fan-out with N(0, 0.01^2) for the classifier,
            as zero-cost proxies are computed on NAS-Bench-101. Biases are zero in all but "torch".
        seed: an integer, or a generator on the CPU, whose state then advances.

    Raises:
        UnknownName: for an unknown initialisation.
    """
    if name not in INITIALISATIONS:
        raise unknown_name("initialisation", name, INITIALISATIONS)
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, _ConvNd | nn.Linear):
                fans = Fans(
                    into=module.weight[0].numel(),
                    out_of=module.weight[:, 0].numel(),
                    linear=isinstance(module, nn.Linear),
                )
                INITIALISATIONS[name](module.weight, module.bias, fans, generator)
            elif isinstance(module, _NormBase | nn.GroupNorm | nn.LayerNorm):
                module.reset_parameters()
