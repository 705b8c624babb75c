"""The FBNet space: the graph of an architecture, other spellings, what is refused."""

from __future__ import annotations

import pytest

from proxybench.errors import InvalidArchitecture
from proxybench.spaces.fbnet import BLOCKS, LAYER_CHANNELS, FBNet

SPACE = FBNet()
NUMBERS = [int(number) for number in SPACE.example.split("_")]


def test_the_graph_is_the_chain_of_layers() -> None:
    arch = SPACE.parse(SPACE.example)
    assert arch.ops[1:5] == ("k5_e6", "skip", "k3_e1_g2", "skip")
    assert dict(arch.attrs)["channels"][1:-1] == LAYER_CHANNELS
    assert LAYER_CHANNELS[:6] == (16, 24, 24, 24, 24, 32)
    assert SPACE.numbers(arch) == tuple(NUMBERS)


@pytest.mark.parametrize("given", [NUMBERS, tuple(NUMBERS), str(NUMBERS), {"op_idx_list": NUMBERS, "num_classes": 100}])
def test_published_forms_are_read(given: object) -> None:
    assert SPACE.format(SPACE.parse(given)) == SPACE.example


@pytest.mark.parametrize("given", [NUMBERS[:-1], [*NUMBERS[:-1], 9], "7_8", SPACE.example + "_1", [-1, *NUMBERS[1:]]])
def test_others_are_refused(given: object) -> None:
    with pytest.raises(InvalidArchitecture):
        SPACE.parse(given)


def test_neighbours_change_one_of_22_layers() -> None:
    assert len(SPACE.neighbours(SPACE.parse(SPACE.example))) == 22 * (len(BLOCKS) - 1)
