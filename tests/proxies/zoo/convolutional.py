"""Convolutional networks for classification."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.entry import CLASSES, Entry, head, note


def conv(c_in: int, c_out: int, kernel: int = 3, stride: int = 1, groups: int = 1, *, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=bias)


class BasicBlock(nn.Module):
    """ResNet's, as torchvision writes it: one in-place rectifier used twice."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(c_in, c_out, stride=stride), nn.BatchNorm2d(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = conv(c_out, c_out), nn.BatchNorm2d(c_out)
        self.downsample = None
        if stride > 1 or c_in != c_out:
            self.downsample = nn.Sequential(conv(c_in, c_out, 1, stride), nn.BatchNorm2d(c_out))

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """1x1, grouped 3x3, 1x1: ResNeXt's and RegNet's block; squeeze-and-excitation if requested."""

    def __init__(self, channels: int, groups: int = 2, *, squeeze: bool = False) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(channels, channels, 1), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = conv(channels, channels, groups=groups), nn.BatchNorm2d(channels)
        self.fc1, self.fc2 = (nn.Conv2d(channels, 2, 1), nn.Conv2d(2, channels, 1)) if squeeze else (None, None)
        self.conv3, self.bn3 = conv(channels, channels, 1), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(note(self.bn1(self.conv1(x))))
        out = functional.relu(note(self.bn2(self.conv2(out))))
        if self.fc1 is not None:
            scale = functional.relu(note(self.fc1(out.mean((2, 3), keepdim=True))))
            out = out * torch.sigmoid(self.fc2(scale))
        return functional.relu(note(x + self.bn3(self.conv3(out))))


class PreActivation(nn.Module):
    """Normalisation and rectifier before each convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(channels), conv(channels, channels)
        self.bn2, self.conv2 = nn.BatchNorm2d(channels), conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(functional.relu(note(self.bn1(x)), inplace=True))
        return x + self.conv2(functional.relu(note(self.bn2(out)), inplace=True))


class DenseLayer(nn.Module):
    """Adds channels to those it was given."""

    def __init__(self, c_in: int, growth: int) -> None:
        super().__init__()
        self.norm, self.relu, self.conv = nn.BatchNorm2d(c_in), nn.ReLU(inplace=True), conv(c_in, growth)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(self.relu(self.norm(x)))], 1)


def vgg(*, norm: bool) -> nn.Sequential:
    parts: list[nn.Module] = []
    for c_in, c_out in ((3, 4), (4, 6)):
        parts += [conv(c_in, c_out, bias=not norm), *[nn.BatchNorm2d(c_out)] * norm, nn.ReLU(True), nn.MaxPool2d(2)]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(24, 8), nn.ReLU(True), nn.Dropout(0.0), nn.Linear(8, CLASSES))


class BatchNormAct(nn.BatchNorm2d):
    """timm's: normalisation with its activation inside."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(super().forward(x))


class FunctionalNorm(nn.Module):
    """Batch normalisation as a function, without running statistics."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return functional.batch_norm(x, None, None, self.gain, self.shift, training=True)


class Inception(nn.Module):
    """GoogLeNet's: branches side by side; the network gives its auxiliary logits too while it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 4, bias=True)
        self.branches = nn.ModuleList([conv(4, 2, size, bias=True) for size in (1, 3, 5)])
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(4, 2, 1, bias=True))
        self.auxiliary, self.head = head(4), head(8)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = functional.relu(note(self.stem(x)))
        joined = torch.cat([*(branch(x) for branch in self.branches), self.pool(x)], 1)
        logits = self.head(functional.relu(note(joined)))
        return (logits, self.auxiliary(x)) if self.training else logits


def stem(channels: int, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    return nn.Sequential(conv(3, channels), nn.BatchNorm2d(channels), activation())


def stacked(*blocks: nn.Module, channels: int) -> nn.Sequential:
    """A stem (`0.0`), blocks, and a head whose weight is the last."""
    return nn.Sequential(stem(channels), *blocks, head(channels))


def maxout() -> nn.Sequential:
    return nn.Sequential(
        *(conv(3, 4, bias=True), nn.Hardtanh(0.0, 6.0), conv(4, 4, bias=True), nn.LeakyReLU(0.2, inplace=True)),
        *(nn.MaxPool2d(2), conv(4, 4, bias=True), nn.ELU(inplace=True), head(4)),
    )


ENTRIES: dict[str, Entry] = {
    "ResNet": Entry(
        lambda: nn.Sequential(stem(4), BasicBlock(4, 4), BasicBlock(4, 6, 2), head(6)),
        *(("0.0", "*.conv?", "*.downsample.0", "3.2"), 7, 6, 6),
    ),
    "ResNeXt": Entry(lambda: stacked(Bottleneck(4), Bottleneck(4), channels=4), ("0.0", "*.conv?", "3.2"), 8, 8, 7),
    "RegNet": Entry(
        lambda: stacked(Bottleneck(4, squeeze=True), channels=4), ("0.0", "*.conv?", "*.fc?", "2.2"), 7, 7, 6
    ),
    "ResNet with activation first": Entry(
        lambda: nn.Sequential(conv(3, 4), PreActivation(4), PreActivation(4), nn.BatchNorm2d(4), nn.ReLU(), head(4)),
        *(("0", "*.conv?", "5.2"), 6, 6, 5),
    ),
    "DenseNet": Entry(
        lambda: nn.Sequential(
            *(conv(3, 4), DenseLayer(4, 2), DenseLayer(6, 2), nn.BatchNorm2d(8), nn.ReLU(), conv(8, 4, 1)),
            *(nn.AvgPool2d(2), DenseLayer(4, 2), head(6)),
        ),
        *(("0", "*.conv", "5", "8.2"), 6, 6, 5),
    ),
    "VGG": Entry(lambda: vgg(norm=False), ("0", "3", "7", "10"), 4, 4, 2),
    "VGG with normalisation": Entry(lambda: vgg(norm=True), ("0", "4", "9", "12"), 4, 4, 2),
    "GoogLeNet": Entry(
        Inception,
        ("stem", "branches.*", "pool.1", "auxiliary.2", "head.2"),
        7,
        3,
        5,
        skipped=dict.fromkeys(
            ("grad_norm", "snip", "plain", "grasp", "zico", "fisher", "jacov", "gradsign", "nwot", "swap", "ntk_trace"),
            "gives two tensors while it trains",
        )
        | {"az_complexity": "auxiliary logits are not computed"},
    ),
    "activation inside the normalisation": Entry(
        lambda: nn.Sequential(conv(3, 4), BatchNormAct(4), conv(4, 4, groups=2), BatchNormAct(4), head(4)),
        ("0", "2", "4.2"),
        3,
        3,
        2,
    ),
    "normalisation as a function": Entry(
        lambda: nn.Sequential(
            conv(3, 4), FunctionalNorm(4), nn.ReLU(), conv(4, 4), FunctionalNorm(4), nn.ReLU(), head(4)
        ),
        ("0", "3", "6.2"),
        3,
        3,
        2,
        skipped=dict.fromkeys(
            ("synflow", "logsynflow", "ntk_trace"), "the plain reference takes out, and fixes, modules only"
        ),
    ),
    "rectifiers of several kinds": Entry(maxout, ("0", "2", "5", "7.2"), 4, 4, 3),
}
