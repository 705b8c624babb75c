"""Which modules of a network are its blocks, and the feature maps between them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from proxybench.proxies.blocks import block_names, channels_first, feature_maps


class Residual(nn.Module):
    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.downsample = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride), nn.BatchNorm2d(c_out))

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample(x) + self.conv2(torch.relu(self.conv1(x)))


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.layer1 = nn.Sequential(Residual(4, 4), Residual(4, 4))
        self.layer2 = nn.Sequential(Residual(4, 8, 2))
        self.fc = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layer2(self.layer1(self.conv1(x))).mean((2, 3)))


class ConvNormActivation(nn.Sequential):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU6())


class MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(ConvNormActivation(3, 4), Residual(4, 6, 2), Residual(6, 6))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(6, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


class VisionTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(2))
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(tokens.mean(1))


class Attributes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.conv2 = nn.Conv2d(4, 5, 3)
        self.fc = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv2(self.conv1(x)).mean((2, 3)))


class Named(nn.Sequential):
    blocks = ("0", "1")


IMAGES = torch.arange(2 * 3 * 8 * 8).reshape(2, 3, 8, 8) / 100


@pytest.mark.parametrize(
    ("network", "names"),
    [
        (ResNet(), ("layer1.0", "layer1.1", "layer2.0")),
        (MobileNet(), ("features.0", "features.1", "features.2", "classifier.1")),
        (VisionTransformer(), ("blocks.0", "blocks.1")),
        (Attributes(), ("conv1", "conv2", "fc")),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3)), ("0", "3")),
        (nn.Sequential(nn.Sequential(Residual(3, 4), Residual(4, 4)), nn.Sequential(nn.Flatten())), ("0.0", "0.1")),
        (nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Conv2d(4, 4, 3)), ("0", "1")),
        (Named(nn.Identity(), nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)), ("0", "1")),
        (nn.Sequential(nn.Flatten()), ()),
    ],
)
def test_the_blocks_are_the_outermost_entries_of_lists_and_sequences(
    network: nn.Module, names: tuple[str, ...]
) -> None:
    assert block_names(network) == names


@pytest.mark.parametrize(
    ("network", "names", "shapes"),
    [
        (
            ResNet(),
            ["input of layer1.0", "layer1.0", "layer1.1", "layer2.0"],
            [(2, 4, 8, 8)] * 3 + [(2, 8, 4, 4)],
        ),
        (MobileNet(), ["features.0", "features.1", "features.2"], [(2, 4, 8, 8), (2, 6, 4, 4), (2, 6, 4, 4)]),
        (VisionTransformer(), ["input of blocks.0", "blocks.0", "blocks.1"], [(2, 4, 8)] * 3),
        (Attributes(), ["conv1", "conv2"], [(2, 4, 6, 6), (2, 5, 4, 4)]),
        (nn.Sequential(nn.Flatten(), nn.Linear(192, 7), nn.ReLU(), nn.Linear(7, 2)), None, [(2, 192), (2, 7), (2, 2)]),
        (Named(nn.Identity(), nn.Conv2d(3, 4, 1)), ["0", "1"], [(2, 3, 8, 8), (2, 4, 8, 8)]),
    ],
)
def test_the_maps_are_outputs_of_blocks_after_the_stem(
    network: nn.Module, names: list[str] | None, shapes: list[tuple[int, ...]]
) -> None:
    with feature_maps(network) as maps:
        network(IMAGES)
    assert [tuple(feature.tensor.shape) for feature in maps] == shapes
    assert [feature.block for feature in maps] == (names or ["input of 1", "1", "3"])


def test_a_block_that_returns_several_tensors_gives_its_first() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.conv(x), x.new_zeros(1)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pairs = nn.ModuleList([Pair(), Pair()])

        def forward(self, x: Tensor) -> Tensor:
            for pair in self.pairs:
                x, _ = pair(x)
            return x.mean((2, 3))

    network = Network()
    with feature_maps(network) as maps:
        network(IMAGES)
    assert [feature.block for feature in maps] == ["pairs.0", "pairs.1"]


def test_no_hook_stays_behind() -> None:
    network = ResNet()
    with feature_maps(network) as maps:
        network(IMAGES)
    network(IMAGES)
    assert len(maps) == 4
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_tokens_and_vectors_get_channels_first() -> None:
    tokens = torch.arange(24.0).reshape(1, 2, 12)
    assert channels_first(tokens).shape == (1, 12, 2, 1)
    assert channels_first(tokens)[0, 5, 1, 0] == tokens[0, 1, 5]
    assert channels_first(tokens[:, 0]).shape == (1, 12, 1, 1)
