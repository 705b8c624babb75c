"""Proxies of a network with absolute weights on an image of ones: no data, no labels, no batch normalisation."""

from __future__ import annotations

import torch
from torch import Tensor

from proxybench.proxies.ambience import neutral_settings
from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.batch_norm import batch_norm_removed
from proxybench.proxies.batch_pass import gradients
from proxybench.proxies.gradients import layer_sums
from proxybench.proxies.probe import Probe
from proxybench.proxies.restore import replace_values


def absolute_pass(probe: Probe) -> list[Tensor]:
    """The gradient of the summed logits of an image of ones with respect to each layer's absolute weight.

    All parameters are replaced by their absolute values in float64, because products over many layers can leave the
    range of float32. A network that cannot run in float64, for example because it casts its features to float32, is run
    in the type of its weights.

    Raises:
        NoAnswer: for a network with complex parameters, or one that takes integers.
    """
    if any(parameter.is_complex() for parameter in probe.network.parameters()):
        raise NoAnswer("the flow through complex weights is not defined")
    if not probe.images.is_floating_point():
        raise NoAnswer("an image of ones is not defined for a network that takes integers")
    try:
        return _flow(probe, torch.float64)
    except MemoryError:
        raise
    except Exception:  # networks word this differently; other errors recur in the second attempt
        return _flow(probe, probe.dtype)


def _flow(probe: Probe, dtype: torch.dtype) -> list[Tensor]:
    ones = torch.ones((1, *probe.images.shape[1:]), dtype=dtype, device=probe.device)
    with probe.borrowed(train=False, weights=False) as network, neutral_settings(dtype), batch_norm_removed():
        replace_values(network, lambda _, parameter: parameter.abs().to(dtype))
        for buffer in network.buffers():
            if buffer.is_floating_point():
                buffer.data = buffer.to(dtype)
        weights = [layer.weight.requires_grad_() for layer in probe.layers]
        return gradients(network(ones).sum(), weights)


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
    """Synaptic flow with the gradient on a logarithmic scale, so that depth does not make it explode.

    NaN if a gradient is below -1, because the logarithm is then undefined: without batch normalisation no gradient is
    negative, but normalisation by layer or group can make some negative.
    """
    if any(bool((gradient < -1).any()) for gradient in probe.once(absolute_pass)):
        raise NoAnswer("the flow falls as some weights grow (by more than 1), which has no logarithm")
    return layer_sums(probe, lambda weight, gradient: weight.abs() * gradient.log1p(), probe.once(absolute_pass))
