"""Proxies of the gradient of the loss with respect to the weights, all from one backward pass.

Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 3, adopted them from pruning. Weights
are those of convolutions and linear layers (no biases, no normalisation), with the given initialisation and batch
normalisation on the batch's statistics. A weight that is not connected to the loss has gradient zero.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from proxybench.proxies.base import Need, NoAnswer, Tap, proxy
from proxybench.proxies.batch_pass import batch_pass
from proxybench.proxies.probe import Probe

_NEEDS: tuple[Need, ...] = ("images", "labels", "gradients")


def layer_sums(probe: Probe, value: Callable[[Tensor, Tensor], Tensor], gradients: list[Tensor]) -> Tensor:
    """`value(weight, gradient)` summed within each layer, float64[layers]; in float64, which overflows later.

    A complex weight counts as two real weights.
    """
    sums = [
        value(layer.values.double(), gradient.double()).sum().cpu()
        for layer, gradient in zip(probe.layers, gradients, strict=True)
    ]
    return torch.stack(sums) if sums else torch.zeros(0, dtype=torch.float64)


@proxy(
    "grad_norm",
    source="Abdelfattah et al., ICLR 2021",
    formula="sum over layers of ||dL/dw||_2",
    needs=_NEEDS,
    per_layer=True,
    taps=[Tap.WEIGHT_GRADIENTS],
)
def grad_norm(probe: Probe) -> Tensor:
    """Sum over layers of the Euclidean norm of the gradient."""
    return layer_sums(probe, lambda _, gradient: gradient.norm(), probe.once(batch_pass).weight_gradients)


@proxy(
    "plain",
    source="Abdelfattah et al., ICLR 2021; Mozer and Smolensky, 1989",
    formula="sum over weights of w dL/dw",
    needs=_NEEDS,
    per_layer=True,
    taps=[Tap.WEIGHT_GRADIENTS],
)
def plain(probe: Probe) -> Tensor:
    """Sum over weights of weight times gradient, with its sign."""
    return layer_sums(probe, torch.mul, probe.once(batch_pass).weight_gradients)


@proxy(
    "snip",
    source="Lee, Ajanthan and Torr, SNIP, ICLR 2019, equation 4; Abdelfattah et al., ICLR 2021",
    formula="sum over weights of |w dL/dw|",
    needs=_NEEDS,
    per_layer=True,
    taps=[Tap.WEIGHT_GRADIENTS],
)
def snip(probe: Probe) -> Tensor:
    """Sum over weights of the magnitude of weight times gradient: the loss's sensitivity to a mask on each weight."""
    return layer_sums(
        probe, lambda weight, gradient: (weight * gradient).abs(), probe.once(batch_pass).weight_gradients
    )


@proxy(
    "grasp",
    source="Wang, Zhang and Grosse, GraSP, ICLR 2020, equation 8; Abdelfattah et al., ICLR 2021",
    formula="-sum over weights of w (H g), g = dL/dw, H the Hessian of L",
    needs=_NEEDS,
    per_layer=True,
    taps=[Tap.WEIGHT_GRADIENTS, Tap.HESSIAN_GRADIENTS],
)
def grasp(probe: Probe) -> Tensor:
    """How much of the gradient norm survives the removal of each weight, to first order; exact Hessian product."""
    return layer_sums(probe, lambda weight, product: -weight * product, probe.once(batch_pass).hessian_gradients)


@proxy(
    "fisher",
    source="Turner et al., BlockSwap, ICLR 2020, equation 4; Abdelfattah et al., ICLR 2021",
    formula="sum over weights of 1/2 mean over images of (sum over positions of z dL/dz)^2, z the output channel",
    needs=_NEEDS,
    per_layer=True,
    taps=[Tap.CHANNEL_PRODUCTS],
)
def fisher(probe: Probe) -> Tensor:
    """The Fisher information of each output channel of a layer (before normalisation), once for each of its weights.

    Turner et al. sum over channels; Abdelfattah et al. and NAS-Bench-Suite-Zero assign every weight the value of its
    channel and sum over weights, as is done here: a channel counts once per weight.
    """
    products = probe.once(batch_pass).channel_products
    if all(product is None for product in products):
        raise NoAnswer("no layer's output reaches the loss")
    sums = torch.zeros(len(products), dtype=torch.float64)
    for position, (layer, product) in enumerate(zip(probe.layers, products, strict=True)):
        if product is not None:
            channels = 0.5 * product.double().square().mean(0).sum()
            sums[position] = float(channels) * layer.weight.numel() / product.shape[1]
    return sums
