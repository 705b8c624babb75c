"""Maps in either order of memory have the same content; a network that needs the standard order is passed it."""

from __future__ import annotations

import pytest
import torch
from networks import batch
from torch import Tensor, nn

import proxybench as pb
from proxybench.proxies.memory_order import as_rows, over_positions

MAPS = torch.arange(120.0).reshape(2, 3, 4, 5)
TOGETHER = MAPS.contiguous(memory_format=torch.channels_last)


def test_positions_are_a_view() -> None:
    assert torch.equal(over_positions(TOGETHER), MAPS.flatten(2))
    assert over_positions(TOGETHER).data_ptr() == TOGETHER.data_ptr()


def test_rows_have_the_same_values() -> None:
    assert torch.equal(as_rows(MAPS), MAPS.flatten(1))
    assert torch.equal(as_rows(TOGETHER).sort(1).values, MAPS.flatten(1))
    assert as_rows(TOGETHER).data_ptr() == TOGETHER.data_ptr()


class Views(nn.Module):
    """Takes maps only in the standard order of memory."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Linear(256, 10)

    def forward(self, images: Tensor) -> Tensor:
        maps = torch.relu(self.norm(self.convolution(images)))
        logits: Tensor = self.head(self._flat(maps))
        return logits

    def _flat(self, maps: Tensor) -> Tensor:
        return maps.view(len(maps), -1)


class Reshapes(Views):
    """The same, in any order."""

    def _flat(self, maps: Tensor) -> Tensor:
        return maps.reshape(len(maps), -1)


def test_a_network_that_views_its_maps_has_the_same_scores() -> None:
    torch.manual_seed(0)
    views, reshapes = Views(), Reshapes()
    reshapes.load_state_dict(views.state_dict())
    images, labels = batch(8)
    one, other = (pb.score(network, images, labels) for network in (views, reshapes))
    assert one.reasons == other.reasons
    assert dict(one) == pytest.approx(dict(other), rel=5e-3, nan_ok=True)  # GraSP's sum cancels


def test_an_error_of_the_network_is_not_taken_for_a_refusal() -> None:
    class Fails(Views):
        def _flat(self, maps: Tensor) -> Tensor:
            raise RuntimeError("own error")

    with pytest.raises(ValueError, match="own error"):
        pb.score(Fails(), *batch(4))
