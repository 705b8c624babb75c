"""EZNAS-A: a zero-cost proxy found by genetic programming, from the signs of the gradients of convolution kernels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.layers import Layer
from proxybench.proxies.noise_pass import noise_pass
from proxybench.proxies.probe import Probe


def has_square_kernel(layer: Layer) -> bool:
    """Whether the layer is a two-dimensional convolution with a square kernel."""
    return (
        layer.convolution
        and layer.weight.dim() == 4
        and not isinstance(layer.module, nn.ConvTranspose2d)
        and layer.weight.shape[2] == layer.weight.shape[3]
    )


def kernel_score(gradient: Tensor) -> Tensor:
    """||sigmoid(log |det sign(g)|)||_F over the k x k kernels of a gradient [c_out, c_in, k, k], float64[].

    |det| / (1 + |det|) for each kernel: 1/2 for a 1 x 1 kernel; 0 (singular) or 4/5 for k = 3. NaN if a gradient is.
    """
    if gradient.isnan().any():
        return torch.full((), float("nan"), dtype=torch.float64)
    determinants = torch.linalg.det(gradient.sign().double()).abs()
    norm: Tensor = (determinants / (1 + determinants)).norm()
    return norm.cpu()


@proxy(
    "eznas_a",
    source="Akhauri et al., EZNAS, NeurIPS 2022",
    formula="sum over convolutions of ||sigmoid(log |det sign(dL/dw)|)||_F, of each kernel, on noise",
    needs=["labels", "gradients"],
    per_layer=True,
)
def eznas_a(probe: Probe) -> Tensor:
    """How many kernels have an invertible matrix of gradient signs; grows with the square root of the kernel count.

    A reconstruction: the program is taken from later restatements, which agree with the paper's description (kernels of
    size 1 and 7 score high, size 3 low). All convolutions with square kernels count (in the paper, those between a ReLU
    and a batch normalisation), and their scores are added. The paper mentions a mean; on NAS-Bench-201 the mean is
    nearly the same for all cells (Kendall's tau 0.30 with the test accuracy of 100 cells), unlike the sum (0.55;
    published: 0.65). NaN for a network without a square-kernel convolution.
    """
    counted = [has_square_kernel(layer) for layer in probe.layers]
    if not any(counted):
        raise NoAnswer("the network has no convolution with a square kernel")
    zero = torch.zeros((), dtype=torch.float64)
    scores = [
        kernel_score(gradient) if counts else zero
        for gradient, counts in zip(probe.once(noise_pass).layer_gradients, counted, strict=True)
    ]
    return torch.stack(scores)
