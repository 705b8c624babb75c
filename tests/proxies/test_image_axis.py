"""Which axis holds the images is asked of the network: the same features in another order have the same scores."""

from __future__ import annotations

import pytest
import torch
from networks import odd
from torch import Tensor, nn

import proxybench as pb
from proxybench.proxies import PROXIES
from proxybench.proxies.base import NoAnswer
from proxybench.proxies.functions import Functions
from proxybench.proxies.image_axis import ImageAxis, SeenTensors, image_axes, is_clear
from proxybench.proxies.probe import Probe

NAMES = ["nwot", "swap", "fisher", "l_swag", "t_cet", "linear_regions", "gradsign", "zico"]


class Tokens(nn.Module):
    """Patches of 4 x 4 pixels through a linear layer, in an order of axes that does not change what is computed."""

    def __init__(self, order: str) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 4, stride=4)
        self.mix = nn.Linear(12, 12)
        self.last = nn.Linear(12, 10)
        self.order = order

    def forward(self, images: Tensor) -> Tensor:
        x = self.patches(images).permute(0, 2, 3, 1)
        n, height, width, channels = x.shape
        if self.order == "tokens":
            return self.last(self.mix(x.flatten(1, 2)).relu().mean(1))
        if self.order == "tokens first":
            return self.last(self.mix(x.flatten(1, 2).transpose(0, 1)).relu().mean(0))
        if self.order == "map with the images in the middle":
            return self.last(self.mix(x.permute(1, 0, 2, 3)).relu().mean((0, 2)))
        if self.order == "all tokens in a row, images last":
            rows = x.permute(1, 2, 0, 3).reshape(-1, channels)
            return self.last(self.mix(rows).relu().view(height * width, n, channels).mean(0))
        if self.order == "windows":
            windows = x.view(n, height // 2, 2, width // 2, 2, channels).permute(0, 1, 3, 2, 4, 5)
            mixed = self.mix(windows.reshape(-1, 4, channels)).relu()
            return self.last(mixed.view(n, -1, channels).mean(1))
        windows = x.view(n, height // 2, 2, width // 2, 2, channels).permute(1, 3, 0, 2, 4, 5)
        mixed = self.mix(windows.reshape(-1, 4, channels)).relu()
        return self.last(mixed.view(-1, n, 4, channels).mean((0, 2)))


ORDERS = [
    "tokens first",
    "map with the images in the middle",
    "all tokens in a row, images last",
    "windows",
    "windows, images in the middle",
]


@pytest.mark.parametrize("images", [4, 5, 16], ids=["as many as rows and as a window", "other", "as many as tokens"])
@pytest.mark.parametrize("order", ORDERS)
def test_the_order_of_axes_does_not_matter(order: str, images: int) -> None:
    found = []
    for kind in ("tokens", order):
        torch.manual_seed(0)
        network = Tokens(kind)
        batch = torch.randn(images, 3, 16, 16, generator=torch.Generator().manual_seed(1))
        found.append(pb.score(network, batch, torch.arange(images) % 10, proxies=NAMES))
    assert found[1] == pytest.approx(found[0], rel=1e-4)


@pytest.mark.parametrize(
    ("axis", "shape", "expected"),
    [
        (ImageAxis(0), (6, 5), (6, 1, 5)),
        (ImageAxis(0, 1, 2), (12, 4, 5), (6, 2, 4, 5)),
        (ImageAxis(0, 2, 1), (12, 4, 5), (6, 2, 4, 5)),
        (ImageAxis(1), (4, 6, 5), (6, 1, 4, 5)),
        (ImageAxis(2, 2, 3), (4, 5, 36), (6, 6, 4, 5)),
    ],
)
def test_images_come_first(axis: ImageAxis, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    # Each entry says which image it belongs to.
    size = shape[axis.axis]
    owner = (torch.arange(size) // axis.inner) % 6
    values = owner.view([-1 if place == axis.axis else 1 for place in range(len(shape))]).expand(shape)
    ordered = axis.first(values, 6)
    assert tuple(ordered.shape) == expected
    assert all((ordered[image] == image).all() for image in range(6))


def test_an_axis_of_another_length_is_no_answer() -> None:
    with pytest.raises(NoAnswer, match=r"shape \(5, 4\) does not say"):
        ImageAxis(0).first(torch.zeros(5, 4), 6)


@pytest.mark.parametrize(
    ("shape", "moved", "clear"),
    [
        ((6, 6, 4), False, True),
        ((6, 6, 4), True, False),
        ((6, 5, 4), True, True),
        ((12, 5), False, False),
        ((), False, False),
    ],
)
def test_a_shape_is_clear_where_only_the_first_axis_can_hold_the_images(
    shape: tuple[int, ...], moved: bool, clear: bool
) -> None:
    assert is_clear(shape, 6, move_axes=moved) is clear


def test_the_network_is_not_asked_where_shapes_are_clear() -> None:
    seen = SeenTensors(6)
    seen.add(torch.zeros(6, 5), Functions())

    def never() -> list[ImageAxis]:
        raise AssertionError

    assert seen.by_image(never)[0].shape == (6, 1, 5)


def test_the_axis_is_where_entries_move() -> None:
    network, images, labels = odd("tokens first")
    axes = image_axes(Probe(network, images, labels))
    # patches [n, c, h, w]; attention is watched with the images first, the perceptron is [tokens, n, c]
    found = [[axis.axis for axis in of_layer] for of_layer in axes.outputs]
    assert found == [[0], [0], [0], [1], [1], [0]]
    assert [axis.axis for axis in axes.rectifiers] == [1]


def test_a_network_whose_images_meet_says_that_it_does_not_know() -> None:
    class Meeting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(4, 4)
            self.last = nn.Linear(4, 4)

        def forward(self, images: Tensor) -> Tensor:
            x = self.first(images.flatten(1).unsqueeze(0).expand(8, -1, -1))
            return self.last((x - x.mean()).relu().mean(0))

    images = torch.randn(8, 1, 2, 2)
    found = Probe(Meeting(), images, torch.arange(8) % 4).run([PROXIES["nwot"], PROXIES["params"]])
    assert "does not say what belongs to which image" in found.unanswered["nwot"]
    assert found.values["params"] == 40
