"""Proxies worked out anew by the plainest method: one network, one image at a time, no pass shared.

Only the definitions are the same as in the project; nothing of its code is used.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.entry import Entry, deaf, listening

RECTIFIERS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Hardswish, nn.Hardtanh, nn.Softplus, nn.Threshold),
)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d)


def weights_of(entry: Entry, network: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that the entry names, each once."""
    found: dict[str, nn.Parameter] = {}
    for name, parameter in network.named_parameters():
        module = name.removesuffix(".weight")
        if parameter.dim() >= 2 and any(
            fnmatchcase(module, pattern) or fnmatchcase(name, pattern) for pattern in entry.layers
        ):
            found[name] = parameter
    return found


class Reference:
    """The network of an entry without reparametrisations, and what is worked out of it."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._network = entry.plain(entry.network())
        self._images, self._labels = entry.images(), entry.targets(len(entry.images()))

    def fresh(self, *, double: bool = True) -> tuple[nn.Module, Tensor, Tensor]:
        """A copy of network and batch, in double precision unless the entry wants single."""
        network, images, labels = copy.deepcopy(self._network), self._images.clone(), self._labels
        if double and not self.entry.single:
            network = network.double()
            images = images.double() if images.is_floating_point() else images
            labels = labels.double() if labels.is_floating_point() else labels
        for weight in weights_of(self.entry, network).values():
            weight.requires_grad_()
        return network, images, labels

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        return weights_of(self.entry, self._network)

    def parameters(self) -> float:
        """For the network as it is, with its reparametrisations."""
        return float(sum(parameter.numel() for parameter in self.entry.network().parameters()))

    def l2_norm(self) -> float:
        return sum(float(real(weight.detach()).double().norm()) for weight in self.weights.values())

    def of_loss(self) -> dict[str, float]:
        """grad_norm, snip and plain from one backward pass."""
        network, images, labels = self.fresh()
        with seeded():
            self.entry.loss(network.train()(images), labels).backward()
        pairs = [
            (real(weight.detach()).double(), real(gradient_of(weight)).double())
            for weight in weights_of(self.entry, network).values()
        ]
        return {
            "grad_norm": sum(float(gradient.norm()) for _, gradient in pairs),
            "snip": sum(float((weight * gradient).abs().sum()) for weight, gradient in pairs),
            "plain": sum(float((weight * gradient).sum()) for weight, gradient in pairs),
        }

    def grasp(self) -> float:
        """Minus the weights times the derivative of half the squared gradient."""
        network, images, labels = self.fresh()
        weights = list(weights_of(self.entry, network).values())
        with seeded(), sdpa_kernel(SDPBackend.MATH):
            loss = self.entry.loss(network.train()(images), labels)
            first = torch.autograd.grad(loss, weights, create_graph=True, allow_unused=True)
        half = sum(real(gradient).square().sum() / 2 for gradient in first if gradient is not None)
        if not half.requires_grad:
            return 0.0
        second = torch.autograd.grad(half, weights, allow_unused=True)
        pairs = zip(weights, second, strict=True)
        return -sum(float((real(w.detach()) * real(product)).sum()) for w, product in pairs if product is not None)

    def zico(self) -> float:
        """From the gradients of the two halves of the batch."""
        network, images, labels = self.fresh()
        weights = list(weights_of(self.entry, network).values())
        halves = []
        with seeded():
            for part, targets in zip(images.chunk(2), labels.chunk(2), strict=True):
                network.zero_grad()
                self.entry.loss(network.train()(part), targets).backward()
                halves.append([real(gradient_of(weight)).double().clone() for weight in weights])
        total = 0.0
        for first, second in zip(*halves, strict=True):
            mean, deviation = (first.abs() + second.abs()) / 2, (first - second).abs() / 2
            varying = deviation > 0
            if varying.any():
                total += math.log(float((mean[varying] / deviation[varying]).sum()))
        return total

    def flows(self) -> tuple[float, float]:
        """synflow, and logsynflow: NaN where a gradient is below -1."""
        network, images, _ = self.fresh()
        network.eval()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.abs_()
        with patch.object(_BatchNorm, "forward", lambda _module, x: x):
            network(torch.ones_like(images[:1])).sum().backward()
        weights = weights_of(self.entry, network).values()
        pairs = [(weight.detach().double(), gradient_of(weight).double()) for weight in weights]
        plain = sum(float((weight * gradient).sum()) for weight, gradient in pairs)
        return plain, sum(float((weight * gradient.log1p()).sum()) for weight, gradient in pairs)

    def fisher(self) -> float:
        """Channels are the second axis behind a convolution, the last behind a linear layer."""
        network, images, labels = self.fresh()
        outputs: dict[int, list[Tensor]] = {}
        layers = self._modules(network)

        def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
            output.retain_grad()
            outputs.setdefault(id(module), []).append(output)
            return output.clone()

        for module in layers:
            module.register_forward_hook(hook)
        with seeded():
            self.entry.loss(network.train()(images), labels).backward()
        total = 0.0
        for module in layers:
            summed = torch.zeros(())
            for output in outputs.get(id(module), []):
                product = output.detach() * (torch.zeros_like(output) if output.grad is None else output.grad)
                last = product if isinstance(module, nn.Linear) else product.movedim(1, -1)
                summed = summed + last.reshape(len(images), -1, last.shape[-1]).sum(1)
            if summed.dim():
                weights_of_a_channel = module.weight.numel() / summed.shape[1]
                total += 0.5 * float(summed.double().square().mean(0).sum()) * weights_of_a_channel
        return total

    def jacov(self) -> float:
        network, images, _ = self.fresh()
        inputs = [images]
        if self.entry.words:  # the embeddings of words take the place of pixels
            inputs = []
            network.embed.weight.requires_grad_()
            network.embed.register_forward_hook(lambda module, given, output: inputs.append(output))
        else:
            images.requires_grad_()
        with seeded():
            logits = network.train()(images)
        [gradient] = torch.autograd.grad(logits.sum(), inputs)
        correlations = np.corrcoef(gradient.flatten(1).double().numpy())
        if not np.isfinite(correlations).all():
            return math.nan
        eigenvalues = np.linalg.eigvalsh(correlations) + 1e-5
        return -float((np.log(eigenvalues) + 1 / eigenvalues).sum())

    def jacobian(self) -> Tensor:
        """The gradient of each image's summed logits by all weights, with statistics of the batch, [n, weights]."""
        network, images, _ = self.fresh()
        network.train()
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.momentum, module.track_running_stats = 1.0, True
                module.running_mean, module.running_var = torch.zeros(()), torch.zeros(())
                module.running_mean = images.new_zeros(module.num_features)
                module.running_var = images.new_ones(module.num_features)
        with seeded():
            network(images)
        network.eval()
        rows = []
        for image in images:
            network.zero_grad()
            network(image[None]).sum().backward()
            gradients = [gradient_of(weight) for weight in weights_of(self.entry, network).values()]
            rows.append(torch.cat([real(gradient).flatten().double() for gradient in gradients]))
        return torch.stack(rows)

    def ntk_trace(self) -> float:
        return float(self.jacobian().square().sum())

    def jacobian_entropy(self) -> float:
        squares = np.linalg.svd(self.jacobian().numpy(), compute_uv=False) ** 2
        shares = squares[squares > 0] / squares.sum() if squares.any() else np.array([math.nan])
        return float(-(shares * np.log(shares)).sum())

    def gradsign(self) -> float:
        network, images, labels = self.fresh()
        weights = list(weights_of(self.entry, network).values())
        signs = [torch.zeros_like(real(weight.detach())) for weight in weights]
        for place in range(len(images)):
            network.zero_grad()
            with seeded():
                self.entry.loss(network.train()(images[place : place + 1]), labels[place : place + 1]).backward()
            for total, weight in zip(signs, weights, strict=True):
                total += real(gradient_of(weight)).sign()
        return float(sum(total.abs().sum() for total in signs))

    def signs(self) -> list[np.ndarray]:
        """For each rectifier whether its inputs are positive, bool[n, neurons]; in single precision, as scored."""
        network, images, _ = self.fresh(double=False)
        tape: list[Tensor] = []
        for module in network.modules():
            if isinstance(module, RECTIFIERS):
                module.register_forward_pre_hook(lambda _module, inputs: tape.append(inputs[0].detach().clone()))
        listening(tape)
        try:
            with seeded(), torch.no_grad():
                network.train()(images)
        finally:
            deaf()
        return [(inputs > 0).reshape(len(images), -1).numpy() for inputs in tape]

    def nwot(self) -> float:
        signs = self.signs()
        if not signs:
            return math.nan
        joined = np.concatenate(signs, axis=1)
        agreement = (joined[:, None, :] == joined[None, :, :]).sum(2).astype(float)
        values = np.linalg.eigvalsh(agreement)
        return float(np.log(values).sum()) if values[0] > 1e-9 * values[-1] else math.nan

    def swap(self) -> float:
        signs = self.signs()
        return float(len({tuple(column) for block in signs for column in block.T})) if signs else math.nan

    def complexity(self) -> float:
        """Multiply-adds and biases of the modules that the entry names by the shapes they see; the rest is by hand."""
        network, images, _ = self.fresh(double=False)
        costs: list[int] = []

        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            positions = inputs[0].numel() if isinstance(module, _TRANSPOSED) else output.numel()
            costs.append(positions * module.weight[0].numel() + (output.numel() if module.bias is not None else 0))

        for module in self._modules(network):
            module.register_forward_hook(hook)
        with torch.no_grad(), seeded():
            network.eval()(images[:1])
        assert self.entry.products is not None
        return float(sum(costs) + self.entry.products)

    def _modules(self, network: nn.Module) -> list[nn.Module]:
        """The convolutions and linear layers that own the weights; one that shares its weight too."""
        owned = {id(weight) for weight in weights_of(self.entry, network).values()}
        kinds = (*_CONVOLUTIONS, *_TRANSPOSED, nn.Linear)
        return [module for module in network.modules() if isinstance(module, kinds) and id(module.weight) in owned]


