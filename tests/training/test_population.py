"""Which architectures are trained: all different, the first ones the same for any number."""

from __future__ import annotations

import pytest

from proxybench.errors import ProxybenchError
from proxybench.spaces import get_space
from proxybench.sweeps.selection import items_of
from proxybench.training.population import population

SIZES = {"width": 4, "depth": 3}


@pytest.mark.parametrize(("space", "sizes"), [("nasbench101", {}), ("nasbench201", {}), ("nds-darts", SIZES)])
def test_more_architectures_begin_with_the_same_ones_and_no_digest_is_there_twice(
    space: str, sizes: dict[str, int]
) -> None:
    few, _ = population(get_space(space), 5, 0, sizes)
    more, _ = population(get_space(space), 150, 0, sizes)
    assert more.num_rows == 150
    assert more.slice(0, 5).equals(few)
    assert len(set(more.column("digest").to_pylist())) == 150
    for digest, text in few.select(["digest", "arch"]).to_pandas().itertuples(index=False):
        assert get_space(space).digest(get_space(space).parse(text)) == digest


def test_cells_of_nasbench101_are_the_first_by_their_hash() -> None:
    items, _ = population(get_space("nasbench101"), 20)
    hashes = items.column("digest").to_pylist()
    assert hashes == sorted(hashes)
    assert hashes[-1] < "0006"  # 20 of 423,624 cells: about three of 65,536 beginnings of four digits
    space = get_space("nasbench101")
    assert items.column("arch")[7].as_py() == space.format(space[7])


def test_architectures_of_nasbench201_are_those_of_a_sweep_over_the_space() -> None:
    space = get_space("nasbench201")
    items, _ = population(space, 6466)
    assert items.equals(items_of(space, space))
    with pytest.raises(ProxybenchError, match="only 6466 different architectures; 6467 were requested"):
        population(space, 6467)


def test_all_of_an_nds_space_have_the_width_and_depth_requested() -> None:
    space = get_space("nds-darts")
    texts = population(space, 70, 0, SIZES)[0].column("arch").to_pylist()
    assert all(text.endswith(" width=4 depth=3") for text in texts)
    other_depth = population(space, 70, 0, {"width": 4, "depth": 5})[0].column("arch").to_pylist()
    assert [text.replace("depth=3", "depth=5") for text in texts] == other_depth


def test_small_widths_represent_those_of_the_space_in_their_order() -> None:
    space = get_space("nds-darts")
    drawn = population(space, 70)[0].column("arch").to_pylist()
    small = population(space, 70, 0, {"width": (2, 3, 4), "depth": (3, 3, 4, 5, 6)})[0].column("arch").to_pylist()
    widths, depths = {16: 2, 24: 3, 32: 4}, {4: 3, 8: 3, 12: 4, 16: 5, 20: 6}
    cells = {text[: text.index(" width")]: text for text in small}
    assert len(cells) == 70
    for text in drawn:
        _, width, depth = space.genotype(space.parse(text))
        of_cells = text[: text.index(" width")]
        assert cells[of_cells] == f"{of_cells} width={widths[width]} depth={depths[depth]}"


def test_other_numbers_of_widths_than_the_space_draws_are_refused() -> None:
    with pytest.raises(
        ProxybenchError, match=r"width must be one number, or 3 that replace \[16, 24, 32\]; not \[2, 4\]"
    ):
        population(get_space("nds-darts"), 5, 0, {"width": (2, 4)})


def test_another_seed_draws_others() -> None:
    space = get_space("nds-darts")
    one, other = (population(space, 30, seed)[0].column("digest").to_pylist() for seed in (0, 1))
    assert not set(one) & set(other)


def test_width_and_depth_are_refused_where_architectures_have_none() -> None:
    with pytest.raises(ProxybenchError, match="have no width and depth; give the network options"):
        population(get_space("nasbench201"), 5, 0, SIZES)
