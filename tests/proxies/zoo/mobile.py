"""Convolutional networks for small devices, and those without batch normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.convolutional import conv, stacked
from zoo.entry import CLASSES, Entry, head, note

ZERO_ALONE = {"gradsign": "an image normalised alone has a mean of 0 before the head: its gradient is rounding"}


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


ENTRIES: dict[str, Entry] = {
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
    "Fixup": Entry(
        lambda: nn.Sequential(conv(3, 4), FixupBlock(4), FixupBlock(4), head(4)),
        ("0", "*.conv?", "3.2"),
        6,
        6,
        5,
    ),
}