def real(tensor: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def gradient_of(weight: nn.Parameter) -> Tensor:
    """What `backward` left; zeros where no path leads to the loss."""
    return torch.zeros_like(weight) if weight.grad is None else weight.grad


@contextmanager
def seeded() -> Iterator[None]:
    """Torch's global generator at seed 0, as the passes of the project have it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _or_nan(value: int | None) -> float:
    return math.nan if value is None else value


REFERENCES: dict[str, Callable[[Reference], float]] = {
    "params": Reference.parameters,
    "az_complexity": Reference.complexity,
    "l2_norm": Reference.l2_norm,
    "grad_norm": lambda reference: reference.of_loss()["grad_norm"],
    "snip": lambda reference: reference.of_loss()["snip"],
    "plain": lambda reference: reference.of_loss()["plain"],
    "grasp": Reference.grasp,
    "zico": Reference.zico,
    "synflow": lambda reference: reference.flows()[0],
    "logsynflow": lambda reference: reference.flows()[1],
    "fisher": Reference.fisher,
    "jacov": Reference.jacov,
    "ntk_trace": Reference.ntk_trace,
    "jacobian_entropy": Reference.jacobian_entropy,
    "gradsign": Reference.gradsign,
    "nwot": Reference.nwot,
    "swap": Reference.swap,
    "depth": lambda reference: _or_nan(reference.entry.depth),
    "convolutions": lambda reference: _or_nan(reference.entry.convolutions),
}
TOLERANCES = {"jacov": 1e-2, "zico": 1e-2, "grasp": 1e-2, "gradsign": 0.02, "plain": 5e-3}
