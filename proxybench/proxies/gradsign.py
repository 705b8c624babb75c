"""GradSign: whether the gradients of single images pull each weight in the same direction."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.batch_pass import gradients
from proxybench.proxies.layers import as_real
from proxybench.proxies.per_image import all_plain, all_separable, chunks_of_gradients, each_image_alone, recorded_calls
from proxybench.proxies.probe import Probe


@proxy(
    "gradsign",
    source="Zhang and Jia, GradSign, ICLR 2022, algorithm 1",
    formula="sum over weights of |sum over images of sign dL_i/dw|, L_i the loss of image i as a batch of its own",
    needs=["images", "labels", "gradients"],
    batch_norm="statistics of one image",
    per_layer=True,
)
def gradsign(probe: Probe) -> Tensor:
    """Sum over weights of the majority among the signs of the images' gradients.

    As in the published code, each image passes through the network alone, so that batch normalisation uses the
    statistics of its own feature maps. The maximum is the number of weights times the number of images, so compare
    equal batches. NaN if batch normalisation sees one value per channel for an image, or if a gradient is not finite.
    """
    if probe.labels is None:
        raise ValueError("gradsign needs labels; pass labels= to the Probe")
    with probe.borrowed(weights=False) as network:
        for layer in probe.layers:
            layer.weight.requires_grad_()
        sums = signs_together(probe, network)
        if sums is None:
            sums = signs_one_by_one(probe, network)
    majorities = [total.abs().sum(dtype=torch.float64).cpu() for total in sums]
    return torch.stack(majorities) if majorities else torch.zeros(0, dtype=torch.float64)


def signs_together(probe: Probe, network: nn.Module) -> list[Tensor] | None:
    """Sum over images of their gradients' signs, in the shape of each layer's weight, from one pass.

    None if a layer's gradient cannot be separated by image.
    """
    if not all_plain(probe.layers, network):
        return None
    with each_image_alone(), recorded_calls(probe.layers) as calls:
        logits = probe.forward(network, probe.images.contiguous())  # the order in which images are normalised
    if not all_separable(calls, probe.layers, logits, len(logits)):
        return None
    losses = [loss_of(probe, logits[place : place + 1], place) for place in range(len(logits))]
    deltas = gradients(torch.stack(losses).sum(), [call.output for call in calls])
    sums = [torch.zeros_like(layer.weight, requires_grad=False) for layer in probe.layers]
    for layer, total in zip(probe.layers, sums, strict=True):
        uses = [(call, delta) for call, delta in zip(calls, deltas, strict=True) if call.layer is layer]
        if uses:
            for chunk in chunks_of_gradients(uses):
                require_finite(chunk)
                total += chunk.sign_().sum(0)
    return sums


def signs_one_by_one(probe: Probe, network: nn.Module) -> list[Tensor]:
    """The same with one pass per image; takes about twice as long on a convolutional network but is always possible."""
    weights = [layer.weight for layer in probe.layers]
    sums = [torch.zeros_like(layer.values) for layer in probe.layers]
    for place in range(len(probe.images)):
        logits = probe.forward(network, probe.images[place : place + 1])
        for total, found in zip(sums, gradients(loss_of(probe, logits, place), weights), strict=True):
            gradient = as_real(found)
            total += gradient.sign()
            require_finite(gradient)
    return sums


def loss_of(probe: Probe, logits: Tensor, place: int) -> Tensor:
    """The loss of one image, given its logits [1, classes]."""
    assert probe.labels is not None
    return probe.loss(logits, probe.labels[place : place + 1])


def require_finite(gradient: Tensor) -> None:
    """Raise NoAnswer for a gradient with non-finite values, which torch.sign would turn into numbers."""
    if not gradient.sum().isfinite():
        raise NoAnswer("a gradient is not finite")
