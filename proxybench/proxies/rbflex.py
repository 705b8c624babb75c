"""RBFleX-NAS: how far a few images are from each other in a network's activations and before its last layer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.layers import as_real
from proxybench.proxies.probe import Probe
from proxybench.proxies.rectifiers import rectifier_inputs

SAMPLES = 3
# What the authors' algorithm found for NAS-Bench-201. Kernels with such small widths are nearly 1 everywhere, where
# another width adds the same constant to the score of every network.
WIDTH_OF_ACTIVATIONS = 2.68690173088039e-12
WIDTH_OF_LAST_INPUTS = 1.02460061284506e-11


def log_kernel_determinant(rows: Tensor, width: float) -> float:
    """The value log |det K|, K_ij = exp(-width ||x_i - x_j||^2), of rows scaled to [0, 1] in each column.

    Args:
        rows: [n, columns], one for each image; a column that does not vary counts as 0.
        width: of the kernel.

    Raises:
        NoAnswer: if two rows are the same, or if the kernel is singular.
    """
    values = rows.double()
    lowest, highest = values.aminmax(dim=0)
    varying = highest > lowest
    scaled = (values - lowest)[:, varying] / (highest - lowest)[varying]
    norms = scaled.square().sum(1)
    distances = norms[:, None] + norms[None] - 2 * scaled @ scaled.T
    log_determinant: Tensor = torch.linalg.slogdet(torch.exp(-width * distances)).logabsdet
    if not varying.any() or not log_determinant.isfinite():
        raise NoAnswer("two images have the same activations")
    return float(log_determinant)


def activations_of_images(probe: Probe) -> tuple[Tensor, Tensor]:
    """For the first 3 images, each as a batch of its own: all rectifier outputs, and the last layer's input.

    Each is [n, values]. Batch normalisation uses the statistics of the image.

    Raises:
        NoAnswer: for a batch of one image, a network without a rectifier or without layers, or if images take
            different paths.
    """
    images = probe.images[:SAMPLES]
    if len(images) < 2:
        raise NoAnswer("the distance between images needs two of them")
    modules = list({id(layer.module): layer.module for layer in probe.layers}.values())
    found: list[tuple[Tensor, Tensor]] = []
    with probe.borrowed(weights=False) as network, torch.no_grad():
        for image in images:
            rectified: list[Tensor] = []
            inputs: list[Tensor] = []

            def entered(module: nn.Module, given: Sequence[Tensor], into: list[Tensor] = inputs) -> None:
                into[:] = [as_real(one.detach()).flatten().clone() for one in given[:1] if isinstance(one, Tensor)]

            def left(_: Tensor, output: Tensor, into: list[Tensor] = rectified) -> None:
                into.append(output.detach().flatten().clone())

            with ExitStack() as watching:
                for module in modules:
                    watching.callback(module.register_forward_pre_hook(entered).remove)
                watching.enter_context(rectifier_inputs(network=network, rectified=left))
                probe.forward(network, image[None])
            if not rectified or not inputs:
                raise NoAnswer("the network has no rectifier" if inputs else "the network has no layer that is called")
            found.append((torch.cat(rectified), inputs[0]))
    rows = tuple(zip(*found, strict=True))
    if any(len({len(one) for one in of_images}) > 1 for of_images in rows):
        raise NoAnswer("the network takes a different path for another image")
    return torch.stack(rows[0]), torch.stack(rows[1])


@proxy(
    "rbflex",
    source="Yamasaki et al., RBFleX-NAS, IEEE TNNLS 2025",
    formula="n (log det K + log det Q), RBF kernels between n = 3 images of all rectifier outputs (K) and of the last "
    "layer's input (Q), each value scaled to [0, 1] over the images",
    needs=["images"],
    batch_norm="statistics of one image",
)
def rbflex(probe: Probe) -> float:
    """How well a network tells three images apart, as in the authors' code for NAS-Bench-201, with its kernel widths.

    NaN for a batch of one image, for a network without a rectifier, if two images are the same, or if batch
    normalisation sees one value per channel for an image.
    """
    activations, last = probe.once(activations_of_images)
    parts = (
        log_kernel_determinant(activations, WIDTH_OF_ACTIVATIONS),
        log_kernel_determinant(last, WIDTH_OF_LAST_INPUTS),
    )
    return len(last) * sum(parts)
