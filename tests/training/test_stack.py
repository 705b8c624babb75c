"""What cannot be trained several at once is refused, not trained wrongly."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch
from torch import Tensor, nn

from proxybench.errors import ProxybenchError
from proxybench.networks.base import Network
from proxybench.training.stack import stack


class Tiny(Network):
    """A network around one layer, and a function of its maps."""

    def __init__(self, layer: nn.Module, mix: bool = False) -> None:
        super().__init__()
        self.layer, self.mix = layer, mix
        self.classifier = nn.Linear(2, 3)

    def features(self, images: Tensor) -> Tensor:
        maps = self.layer(images)
        return maps - maps.mean(dim=1, keepdim=True) if self.mix else maps

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).mean((2, 3)))


IMAGES = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0))


def test_a_layer_that_is_not_known_is_named() -> None:
    with pytest.raises(ProxybenchError, match="layer is a GroupNorm"):
        stack([Tiny(nn.GroupNorm(1, 2)) for _ in range(2)], IMAGES)


def test_a_padding_that_is_not_of_zeros_is_refused() -> None:
    with pytest.raises(ProxybenchError, match="layer is a convolution with padding other than"):
        stack([Tiny(nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect")) for _ in range(2)], IMAGES)


def test_a_network_that_mixes_channels_is_refused() -> None:
    with pytest.raises(ProxybenchError, match="Tiny mixes channels"):
        stack([Tiny(nn.Conv2d(2, 2, 1), mix=True) for _ in range(2)], IMAGES)


def test_each_seed_has_its_own_weights() -> None:
    made = [Tiny(nn.Conv2d(2, 2, 3, padding=1)) for _ in range(3)]
    stacked = stack(made, IMAGES)
    logits = stacked(IMAGES[:, None].expand(-1, 3, -1, -1, -1))
    for seed, network in enumerate(made):
        torch.testing.assert_close(logits[seed], network(IMAGES))


@pytest.mark.parametrize("kernel", [1, 3])
def test_relu_is_done_by_the_layer_next_to_it(kernel: int) -> None:
    def make(seed: int) -> Tiny:
        torch.manual_seed(seed)
        first, second = nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.Conv2d(4, 2, kernel, bias=False)
        network = Tiny(nn.Sequential(first, nn.BatchNorm2d(4), nn.ReLU(), nn.ReLU(), second))
        nn.init.normal_(network.get_parameter("layer.1.bias"))
        return network

    made = [make(seed) for seed in range(3)]
    stacked = stack(made, IMAGES)
    assert not any(isinstance(module, nn.ReLU) for module in stacked.modules())
    images = torch.randn(5, 2, 4, 4)
    torch.autograd.backward(stacked(images[:, None].expand(-1, 3, -1, -1, -1)).square().sum())
    torch.autograd.backward(torch.stack([network(images) for network in made]).square().sum())
    own = [network.get_parameter("layer.0.weight").grad for network in made]
    joined = stacked.network.get_parameter("layer.0.weight").grad
    torch.testing.assert_close(joined, torch.cat([gradient for gradient in own if gradient is not None]))
