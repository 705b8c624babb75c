"""Neighbours of many cells at once are those of each cell."""

from __future__ import annotations

import numpy as np
import pytest

from proxybench.spaces import get_space
from proxybench.spaces.nasbench101_neighbours import neighbour_table

SPACE = get_space("nasbench101")


def test_neighbours_are_those_of_the_space_that_are_among_the_cells() -> None:
    # Cells and some of their neighbours: a cell has neighbours inside and outside of the list.
    first = SPACE.sample(6, seed=0)
    cells = SPACE.from_hashes(
        sorted({SPACE.hash(one) for arch in first for one in [arch, *SPACE.neighbours(arch)[::2]]})
    )
    row = {SPACE.hash(arch): number for number, arch in enumerate(cells)}
    starts, others = neighbour_table(cells)
    assert (starts[0], starts[-1], len(starts)) == (0, len(others), len(cells) + 1)
    for number in np.linspace(0, len(cells) - 1, 20).astype(int).tolist():
        near = [SPACE.hash(one) for one in SPACE.neighbours(cells[number])]
        assert others[starts[number] : starts[number + 1]].tolist() == sorted(row[one] for one in near if one in row)


def test_another_operation_is_a_neighbour_and_a_vertex_in_place_of_an_edge_is_none() -> None:
    # A vertex is inserted next to the edge from input to output, which stays: two changes from the first cell.
    cells = [
        SPACE.parse("0100:input,output"),
        SPACE.parse("010001000:input,conv3x3-bn-relu,output"),
        SPACE.parse("010001000:input,conv1x1-bn-relu,output"),
    ]
    starts, others = neighbour_table(cells)
    assert [others[starts[i] : starts[i + 1]].tolist() for i in range(3)] == [[], [2], [1]]


def test_isomorphic_cells_are_refused() -> None:
    arch = SPACE.parse("0110000100010000:input,conv3x3-bn-relu,maxpool3x3,output")
    other = SPACE.parse("0110000100010000:input,maxpool3x3,conv3x3-bn-relu,output")
    with pytest.raises(ValueError, match="same hash"):
        neighbour_table([arch, other])
