"""Networks whose weights are computed, shared, frozen, or known by no usual name."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.ao import quantization
from torch.nn import functional
from torch.nn.utils import prune
from torch.nn.utils import weight_norm as old_weight_norm
from torch.nn.utils.parametrizations import orthogonal

from zoo.entry import CLASSES, Entry, head, note

PLAIN = ("0", "2", "4.2")


class Hyper(nn.Module):
    """A small network makes the weights of the classifier from a learned code."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.code, self.maker = nn.Conv2d(3, 4, 3), nn.Parameter(torch.randn(5)), nn.Linear(5, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(note(self.conv(x))).mean((2, 3))
        return functional.linear(x, self.maker(self.code).view(CLASSES, 4))


class Listed(nn.Module):
    """Weights in a ParameterList, names that say nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels = nn.ParameterList([0.3 * torch.randn(4, 3, 3, 3), 0.3 * torch.randn(4, 4, 3, 3)])
        self.scale, self.theta = nn.Parameter(torch.ones(1, 4, 1, 1)), nn.Parameter(torch.randn(4, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        for kernel in self.kernels:
            x = functional.relu(note(functional.conv2d(x, kernel, padding=1) * self.scale))
        return x.mean((2, 3)) @ self.theta


class LoRA(nn.Linear):
    """A frozen linear layer, parallel to a product of two small matrices."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out)
        self.lora_a, self.lora_b = nn.Parameter(torch.randn(2, n_in)), nn.Parameter(0.1 * torch.randn(n_out, 2))
        self.weight.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x @ self.lora_a.T @ self.lora_b.T


def small(first: nn.Module, second: nn.Module) -> nn.Sequential:
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), head(4))


def small_plain() -> nn.Sequential:
    return small(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))


def effective(network: nn.Module) -> nn.Module:
    """The plain small network with the weights that the other one computes."""
    plain = small_plain()
    network.eval()(torch.zeros(1, 3, 8, 8))  # hooks of the old kind compute their weight before a call
    with torch.no_grad():
        for place in (0, 2):
            plain[place].weight.copy_(network[place].weight)
            plain[place].bias.copy_(network[place].bias)
        plain[4].load_state_dict(network[4].state_dict())
    return plain


def pruned() -> nn.Module:
    network = small_plain()
    for place in (0, 2):
        prune.l1_unstructured(network[place], "weight", 0.5)
    return network


def quantisation_aware() -> nn.Module:
    """Torch's own rounding of weights and features during training."""
    network = small_plain().train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces another way
        network.qconfig = quantization.get_default_qat_qconfig("x86")
        return quantization.prepare_qat(network)


class FakeQuantised(nn.Module):
    """Rounds weights and features, with the gradient of the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.conv.weight
        weight = weight + ((weight * 16).round() / 16 - weight).detach()
        x = functional.relu(note(functional.conv2d(x, weight, self.conv.bias, padding=1)))
        return self.last((x + ((x * 16).round() / 16 - x).detach()).mean((2, 3)))


class Frozen(nn.Module):
    """A frozen backbone whose features are taken without a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = functional.relu(note(self.backbone(x))).mean((2, 3))
        return self.last(x)


class LeftOut(nn.Module):
    """A convolution that is never called, and one whose output nobody uses."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.idle, self.unused = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
        self.last = nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        self.unused(x)
        return self.last(functional.relu(note(self.conv(x))).mean((2, 3)))


ENTRIES: dict[str, Entry] = {
    "hypernetwork": Entry(Hyper, ("conv", "maker"), 2, 2, 1, 16, skipped={"fisher": "the maker sees no images"}),
    "weights in a list": Entry(
        Listed, ("kernels.?", "theta"), 3, 3, 2, 64 * (108 + 144) + 16, skipped={"fisher": "weights are no modules"}
    ),
    "LoRA": Entry(
        lambda: nn.Sequential(nn.Flatten(), LoRA(192, 8), nn.ReLU(), LoRA(8, CLASSES)),
        ("?", "?.lora_*"),
        6,
        4,
        0,
        2 * 192 + 8 * 2 + 2 * 8 + 4 * 2,
        skipped={"fisher": "weights are no modules"},
    ),
    "weight normalisation of the old kind": Entry(
        lambda: small(
            *(old_weight_norm(layer) for layer in (nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)))
        ),
        PLAIN,
        3,
        3,
        2,
        plain=effective,
    ),
    "orthogonal": Entry(
        lambda: small(*(orthogonal(layer) for layer in (nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)))),
        PLAIN,
        3,
        3,
        2,
        plain=effective,
    ),
    "pruned": Entry(pruned, PLAIN, 3, 3, 2, plain=effective),
    "quantisation-aware": Entry(
        quantisation_aware,
        PLAIN,
        3,
        3,
        2,
        single=True,
        skipped=dict.fromkeys(("gradsign", "ntk_trace"), "ranges are observed in each batch"),
    ),
    "rounded": Entry(
        FakeQuantised,
        ("conv", "last"),
        2,
        2,
        1,
        64 * 108 + 64 * 4,
        skipped=dict.fromkeys(("fisher", "az_complexity"), "the convolution is called as a function"),
    ),
    "frozen backbone": Entry(
        Frozen,
        ("backbone", "last"),
        2,
        None,
        0,
        skipped=dict.fromkeys(("jacov", "fisher"), "no derivative reaches the images"),
    ),
    "DataParallel": Entry(lambda: nn.DataParallel(small_plain()), PLAIN, 3, 3, 2, plain=lambda network: network.module),
    "layers left out": Entry(LeftOut, ("conv", "idle", "unused", "last"), 4, 2, 1),
}
