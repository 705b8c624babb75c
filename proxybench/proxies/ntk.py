"""Proxies of the neural tangent kernel between images: its condition number and its trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer, Tap, proxy
from proxybench.proxies.batch_pass import gradients
from proxybench.proxies.layers import as_real
from proxybench.proxies.linear_regions import of_single_images
from proxybench.proxies.per_image import Call, all_plain, all_separable, chunks_of_gradients, recorded_calls
from proxybench.proxies.probe import Probe

SAMPLES = 16
# With equal images, rounding in single precision leaves eigenvalues of up to 1e-10 of the largest.
RESOLUTION = 1e-8


def layer_kernels(probe: Probe) -> Tensor:
    """Inner products of the images' gradients with respect to the weights of each layer, float64[layers, n, n].

    Uses the first n = 16 images (or fewer); the gradient of an image is that of the sum of its logits. Batch
    normalisation uses the fixed statistics of the whole batch, so that the network is a function of one image.

    Raises:
        NoAnswer: if batch normalisation would see a single value per channel.
    """
    with of_single_images(probe) as (network, statistics):
        for layer in probe.layers:
            layer.weight.requires_grad_()
        with statistics.fixed():
            jacobians = jacobians_together(probe, network)
        if jacobians is None:
            with statistics.fixed():
                jacobians = jacobians_one_by_one(probe, network)
        kernels = [(jacobian @ jacobian.T).cpu() for jacobian in (rows.flatten(1).double() for rows in jacobians)]
    n = min(SAMPLES, len(probe.images))
    return torch.stack(kernels) if kernels else torch.zeros((0, n, n), dtype=torch.float64)


def jacobians_together(probe: Probe, network: nn.Module) -> Iterator[Tensor] | None:
    """For each layer, the images' gradients with respect to its weight, [n, *weight.shape], from one pass.

    None if a layer's gradient cannot be separated by image.
    """
    images = probe.images[:SAMPLES]
    if not all_plain(probe.layers, network):
        return None
    with recorded_calls(probe.layers) as calls:
        logits = probe.forward(network, images)
    if not all_separable(calls, probe.layers, logits, len(images)):
        return None
    return _by_layer(probe, calls, gradients(logits.sum(), [call.output for call in calls]))


def _by_layer(probe: Probe, calls: Sequence[Call], deltas: Sequence[Tensor]) -> Iterator[Tensor]:
    for layer in probe.layers:
        uses = [(call, delta) for call, delta in zip(calls, deltas, strict=True) if call.layer is layer]
        nothing = torch.zeros((min(SAMPLES, len(probe.images)), *layer.weight.shape), device=probe.device)
        yield torch.cat(list(chunks_of_gradients(uses))) if uses else nothing


def jacobians_one_by_one(probe: Probe, network: nn.Module) -> Iterator[Tensor]:
    """The same with one backward pass per image; possible whenever the images come first in the logits."""
    weights, images = [layer.weight for layer in probe.layers], probe.images[:SAMPLES]
    logits = probe.forward(network, images)
    if len(logits) != len(images):
        raise NoAnswer(f"logits of shape {tuple(logits.shape)} do not say what belongs to which image")
    outputs = logits.reshape(len(logits), -1).sum(1)
    rows = [[as_real(gradient) for gradient in gradients(output, weights, keep=True)] for output in outputs]
    return (torch.stack(each) for each in zip(*rows, strict=True))


@proxy(
    "ntk_cond",
    source="Chen, Gong and Wang, Neural Architecture Search on ImageNet in Four GPU Hours (TE-NAS), ICLR 2021, "
    "section 3.1.1",
    formula="-(largest / smallest eigenvalue) of the kernel K_ij = <d sum f(x_i)/dw, d sum f(x_j)/dw>, f the logits",
    needs=["images", "gradients"],
    batch_norm="fixed batch statistics",
    sign=-1,
    taps=[Tap.BATCH_STATISTICS],
)
def ntk_cond(probe: Probe) -> float:
    """The negative condition number of the tangent kernel between 16 images.

    Computed over the given weights of layers, with batch normalisation on the fixed statistics of the whole batch, so
    that f is a function of one image, as in the paper. TE-NAS's code lets the images of a batch normalise each other,
    which takes a backward pass for each; it also includes the weights of batch normalisation and draws Kaiming normal
    weights three times. NaN if the kernel is singular: some images are the same or do not reach the logits.
    """
    eigenvalues = torch.linalg.eigvalsh(probe.once(layer_kernels).sum(0))
    smallest, largest = float(eigenvalues[0]), float(eigenvalues[-1])
    if not smallest > RESOLUTION * largest:
        raise NoAnswer("the tangent kernel is singular")
    return -largest / smallest


@proxy(
    "ntk_trace",
    source="Shu, Cai, Dai, Ooi and Low, NASI, ICLR 2022, the trace norm of the tangent kernel",
    formula="sum over layers and 16 images of ||d sum f(x_i)/dw||^2, f the logits",
    needs=["images", "gradients"],
    batch_norm="fixed batch statistics",
    per_layer=True,
    taps=[Tap.BATCH_STATISTICS],
)
def ntk_trace(probe: Probe) -> Tensor:
    """The trace of the tangent kernel between 16 images, split by layer.

    NASI approximates it by the gradient of a loss and searches for a large trace below a bound, because a network with
    a very large trace also trains badly; this is the exact trace for the summed logits, without a bound.
    """
    return probe.once(layer_kernels).diagonal(dim1=1, dim2=2).sum(1)
