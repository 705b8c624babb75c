"""VKDNW: how equal the eigenvalues of the Fisher information of a few weights are, and the number of layers."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from proxybench.networks.counts import count_parameters
from proxybench.networks.initialise import initialise
from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.batch_pass import gradients
from proxybench.proxies.layers import as_real
from proxybench.proxies.per_image import Call, all_plain, all_separable, recorded_calls
from proxybench.proxies.probe import Probe

_SOURCE = "Tybl and Neumann, VKDNW, CVPR 2025"
SAMPLES = 16
SMOOTHING = 0.05
QUANTILES = 9


def fisher_pass(probe: Probe) -> Tensor:
    """Eigenvalues of the Fisher information of the first entry of each layer's weight, ascending, float64[layers].

    The information is the mean over 16 standard normal images of J' (diag(p) - p p') J, with J the derivatives of the
    logits with respect to the entries, and p the softmax of the logits, mixed with the uniform distribution (0.05 of
    it) so that a saturated softmax still informs. Weights follow He's initialisation, batch normalisation its fresh
    running statistics, so that an image's logits depend on it alone.

    Raises:
        NoAnswer: if the logits are not one distribution over classes for each image.
    """
    images = probe.noise("vkdnw images", SAMPLES).to(probe.images.dtype)
    with probe.borrowed(train=False) as network:
        initialise(network, "kaiming", probe.generator("vkdnw"))
        for layer in probe.layers:
            layer.weight.requires_grad_()
        scores = scores_together(probe, network, images)
        if scores is None:
            scores = torch.cat([scores_alone(probe, network, image[None]) for image in images], dim=1)
    rows = scores.flatten(0, 1)
    if not rows.isfinite().all():
        raise NoAnswer("a derivative of the logits is not finite")
    eigenvalues: Tensor = torch.linalg.eigvalsh(rows.T @ rows / SAMPLES).clamp_min(0)
    return eigenvalues


def directions(logits: Tensor) -> Tensor:
    """Columns of a root of the logits' covariance, [classes - 1, n, classes], from its Cholesky decomposition.

    Their outer products add up to diag(p) - p p' for each image, whose rank is one less than the number of classes
    (Tanabe and Sagae, 1992, in closed form).
    """
    if logits.dim() != 2 or logits.shape[1] < 2 or not logits.is_floating_point():
        raise NoAnswer(f"logits of shape {tuple(logits.shape)} are not one distribution over classes for each image")
    shares = logits.detach().softmax(1) * (1 - SMOOTHING) + SMOOTHING / logits.shape[1]
    p = shares.double()
    left = p.flip(1).cumsum(1).flip(1)  # the sum of p over this class and all later ones
    p, before, after = p[:, :-1], left[:, :-1], left[:, 1:]
    below = -(p / (before * after)).sqrt()[:, :, None] * shares.double()[:, None, :]
    columns = torch.diag_embed((p * after / before).sqrt())
    roots = below.triu(1)
    roots[:, :, :-1] += columns
    return roots.transpose(0, 1).to(shares)


def scores_together(probe: Probe, network: nn.Module, images: Tensor) -> Tensor | None:
    """The directions times the derivatives, float64[classes - 1, n, layers], from one forward pass.

    None if a layer's derivatives cannot be separated by image.
    """
    if not all_plain(probe.layers, network):
        return None
    with recorded_calls(probe.layers) as calls:
        logits = probe.forward(network, images)
    factors = directions(logits)
    if not all_separable(calls, probe.layers, logits, len(images)):
        return None
    position = {layer.module: place for place, layer in enumerate(probe.layers)}
    met = [met_by_first_entry(call) for call in calls]
    scores = torch.zeros((*factors.shape[:2], len(probe.layers)), dtype=torch.float64)
    for of_column, factor in zip(scores, factors, strict=True):
        deltas = gradients((logits * factor).sum(), [call.output for call in calls], keep=True)
        for call, values, delta in zip(calls, met, deltas, strict=True):
            products = (delta[:, 0] * values).reshape(len(delta), -1).sum(1)
            of_column[:, position[call.layer.module]] += products.double().cpu()
    return scores


def met_by_first_entry(call: Call) -> Tensor:
    """The inputs by which the first entry of a weight is multiplied, at each position of the first output channel.

    They are [n, h, w] for a two-dimensional convolution, [n] for a linear layer.
    """
    module, inputs = call.layer.module, call.inputs
    if not isinstance(module, nn.Conv2d):
        return inputs[:, 0]
    (down, across), (high, wide) = module.stride, call.output.shape[2:]
    above, left = (int(size) for size in module.padding)
    padded = functional.pad(inputs[:, 0], (left, 0, above, 0))
    return padded[:, : (high - 1) * down + 1 : down, : (wide - 1) * across + 1 : across].contiguous()


def scores_alone(probe: Probe, network: nn.Module, image: Tensor) -> Tensor:
    """The same for one image, float64[classes - 1, 1, layers], with one backward pass for each direction."""
    logits = probe.forward(network, image)
    return torch.stack(list(_by_direction(probe, logits)))[:, None]


def _by_direction(probe: Probe, logits: Tensor) -> Iterator[Tensor]:
    weights = [layer.weight for layer in probe.layers]
    for factor in directions(logits):
        found = gradients((logits * factor).sum(), weights, keep=True)
        yield torch.stack([as_real(gradient).flatten()[0].double().cpu() for gradient in found])


def quantile_entropy(eigenvalues: Tensor) -> float:
    """Entropy in nats of the nine deciles of the eigenvalues, divided by their sum; at most log 9.

    Raises:
        NoAnswer: if all deciles are zero.
    """
    deciles = eigenvalues.quantile(torch.linspace(0, 1, QUANTILES + 2, dtype=eigenvalues.dtype)[1:-1])
    total = deciles.sum()
    if total == 0:
        raise NoAnswer("the Fisher information is zero")
    shares = deciles / total
    return float(-torch.xlogy(shares, shares).sum())


def fisher_entropy(probe: Probe) -> float:
    """`quantile_entropy` of the eigenvalues of `fisher_pass`."""
    if not probe.layers:
        raise NoAnswer("the network has no layers")
    return quantile_entropy(probe.once(fisher_pass))


@proxy(
    "vkdnw_entropy",
    source=f"{_SOURCE}, equation 8",
    formula="entropy of the nine deciles of the eigenvalues of the Fisher information of one weight of each layer",
    needs=["gradients"],
    batch_norm="as given",
    initialisation="kaiming",
)
def vkdnw_entropy(probe: Probe) -> float:
    """How equally well the weights of a network can be estimated; no data, no labels.

    As in the authors' code: standard normal images, He's initialisation, the first entry of each weight, evaluation
    mode. There 64 images and the first 128 tensors of parameters are used, normalisation included; here 16 images and
    the weights of all layers. Takes a backward pass of 16 images for each class but one. NaN for a network whose logits
    are not classes.
    """
    return probe.once(fisher_entropy)


@proxy(
    "vkdnw",
    source=f"{_SOURCE}, equation 9 (VKDNW_single)",
    formula="number of modules with parameters, plus vkdnw_entropy",
    needs=["gradients"],
    batch_norm="as given",
    initialisation="kaiming",
)
def vkdnw(probe: Probe) -> float:
    """The number of trainable layers plus an entropy of at most log 9 = 2.2.

    Mostly a count, so that the entropy decides between networks of equally many layers. The entropy is that of
    vkdnw_entropy, and NaN where that is.
    """
    return len(count_parameters(probe.network).by_module) + probe.once(fisher_entropy)
