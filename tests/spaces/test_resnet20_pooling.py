"""Pooling configurations of ResNet-20: all 36, the authors' order, what is refused."""

from __future__ import annotations

import pytest

from proxybench.errors import InvalidArchitecture
from proxybench.spaces.resnet20_pooling import ResNet20Pooling

SPACE = ResNet20Pooling()


def test_the_order_is_that_of_the_published_enumeration() -> None:
    texts = [SPACE.format(arch) for arch in SPACE]
    assert len(set(texts)) == 36
    assert texts[:2] == ["0110000000", "0101000000"]
    assert texts[-1] == "0000000011"
    assert len({SPACE.digest(arch) for arch in SPACE}) == 36


def test_the_graph_labels_the_blocks_after_pooling() -> None:
    arch = SPACE.parse((0, 0, 0, 0, 1, 0, 0, 1, 0, 0))
    assert arch.ops == ("input", *["block"] * 3, "pool_block", *["block"] * 2, "pool_block", *["block"] * 2, "output")
    assert SPACE.places(arch) == (3, 6)


def test_neighbours_move_one_pooling() -> None:
    neighbours = [SPACE.places(arch) for arch in SPACE.neighbours(SPACE.parse("0000100100"))]
    assert len(neighbours) == 2 * 7
    assert all(len({3, 6} & set(places)) == 1 for places in neighbours)


@pytest.mark.parametrize("text", ["1100000000", "0100000000", "0111000000", "0110"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidArchitecture):
        SPACE.parse(text)
