"""The gradients of the two halves of the batch: how much a gradient varies between batches."""

from __future__ import annotations

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.batch_pass import gradients
from proxybench.proxies.layers import as_real
from proxybench.proxies.probe import Probe

BATCHES = 2


def split_pass(probe: Probe) -> list[Tensor]:
    """The gradient of the loss of each half of the batch with respect to each layer's weight, [2, *weight.shape].

    Raises:
        NoAnswer: for a batch of one image, or if batch normalisation would see a single value per channel.
    """
    if probe.labels is None:
        raise ValueError("the gradient of the loss needs labels; pass labels= to the Probe")
    if len(probe.images) < BATCHES:
        raise NoAnswer("needs two images: the gradient of one does not vary")
    halves = []
    with probe.borrowed(weights=False) as network:
        weights = [layer.weight.requires_grad_() for layer in probe.layers]
        for images, labels in zip(probe.images.chunk(BATCHES), probe.labels.chunk(BATCHES), strict=True):
            loss = probe.loss(probe.forward(network, images), labels)
            halves.append([as_real(gradient) for gradient in gradients(loss, weights)])
    return [torch.stack(each) for each in zip(*halves, strict=True)]
