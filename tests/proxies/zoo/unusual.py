"""Networks that do something with weights, images or batches that others do not."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.entry import CLASSES, Entry, Lambda, head, note


class FourierLayer(nn.Module):
    """FNO's: complex weights on the lowest frequencies, parallel to a 1x1 convolution."""

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
    "SIREN": Entry(Siren, ("layers.?", "last"), 3, 3, 0),
    "prototypes": Entry(Kernel, ("conv", "last"), 2, 2, 1),
    "involution": Entry(Involution, ("stem", "maker", "last"), 3, 3, 2),
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
