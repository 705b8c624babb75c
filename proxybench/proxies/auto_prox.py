"""Auto-Prox: two proxies for vision transformers, found by evolution on ViT-Bench-101."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.batch_pass import gradients
from proxybench.proxies.dss import attention_layers
from proxybench.proxies.layers import MULTIPLIED, Layer, as_real
from proxybench.proxies.probe import Probe
from proxybench.proxies.rectifiers import rectifier_inputs

SOURCE = "Wei et al., Auto-Prox, AAAI 2024"


@dataclass
class InputGradients:
    """Summaries of the gradients of the loss at the inputs of layers and of rectifiers, one for each call.

    Attributes:
        layers: by position of the layer, the mean magnitude of its standardised entries.
        rectifiers: the mean magnitude of its entries.
    """

    layers: dict[int, list[Tensor]] = field(default_factory=dict)
    rectifiers: list[Tensor] = field(default_factory=list)


def input_gradients(probe: Probe) -> InputGradients:
    """Forward and backward pass over the batch in training mode.

    A layer's input is what the module with its weight takes first; for a weight outside modules of convolution, linear
    map and attention, and where the images themselves enter, it is not known.

    Raises:
        NoAnswer: if no gradient reaches a layer's input.
    """
    if probe.labels is None:
        raise ValueError("the gradient of the loss needs labels; pass labels= to the Probe")
    found, weights = InputGradients(), [layer.weight for layer in probe.layers]
    with probe.borrowed(weights=False) as network:
        for weight in weights:
            weight.requires_grad_()
        at_rectifier = partial(_when_known, keep=lambda gradient: found.rectifiers.append(_magnitude(gradient)))
        with _inputs(probe.layers, found), rectifier_inputs(at_rectifier, network):
            logits = probe.forward(network, probe.images)
        gradients(probe.loss(logits, probe.labels), weights)
    if not found.layers:
        raise NoAnswer("no gradient reaches the input of a layer")
    return found


def _when_known(inputs: Tensor, keep: Callable[[Tensor], None]) -> None:
    """Keep the gradient of a tensor once the backward pass has it; later writes into the tensor do not matter."""
    if inputs.requires_grad:
        register: Any = inputs.register_hook
        register(lambda gradient: keep(as_real(gradient.detach())))


@contextmanager
def _inputs(layers: tuple[Layer, ...], found: InputGradients) -> Iterator[None]:
    """Watch the inputs of the modules that own the layers in a forward pass inside."""

    def watch(module: nn.Module, inputs: Any, position: int) -> None:
        if inputs and isinstance(inputs[0], Tensor):
            _when_known(
                inputs[0],
                keep=lambda gradient: found.layers.setdefault(position, []).append(_standardised_magnitude(gradient)),
            )

    handles = [
        owner.register_forward_pre_hook(partial(watch, position=position))
        for position, layer in enumerate(layers)
        for owner in (layer.module, *layer.shared)
        if isinstance(owner, MULTIPLIED)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _magnitude(gradient: Tensor) -> Tensor:
    return gradient.abs().mean(dtype=torch.float64).cpu()


def _standardised_magnitude(gradient: Tensor) -> Tensor:
    """The mean of |(g - mean) / standard deviation|; 0 for equal entries."""
    values = gradient.double()
    deviation = values.std()
    centred = (values - values.mean()).abs().mean()
    return (centred / deviation).cpu() if deviation > 0 else torch.zeros((), dtype=torch.float64)


@proxy(
    "auto_prox_a",
    source=f"{SOURCE}, the proxy found on AutoFormer",
    formula="mean over layers of mean |z(dL/dx)| + mean sqrt(max(w, 0)); x is the layer's input, z standardises",
    needs=["images", "labels", "gradients"],
    per_layer=True,
)
def auto_prox_a(probe: Probe) -> Tensor:
    """How heavy-tailed the gradients at the inputs of layers are, plus the roots of the positive weights.

    The formula is that of a later restatement by one of the authors; the published code lacks the part that computes
    the statistics. A layer whose input is the image has the second term only. NaN for a network without attention.
    """
    attention_layers(probe)
    found = probe.once(input_gradients)
    terms = []
    for position, layer in enumerate(probe.layers):
        calls = found.layers.get(position)
        root = layer.values.clamp(min=0).sqrt().mean(dtype=torch.float64).cpu()
        terms.append(root + torch.stack(calls).mean() if calls else root)
    return torch.stack(terms) / len(terms)


@proxy(
    "auto_prox_p",
    source=f"{SOURCE}, the proxy found on PiT",
    formula="mean over layers of ||W||_F, minus the mean over rectifiers of log mean |dL/da|; a is what they take",
    needs=["images", "labels", "gradients"],
)
def auto_prox_p(probe: Probe) -> float:
    """Norms of the weights and small gradients at the inputs of activations (GELU, ReLU and others).

    The formula is that of a later restatement by one of the authors, whose code pairs the first layers with the
    activations and drops the other layers; these are means over all. An activation whose gradient is zero counts as 0.
    NaN for a network without attention or without a rectifier.
    """
    attention_layers(probe)
    at_rectifiers = probe.once(input_gradients).rectifiers
    if not at_rectifiers:
        raise NoAnswer("the network has no rectifier that the loss depends on")
    norms = torch.stack([layer.values.double().norm().cpu() for layer in probe.layers])
    logarithms = torch.stack([size.log() if size else size for size in at_rectifiers])
    return float(norms.mean() - logarithms.mean())
