"""Proxies of a network with absolute weights on an image of ones: no data, no labels, no batch normalisation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call

from proxybench.proxies.base import proxy
from proxybench.proxies.batch_norm import remove_batch_norm
from proxybench.proxies.batch_pass import gradients
from proxybench.proxies.gradients import layer_sums
from proxybench.proxies.probe import Probe

_MIXED = ("the same dtype", "should be the same")  # what torch says of two floating-point types in one product


def absolute_pass(probe: Probe) -> list[Tensor]:
    """The gradient of the summed logits of an image of ones with respect to each layer's absolute weight.

    All parameters take their absolute values in float64, because products over many layers leave float32. A network
    that turns its features into float32 itself is computed in the type of its weights.
    """
    try:
        return _flow(probe, torch.float64)
    except RuntimeError as error:
        if not any(words in str(error) for words in _MIXED):
            raise
        return _flow(probe, probe.dtype)


def _flow(probe: Probe, dtype: torch.dtype) -> list[Tensor]:
    values = probe.parameters_as(lambda parameter: parameter.abs().to(dtype))
    name_of = {id(parameter): name for name, parameter in probe.network.named_parameters()}
    weights = [values[name_of[id(layer.weight)]].requires_grad_() for layer in probe.layers]
    ones = torch.ones((1, *probe.images.shape[1:]), dtype=dtype, device=probe.device)
    with probe.borrowed(train=False, weights=False) as network:
        remove_batch_norm(network)
        buffers = {name: buffer.to(dtype) for name, buffer in network.named_buffers() if buffer.is_floating_point()}
        logits = functional_call(network, {**values, **buffers}, (ones,))
        return gradients(logits.sum(), weights)


@proxy(
    "synflow",
    source="Tanaka et al., SynFlow, NeurIPS 2020, equation 2; Abdelfattah et al., ICLR 2021",
    formula="sum over weights of |w| dR/d|w|, R the summed logits of an image of ones with absolute weights",
    needs=["gradients"],
    batch_norm="removed",
    per_layer=True,
)
def synflow(probe: Probe) -> Tensor:
    """The synaptic flow through each layer."""
    return layer_sums(probe, lambda weight, gradient: weight.abs() * gradient, probe.once(absolute_pass))


@proxy(
    "logsynflow",
    source="Cavagnero et al., FreeREA, WACV 2023, equation 2",
    formula="sum over weights of |w| log(dR/d|w| + 1), R as in synflow",
    needs=["gradients"],
    batch_norm="removed",
    per_layer=True,
)
def logsynflow(probe: Probe) -> Tensor:
    """Synaptic flow with the gradient on a logarithmic scale, so that depth does not make it explode."""
    return layer_sums(probe, lambda weight, gradient: weight.abs() * gradient.log1p(), probe.once(absolute_pass))
