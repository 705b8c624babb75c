"""Layers that are counted from shapes count as if they had been run, in every space's networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from proxybench.networks import NETWORKS, build
from proxybench.networks.counts import count_flops, count_work
from proxybench.spaces import get_space
from proxybench.spaces.chain import chain_attr


class Looks(nn.Module):
    """Looks at a value of the logits, so that everything has to be computed."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits if float(logits.sum()) > 0 else -logits


@pytest.mark.parametrize("space", sorted(NETWORKS))
def test_networks_of_every_space(space: str) -> None:
    tokens = space.startswith(("gpt", "flexibert"))
    archs = get_space(space).sample(20 if tokens else 1, 0)
    arch = min(archs, key=lambda arch: len(arch) * max(chain_attr(arch, "channels"))) if tokens else archs[0]
    shape = (3, 64, 64) if space in ("autoformer-tiny", "pit") else (3, 32, 32)
    network = build(arch) if tokens else build(arch, None, shape)
    image = torch.zeros((1, 16), dtype=torch.long) if tokens else torch.zeros(1, *shape)
    shapes = count_work(network, tuple(image.shape[1:]), image=image)
    computed = count_work(Looks(network), tuple(image.shape[1:]), image=image)
    assert {f"network.{name}" if name else "network": work for name, work in shapes.items()} == computed
    assert not any("forward" in vars(module) for module in network.modules())


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(0, 1), dilation=(1, 2), groups=2), (4, 9, 8)),
        (nn.Conv1d(4, 6, 3, padding=1), (4, 8)),
        (nn.Conv3d(1, 2, 3), (1, 4, 5, 6)),
        (nn.Conv2d(4, 4, 3, padding="same"), (4, 9, 8)),
        (nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), (4, 9, 8)),
        (nn.BatchNorm1d(5), (5,)),
        (nn.BatchNorm2d(4, track_running_stats=False), (4, 9, 8)),
        (nn.BatchNorm3d(2, affine=False), (2, 3, 4, 5)),
        (nn.LayerNorm((4, 5)), (3, 4, 5)),
        (nn.Linear(5, 3, bias=False), (2, 5)),
        (nn.AvgPool2d(3, stride=2, ceil_mode=True), (4, 8, 8)),
        (nn.MaxPool2d((3, 2), stride=(2, 3), padding=1, dilation=(2, 1)), (4, 9, 8)),
        (nn.AdaptiveAvgPool2d((2, None)), (4, 9, 8)),
        (nn.AdaptiveAvgPool2d((2, 3)), (4, 9, 8)),
        *((activation, (4, 9)) for activation in (nn.ReLU6(), nn.GELU(), nn.SiLU(), nn.Hardswish(), nn.Hardsigmoid())),
        *((activation, (4, 9)) for activation in (nn.Sigmoid(), nn.Tanh(), nn.Dropout(), nn.Identity())),
    ],
    ids=repr,
)
def test_a_layer_alone(layer: nn.Module, shape: tuple[int, ...]) -> None:
    # The last layer sees the shape of what the first one returns.
    sizes = layer.eval()(torch.zeros(1, *shape)).shape
    network = nn.Sequential(layer, nn.Flatten(), nn.Linear(sizes[1:].numel(), 2))
    counted = count_work(network, shape)
    assert {f"network.{name}": work for name, work in counted.items()} == count_work(Looks(network), shape)


def test_a_change_of_shape_in_place_does_not_reach_other_layers() -> None:
    class Squeezes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Conv2d(3, 8, 8), nn.Conv2d(3, 8, 8)
            self.head = nn.Linear(8, 4)

        def forward(self, images: Tensor) -> Tensor:
            maps = [self.one(images), self.other(images)]
            logits: Tensor = self.head(maps[0].squeeze_(3).squeeze_(2)) + maps[1].mean((2, 3))[:, :4]
            return logits

    assert count_flops(Squeezes(), (3, 8, 8), rule="nats-bench").total == 2 * (8 * 3 * 64 + 8) + 8 * 4 + 4
