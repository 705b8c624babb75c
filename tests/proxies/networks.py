"""Small networks of every kind that a proxy may meet, and batches for them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from proxybench.networks import build
from proxybench.networks.base import Network
from proxybench.spaces import get_space

CELL = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
ALL_NONE = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
ALL_SKIP = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"
DISCONNECTED = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|none~2|"  # no edge into the last node
DEAD_END = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"  # nodes 1 and 2 lie on no path


def batch(images: int = 8, shape: tuple[int, int, int] = (3, 8, 8), classes: int = 4) -> tuple[Tensor, Tensor]:
    """Normal images and labels 0, 1, ... in turn."""
    generator = torch.Generator().manual_seed(images)
    return torch.randn((images, *shape), generator=generator), torch.arange(images) % classes


def nasbench201(cell: str = CELL, seed: int = 0) -> Network:
    """A NAS-Bench-201 network of 3 cells with 4, 8 and 16 channels, for images 3 x 8 x 8 and 4 classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(get_space("nasbench201").parse(cell), 4, (3, 8, 8), channels=4, cells=1)


class InPlace(nn.Module):
    """Writes into its images, and a function overwrites the output of its convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.last = nn.Linear(4, 4)

    def forward(self, images: Tensor) -> Tensor:
        images.mul_(0.5)
        x = functional.relu(self.conv(images), inplace=True)
        return self.last(x.mean((2, 3)))


class OwnPrecision(nn.Module):
    """Turns its features into float32, as some implementations of normalisation do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.last = nn.Linear(4, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = self.conv(images).float()
        return self.last(functional.layer_norm(x, x.shape[2:]).relu().mean((2, 3)))


class Shared(nn.Module):
    """One weight in two modules, one module applied twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.first = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.second = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.second.weight = self.first.weight
        self.last = nn.Linear(4, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images).relu()
        x = self.first(self.first(x).relu()).relu()
        return self.last(self.second(x).relu().mean((2, 3)))


class WithoutGradient(nn.Module):
    """A network that forbids gradients in its own forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = plain_network()

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images)


class Attributes(nn.Module):
    """Counts its calls, draws from every global generator, and keeps what went through it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = plain_network()
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.steps = 0
        self.seen: list[int] = []
        self.by_size: dict[int, int] = {}
        self.operations = nn.ModuleList()  # not what Network calls its operations

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        self.steps += 1
        self.seen.append(len(images))
        self.by_size[len(images)] = self.steps
        self.last_shape = images.shape
        return functional.dropout(self.inner(images), 0.1, self.training)


class TokensFirst(nn.Module):
    """An encoder whose tokens stand before the images, torch's default."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
        self.last = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.encoder(self.patches(images).flatten(2).permute(2, 0, 1)).mean(0))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions parallel to the identity or a 1x1 convolution."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(c_in, c_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return out.relu_()


