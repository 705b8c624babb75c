"""Networks that do something with weights, images or batches that others do not."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn
from torch.ao import quantization
from torch.nn import functional
from torch.nn.utils import prune
from torch.nn.utils import weight_norm as old_weight_norm
from torch.nn.utils.parametrizations import orthogonal

from zoo.entry import CLASSES, Entry, Lambda, head, note


class FourierLayer(nn.Module):
    """FNO's: complex weights on the lowest frequencies, beside a 1x1 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(0.2 * torch.randn(4, 4, 2, 2, dtype=torch.cfloat))
        self.skip = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(x)
        out = torch.zeros_like(spectrum)
        out[:, :, :2, :2] = torch.einsum("bixy,ioxy->boxy", spectrum[:, :, :2, :2], self.weights.to(spectrum.dtype))
        return functional.gelu(note(torch.fft.irfft2(out, s=x.shape[-2:]) + self.skip(x)))


class GraphNet(nn.Module):
    """Pixels as nodes: features times weights, then times a fixed matrix of neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.w1, self.w2 = nn.Parameter(torch.randn(3, 6)), nn.Parameter(torch.randn(6, CLASSES))
        adjacency = torch.eye(16) + torch.diag(torch.ones(15), 1) + torch.diag(torch.ones(15), -1)
        self.register_buffer("adjacency", adjacency / adjacency.sum(1, keepdim=True))

    def forward(self, x: Tensor) -> Tensor:
        nodes = functional.avg_pool2d(x, 2).flatten(2).transpose(1, 2)
        nodes = functional.relu(note(self.adjacency @ (nodes @ self.w1)))
        return (self.adjacency @ (nodes @ self.w2)).mean(1)


class Hyper(nn.Module):
    """A small network makes the weights of the classifier from a learned code."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.code, self.maker = nn.Conv2d(3, 4, 3), nn.Parameter(torch.randn(5)), nn.Linear(5, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(note(self.conv(x))).mean((2, 3))
        return functional.linear(x, self.maker(self.code).view(CLASSES, 4))


class Experts(nn.Module):
    """Each image goes to the expert that the router likes best, and to it alone."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.router = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)
        self.experts, self.last = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)]), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(note(self.stem(x))).mean((2, 3))
        weight, choice = self.router(x).softmax(-1).max(-1)
        out = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            rows = (choice == number).nonzero().squeeze(-1)
            if len(rows):
                out = out.index_add(0, rows, expert(x[rows]) * weight[rows, None])
        return self.last(x + out)


class Deformed(nn.Module):
    """Samples the map at places that a convolution moves."""

    def __init__(self) -> None:
        super().__init__()
        self.offset, self.conv = nn.Conv2d(3, 2, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)
        self.last = nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        lines = torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype)
        grid = torch.stack(torch.meshgrid(lines, lines, indexing="xy"), -1)
        grid = grid + 0.1 * self.offset(x).tanh().permute(0, 2, 3, 1)
        x = functional.grid_sample(x, grid, align_corners=True)
        return self.last(functional.relu(note(self.conv(x))).mean((2, 3)))


class KAN(nn.Module):
    """A learned function on each edge: a linear part of SiLU and weights on radial bases."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.base = nn.Linear(n_in, n_out, bias=False)
        self.spline_weight = nn.Parameter(0.3 * torch.randn(n_out, n_in * 3))
        self.register_buffer("centres", torch.tensor([-1.0, 0.0, 1.0]))

    def forward(self, x: Tensor) -> Tensor:
        bases = torch.exp(-((x[..., None] - self.centres) ** 2)).flatten(1)
        return self.base(functional.silu(note(x))) + functional.linear(bases, self.spline_weight)


class Capsules(nn.Module):
    """Vectors predict vectors; two rounds of routing by agreement."""

    def __init__(self) -> None:
        super().__init__()
        self.primary = nn.Conv2d(3, 8, 3, 2)
        self.weight = nn.Parameter(0.3 * torch.randn(18, CLASSES, 4, 3))  # 18 capsules of 4 numbers

    def forward(self, x: Tensor) -> Tensor:
        x = self.primary(x).view(len(x), 18, 4)
        votes = torch.einsum("nic,ikcd->nikd", x / (1 + x.norm(dim=-1, keepdim=True)), self.weight)
        logits = torch.zeros_like(votes[..., 0])
        for _ in range(2):
            out = (logits.softmax(-1)[..., None] * votes).sum(1)
            out = out / (1 + out.norm(dim=-1, keepdim=True))
            logits = logits + (votes * out[:, None]).sum(-1)
        return out.norm(dim=-1)


