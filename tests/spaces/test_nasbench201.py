"""NAS-Bench-201: its counts, its text form, and the published simplification on cells worked out by hand."""

from __future__ import annotations

import pytest

from predictors.arch import ArchGraph
from proxybench.errors import InvalidArchitecture
from proxybench.spaces import get_space

SPACE = get_space("nasbench201")
BEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"


def expression(text: str) -> str:
    return SPACE.expression(SPACE.parse(text))


def test_15625_cells_of_6466_functions() -> None:
    assert len(SPACE) == 15_625
    assert len({SPACE.format(cell) for cell in SPACE}) == 15_625
    assert len({SPACE.digest(cell) for cell in SPACE}) == 6_466


def test_the_line_graph_of_a_cell() -> None:
    cell = SPACE.parse(BEST)
    assert cell.ops == (
        *("input", "nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3"),
        *("skip_connect", "nor_conv_3x3", "nor_conv_1x1", "output"),
    )
    # Nodes 1-6 are the edges (0,1) (0,2) (1,2) (0,3) (1,3) (2,3): (0,1) feeds (1,2) and (1,3), and so on.
    assert cell.edges == ((0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 6), (3, 6), (4, 7), (5, 7), (6, 7))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", "#+#+#"),
        ("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|", "#+#+0"),
        ("|skip_connect~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|", "#+#+0"),
        (
            "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|avg_pool_3x3~2|",
            "#+(#+(0)@nor_conv_1x1)@avg_pool_3x3+0",
        ),
    ],
)
def test_the_simplification_by_hand(text: str, expected: str) -> None:
    assert expression(text) == expected


def test_neighbours_change_one_of_six_operations() -> None:
    neighbours = SPACE.neighbours(SPACE.parse(BEST))
    assert len(neighbours) == 24
    for other in neighbours:
        assert sum(one != two for one, two in zip(other.ops, SPACE.parse(BEST).ops, strict=True)) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BEST.replace("nor_conv_1x1", "nor_conv_5x5"), "operation 'nor_conv_5x5' is not one of"),
        (BEST[:-1], "not of the form"),
        (BEST + "|none~3|", "not of the form"),
        (BEST.replace("~2", "~1"), "not of the form"),
        ("64-41414-1_02_333", "not of the form"),
        ("x" * 20_000, "more than the limit"),
    ],
)
def test_what_is_no_cell_says_why(text: str, reason: str) -> None:
    with pytest.raises(InvalidArchitecture, match=reason):
        SPACE.parse(text)


def test_another_graph_is_refused() -> None:
    cell = SPACE.parse(BEST)
    for bad in (
        ArchGraph("nasbench201", cell.ops, cell.edges[1:]),
        ArchGraph("nasbench201", ("output", *cell.ops[1:]), cell.edges),
        ArchGraph("darts", cell.ops, cell.edges),
    ):
        with pytest.raises(InvalidArchitecture):
            SPACE.format(bad)
        assert bad not in SPACE
