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
    """1x1, grouped 3x3, 1x1: ResNeXt's and RegNet's block; squeeze-and-excitation where asked for."""

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


class Fire(nn.Module):
    """SqueezeNet's: a narrow convolution, then two side by side."""

    def __init__(self, c_in: int) -> None:
        super().__init__()
        self.squeeze, self.left, self.right = nn.Conv2d(c_in, 2, 1), nn.Conv2d(2, 4, 1), nn.Conv2d(2, 4, 3, padding=1)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.squeeze(x))
        return torch.cat([self.activation(self.left(x)), self.activation(self.right(x))], 1)


class ShuffleUnit(nn.Module):
    """ShuffleNetV2's: half of the channels pass, then the halves are shuffled."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(
            *(conv(half, half, 1), nn.BatchNorm2d(half), nn.ReLU(inplace=True)),
            *(conv(half, half, groups=half), nn.BatchNorm2d(half)),
            *(conv(half, half, 1), nn.BatchNorm2d(half), nn.ReLU(inplace=True)),
        )

    def forward(self, x: Tensor) -> Tensor:
        kept, changed = x.chunk(2, dim=1)
        out = torch.cat([kept, self.branch(changed)], 1)
        n, c, h, w = out.shape
        return out.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class MobileBlock(nn.Module):
    """Inverted residual with the activation and squeeze-and-excitation of MobileNetV2, V3 or EfficientNet."""

    def __init__(self, channels: int, activation: type[nn.Module], gate: type[nn.Module] | None) -> None:
        super().__init__()
        wide = 2 * channels
        self.expand = nn.Sequential(conv(channels, wide, 1), nn.BatchNorm2d(wide), activation())
        self.spatial = nn.Sequential(conv(wide, wide, groups=wide), nn.BatchNorm2d(wide), activation())
        self.squeeze = None
        if gate is not None:
            self.squeeze = nn.Sequential(
                *(nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, 2, 1), activation(), nn.Conv2d(2, wide, 1), gate())
            )
        self.project = nn.Sequential(conv(wide, channels, 1), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        out = self.spatial(self.expand(x))
        if self.squeeze is not None:
            out = out * self.squeeze(out)
        return x + self.project(out)


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


class FixupBlock(nn.Module):
    """A residual block without normalisation: scalar biases around each convolution, a scalar scale."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(channels, channels), conv(channels, channels)
        self.biases, self.scale = nn.Parameter(torch.full((4,), 0.1)), nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(note(self.conv1(x + self.biases[0]) + self.biases[1]))
        out = self.conv2(out + self.biases[2]) * self.scale + self.biases[3]
        return torch.relu_(note(out + x))


class DropPath(nn.Module):
    """Stochastic depth: drops the branch of single images."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * x.new_empty(len(x), 1, 1, 1).bernoulli_(0.8) / 0.8


class Stochastic(nn.Module):
    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch, self.drop = branch, DropPath()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop(self.branch(x))


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


class ChannelsLastNorm(nn.LayerNorm):
    """Layer normalisation over the channels of a map."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    """Depthwise 5x5, then a perceptron on channels-last maps, scaled by layer scale."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv, self.norm = conv(channels, channels, 5, groups=channels, bias=True), nn.LayerNorm(channels)
        self.pwconv1, self.act, self.pwconv2 = nn.Linear(channels, 8), nn.GELU(), nn.Linear(8, channels)
        self.gamma = nn.Parameter(0.1 * torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        return x + (self.gamma * self.pwconv2(self.act(self.pwconv1(out)))).permute(0, 3, 1, 2)


class StandardisedConv(nn.Conv2d):
    """NFNet's convolution: its weight is standardised before each use."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight
        weight = (weight - weight.mean((1, 2, 3), keepdim=True)) / (weight.std((1, 2, 3), keepdim=True) + 1e-5)
        return functional.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class NormFreeBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (StandardisedConv(channels, channels, 3, padding=1) for _ in range(2))
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        out = functional.silu(note(x)) * 1.7
        return x + 0.2 * self.gain * self.conv2(functional.silu(note(self.conv1(out))) * 1.7)


class PoolFormerBlock(nn.Module):
    """A pooling mixes positions, 1x1 convolutions mix channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(1, channels), nn.GroupNorm(1, channels)
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.mlp = nn.Sequential(nn.Conv2d(channels, 8, 1), nn.GELU(), nn.Conv2d(8, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.pool(y) - y
        return x + self.mlp(self.norm2(x))


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


ZERO_ALONE = {"gradsign": "an image normalised alone has a mean of 0 before the head: its gradient is rounding"}
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
    "MobileNetV2": Entry(
        lambda: stacked(MobileBlock(4, nn.ReLU6, None), MobileBlock(4, nn.ReLU6, None), channels=4),
        *(("0.0", "*.expand.0", "*.spatial.0", "*.project.0", "3.2"), 8, 8, 7),
        skipped=ZERO_ALONE,
    ),
    "MobileNetV3": Entry(
        lambda: stacked(MobileBlock(4, nn.Hardswish, nn.Hardsigmoid), channels=4),
        *(("0.0", "*.expand.0", "*.spatial.0", "*.squeeze.[13]", "*.project.0", "2.2"), 7, 7, 6),
        skipped=ZERO_ALONE | {"grasp": "a hard sigmoid has no second derivative in torch"},
    ),
    "EfficientNet": Entry(
        lambda: stacked(Stochastic(MobileBlock(4, nn.SiLU, nn.Sigmoid)), channels=4),
        *(("0.0", "*.expand.0", "*.spatial.0", "*.squeeze.[13]", "*.project.0", "2.2"), 7, 7, 6),
        single=True,
        skipped={"gradsign": "which images are dropped depends on how they are batched"},
    ),
    "ShuffleNet": Entry(
        lambda: stacked(ShuffleUnit(4), ShuffleUnit(4), channels=4), ("0.0", "*.branch.[035]", "3.2"), 8, 8, 7
    ),
    "SqueezeNet": Entry(
        lambda: nn.Sequential(
            conv(3, 4, bias=True),
            nn.ReLU(),
            Fire(4),
            nn.MaxPool2d(2),
            Fire(8),
            conv(8, CLASSES, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        ),
        *(("0", "*.squeeze", "*.left", "*.right", "5"), 8, 6, 8),
    ),
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
    "ConvNeXt": Entry(
        lambda: nn.Sequential(nn.Conv2d(3, 4, 2, 2), ChannelsLastNorm(4), ConvNeXtBlock(4), ConvNeXtBlock(4), head(4)),
        *(("0", "*.dwconv", "*.pwconv?", "4.2"), 8, 8, 3),
    ),
    "NFNet": Entry(
        lambda: nn.Sequential(StandardisedConv(3, 4, 3, padding=1), NormFreeBlock(4), NormFreeBlock(4), head(4)),
        *(("0", "*.conv?", "3.2"), 6, 6, 5),
    ),
    "PoolFormer": Entry(
        lambda: nn.Sequential(nn.Conv2d(3, 4, 2, 2), PoolFormerBlock(4), PoolFormerBlock(4), head(4)),
        *(("0", "*.mlp.[02]", "3.2"), 6, 6, 5),
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
    "Fixup": Entry(
        lambda: nn.Sequential(conv(3, 4), FixupBlock(4), FixupBlock(4), head(4)),
        ("0", "*.conv?", "3.2"),
        6,
        6,
        5,
    ),
    "rectifiers of several kinds": Entry(maxout, ("0", "2", "5", "7.2"), 4, 4, 3),
}