class ResNet(nn.Module):
    """Stem, two residual blocks, classifier; 6 convolutions and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(BasicBlock(4, 4, 1))
        self.layer2 = nn.Sequential(BasicBlock(4, 8, 2))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = self.layer2(self.layer1(self.bn1(self.conv1(images)).relu()))
        return self.fc(self.avgpool(x).flatten(1))


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise 3x3, squeeze-and-excitation, 1x1 projection, parallel to the identity."""

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        self.expand = nn.Sequential(nn.Conv2d(channels, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6(True))
        self.depthwise = nn.Sequential(
            nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden), nn.Hardswish(True)
        )
        self.squeeze = nn.Conv2d(hidden, 4, 1)
        self.excite = nn.Conv2d(4, hidden, 1)
        self.project = nn.Sequential(nn.Conv2d(hidden, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(self.expand(x))
        scale = functional.hardsigmoid(self.excite(functional.relu(self.squeeze(y.mean((2, 3), keepdim=True)))))
        return x + self.project(y * scale)


def mobile_network() -> nn.Sequential:
    """Stem, two inverted residuals with squeeze-and-excitation, pooling, dropout, classifier."""
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.Hardswish(inplace=True)),
        InvertedResidual(4, 2),
        InvertedResidual(4, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(4, 4),
    )


class AttentionBlock(nn.Module):
    """Attention and a perceptron, each behind a normalisation and parallel to the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    """Patches, a class token, positions, an attention block and torch's encoder layer, classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.class_token = nn.Parameter(torch.full((1, 1, 8), 0.1))
        self.positions = nn.Parameter(torch.linspace(-1, 1, 40).reshape(1, 5, 8))
        self.blocks = nn.ModuleList([AttentionBlock(8), nn.TransformerEncoderLayer(8, 2, 16, 0.1, batch_first=True)])
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


def plain_network(*, norm: bool = True, rectifier: bool = True, inplace: bool = False) -> nn.Sequential:
    """Two convolutions and a linear layer; what stands between them is a choice."""
    parts: list[nn.Module] = []
    for c_in in (3, 4):
        parts.append(nn.Conv2d(c_in, 4, 3, padding=1))
        parts += [nn.BatchNorm2d(4)] * norm + [nn.ReLU(inplace)] * rectifier
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4))


def _with_weights(network: nn.Module, value: float) -> nn.Module:
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.fill_(value) if value == 0 else parameter.mul_(value)
    return network


def _frozen(network: nn.Module) -> nn.Module:
    return network.requires_grad_(False)


def _dropout() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Dropout2d(0.5), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(144, 4)
    )


def _without_layers() -> nn.Module:
    return nn.Sequential(
        nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.ConstantPad1d((0, 1), 0.0)
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "a cell": nasbench201,
    "all none": lambda: nasbench201(ALL_NONE),
    "all skip": lambda: nasbench201(ALL_SKIP),
    "disconnected": lambda: nasbench201(DISCONNECTED),
    "dead end": lambda: nasbench201(DEAD_END),
    "no normalisation": lambda: plain_network(norm=False),
    "no rectifier": lambda: plain_network(rectifier=False),
    "no layers": _without_layers,
    "one layer": lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 4)),
    "exploding weights with normalisation": lambda: _with_weights(nasbench201(), 1e20),
    "exploding weights": lambda: _with_weights(plain_network(norm=False), 1e20),
    "zero weights": lambda: _with_weights(plain_network(), 0.0),
    "NaN weights": lambda: _with_weights(plain_network(), float("nan")),
    "frozen": lambda: _frozen(nasbench201()),
    "in-place modules": lambda: plain_network(norm=False, inplace=True),
    "in-place functions": InPlace,
    "own precision": OwnPrecision,
    "shared weights": Shared,
    "dropout": _dropout,
    "evaluation mode": lambda: nasbench201().eval(),
    "float64": lambda: nasbench201().double(),
    "bfloat16": lambda: plain_network().bfloat16(),
    "without gradient": WithoutGradient,
    "own attributes": Attributes,
    "tokens first": TokensFirst,
    "residual": ResNet,
    "mobile": mobile_network,
    "transformer": VisionTransformer,
}

BATCHES: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
    "batch of one": lambda: batch(1),
    "constant images": lambda: (torch.full((8, 3, 8, 8), 0.5), batch()[1]),
    "two equal images": lambda: (batch()[0][[0, 0, 1, 2, 3, 4, 5, 6]], batch()[1]),
    "images of zeros": lambda: (torch.zeros(8, 3, 8, 8), batch()[1]),
    "large images": lambda: (batch()[0] * 1e30, batch()[1]),
    "one class": lambda: (batch()[0], torch.zeros(8, dtype=torch.long)),
    "one pixel": lambda: batch(8, (3, 1, 1)),
}


def odd(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    """The network and the batch of one of NETWORKS or BATCHES; equal every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = NETWORKS[name]() if name in NETWORKS else nasbench201()
        images, labels = BATCHES[name]() if name in BATCHES else batch()
    return network, images, labels
