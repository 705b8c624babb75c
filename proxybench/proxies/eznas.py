"""EZNAS-A: a zero-cost proxy found by genetic programming, from the signs of the gradients of convolution kernels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.batch_pass import gradients
from proxybench.proxies.layers import Layer
from proxybench.proxies.probe import Probe


def has_square_kernel(layer: Layer) -> bool:
    """Whether the layer is a two-dimensional convolution with as many rows as columns in its kernel."""
    return (
        layer.convolution
        and layer.weight.dim() == 4
        and not isinstance(layer.module, nn.ConvTranspose2d)
        and layer.weight.shape[2] == layer.weight.shape[3]
    )


def kernel_score(gradient: Tensor) -> Tensor:
    """||sigmoid(log |det sign(g)|)||_F over the k x k kernels of a gradient [c_out, c_in, k, k], float64[].

    |det| / (1 + |det|) for each kernel: 1/2 for the sign of a 1 x 1 kernel; 0 (singular) or 4/5 for k = 3. NaN where a
    gradient is.
    """
    if gradient.isnan().any():
        return torch.full((), float("nan"), dtype=torch.float64)
    determinants = torch.linalg.det(gradient.sign().double()).abs()
    norm: Tensor = (determinants / (1 + determinants)).norm()
    return norm.cpu()


def noise_pass(probe: Probe) -> list[Tensor]:
    """The gradient of the loss of standard normal images with the labels of the batch, one for each layer.

    Raises:
        NoAnswer: where batch normalisation would see a single value per channel.
    """
    if probe.labels is None:
        raise ValueError("the gradient of the loss needs labels; pass labels= to the Probe")
    with probe.borrowed(weights=False) as network:
        weights = [layer.weight.requires_grad_() for layer in probe.layers]
        loss = probe.loss(probe.forward(network, probe.noise("eznas_a").to(probe.images.dtype)), probe.labels)
        return gradients(loss, weights)


@proxy(
    "eznas_a",
    source="Akhauri et al., EZNAS, NeurIPS 2022",
    formula="sum over convolutions of ||sigmoid(log |det sign(dL/dw)|)||_F, of each kernel, on noise",
    needs=["labels", "gradients"],
    per_layer=True,
)
def eznas_a(probe: Probe) -> Tensor:
    """How many kernels have an invertible matrix of gradient signs; grows with the root of the number of kernels.

    A reconstruction: the program is as others restate it, which fits what the paper says of it (kernels of 1 and 7
    score high, of 3 low). All convolutions with square kernels count (the paper: those between a ReLU and a batch
    normalisation), and their scores are added. The paper speaks of a mean; on NAS-Bench-201 the mean is nearly the same
    for all cells (Kendall's tau .30 with the test accuracy of 100 of them), the sum is not (.55; published: .65).
    NaN for a network without such a convolution.
    """
    counted = [has_square_kernel(layer) for layer in probe.layers]
    if not any(counted):
        raise NoAnswer("the network has no convolution with a square kernel")
    zero = torch.zeros((), dtype=torch.float64)
    scores = [
        kernel_score(gradient) if counts else zero
        for gradient, counts in zip(probe.once(noise_pass), counted, strict=True)
    ]
    return torch.stack(scores)