class Siamese(nn.Module):
    """The same tower sees both halves of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 6)
        )
        self.last = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        left, right = (self.tower(half) for half in x.chunk(2, -1))
        return self.last((left - right).abs())


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
    """A linear layer that is frozen, and a product of two small matrices beside it."""

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


class Siren(nn.Module):
    """Sines instead of rectifiers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.last = nn.ModuleList([nn.Linear(192, 8), nn.Linear(8, 8)]), nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for layer in self.layers:
            x = torch.sin(3 * layer(x))
        return self.last(x)


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


class Kernel(nn.Module):
    """A Gaussian kernel to learned prototypes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.prototypes, self.last = (
            nn.Conv2d(3, 4, 3),
            nn.Parameter(torch.randn(5, 4)),
            nn.Linear(5, CLASSES),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).mean((2, 3))
        return self.last(torch.exp(-(x[:, None] - self.prototypes).square().sum(-1)))


class Involution(nn.Module):
    """A kernel made for each position, applied by unfolding."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.maker, self.last = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 9, 1), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        patches = functional.unfold(x, 3, padding=1).view(len(x), 4, 9, -1)
        x = (patches * self.maker(x).flatten(2)[:, None]).sum(2)
        return self.last(functional.relu(note(x)).mean(-1))


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


PLAIN = ("0", "2", "4.2")
ENTRIES: dict[str, Entry] = {
    "FNO": Entry(
        lambda: nn.Sequential(nn.Conv2d(3, 4, 1), FourierLayer(), head(4)),
        ("0", "1.weights", "1.skip", "2.2"),
        4,
        3,
        2,
        4 * 4 * 4,
        single=True,
        skipped={
            "fisher": "a filter is no module",
            "synflow": "the flow through complex weights is not defined",
            "logsynflow": "likewise",
        },
    ),
    # 16 nodes: to 6 and to 4 features, and twice 16 neighbours of each
    "graph network": Entry(
        GraphNet, ("w?",), 2, 2, 0, 16 * 18 + 16 * 24 + 16 * 16 * (6 + 4), skipped={"fisher": "weights are no modules"}
    ),
    "hypernetwork": Entry(Hyper, ("conv", "maker"), 2, 2, 1, 16, skipped={"fisher": "the maker sees no images"}),
    "mixture of experts": Entry(
        Experts,
        ("stem", "router", "experts.?", "last"),
        6,
        4,
        1,
        None,
        skipped=dict.fromkeys(("fisher", "depth", "synflow", "logsynflow"), "experts see some images only"),
    ),
    "deformable": Entry(Deformed, ("offset", "conv", "last"), 3, 3, 2),
    "KAN": Entry(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 5), KAN(5, 6), KAN(6, CLASSES)),
        ("1", "?.base", "?.spline_weight"),
        5,
        3,
        0,
        15 * 6 + 18 * 4,
        skipped={"fisher": "weights are no modules"},
    ),
    # 18 capsules: 4 to 3 numbers for each class
    "capsules": Entry(
        Capsules, ("primary", "weight"), 2, 2, 1, 18 * CLASSES * 12, skipped={"fisher": "weights are no modules"}
    ),
    "siamese": Entry(Siamese, ("tower.0", "tower.4", "last"), 3, 3, 1),
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
    "SIREN": Entry(Siren, ("layers.?", "last"), 3, 3, 0),
    "rounded": Entry(
        FakeQuantised,
        ("conv", "last"),
        2,
        2,
        1,
        64 * 108 + 64 * 4,
        skipped=dict.fromkeys(("fisher", "az_complexity"), "the convolution is called as a function"),
    ),
    "prototypes": Entry(Kernel, ("conv", "last"), 2, 2, 1),
    "involution": Entry(Involution, ("stem", "maker", "last"), 3, 3, 2),
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
    "perceptron": Entry(
        lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(192, 8), nn.GELU(), nn.Linear(8, 8), nn.Mish(), nn.Linear(8, CLASSES)
        ),
        ("1", "3", "5"),
        3,
        3,
        0,
    ),
    "bilinear pooling": Entry(
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.ReLU(),
            Lambda(lambda x: torch.einsum("nchw,ndhw->ncd", x, x) / math.sqrt(36)),
            nn.Flatten(),
            nn.Linear(16, CLASSES),
        ),
        ("0", "4"),
        2,
        2,
        1,
        36 * 16,
    ),
}
