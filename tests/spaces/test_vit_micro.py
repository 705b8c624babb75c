"""Small vision transformers: the graph of an architecture, what is refused, sampling and neighbours."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from proxybench.errors import InvalidArchitecture
from proxybench.spaces.vit_micro import CHANNELS, DEPTHS, HEADS, RATIOS, ViTMicro

SPACE = ViTMicro()


def test_the_graph_is_the_chain_of_the_layers_that_are_there() -> None:
    arch = SPACE.parse("c32-h2r4-h4r1")
    assert arch.ops == ("input", "attention_h2", "mlp_r4", "attention_h4", "mlp_r1", "output")
    assert arch.edges == ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5))
    assert dict(arch.attrs) == {"channels": (0, 32, 32, 32, 32, 0)}
    assert SPACE.choices(arch) == (32, [(2, 4), (4, 1)])


def test_the_space_has_as_many_networks_as_it_says() -> None:
    assert 3 * (9**2 + 9**3 + 9**4 + 9**5 + 9**6) == 1_793_583
    assert "1,793,583 networks" in (ViTMicro.__doc__ or "")
    assert (len(CHANNELS), DEPTHS, len(HEADS) * len(RATIOS)) == (3, (2, 3, 4, 5, 6), 9)


def test_all_shallowest_architectures_have_texts_and_digests_of_their_own() -> None:
    layers = list(product(HEADS, RATIOS))
    archs = [SPACE.build_graph(width, list(pair)) for width in CHANNELS for pair in product(layers, layers)]
    assert len(archs) == 243
    assert len({SPACE.format(arch) for arch in archs}) == len({SPACE.digest(arch) for arch in archs}) == 243


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("c32-h2r4", "1 layers are not among 2, 3, 4, 5, 6"),
        ("-".join(["c32", *["h1r1"] * 7]), "7 layers are not among"),
        ("c40-h1r1-h1r1", "40 channels are not among 32, 48, 64"),
        ("c32-h3r1-h1r1", "heads 3 of layer 0 is not one of 1, 2, 4"),
        ("c32-h1r1-h1r3", "MLP ratio 3 of layer 1 is not one of 1, 2, 4"),
        ("c32-h1r1-", "joined by hyphens"),
        ("h1r1-h1r1", "joined by hyphens"),
    ],
)
def test_what_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidArchitecture, match=reason):
        SPACE.parse(text)


def test_depths_of_a_sample_are_uniform() -> None:
    depths = Counter(len(SPACE.choices(arch)[1]) for arch in SPACE.sample(200, 0))
    # the deviation of a binomial count of 200 with p = 1 / 5 is 5.7; about one in ten of the shallowest repeats
    assert all(20 < depths[depth] < 60 for depth in DEPTHS)
    with pytest.raises(ValueError, match="0 to 100,000"):
        SPACE.sample(100_001, 0)


@pytest.mark.parametrize(("text", "count"), [("c32-h1r1-h1r1", 2 + 8 + 9), ("c32" + "-h1r1" * 6, 2 + 24 + 1)])
def test_neighbours_differ_by_one_choice_or_the_last_layer(text: str, count: int) -> None:
    neighbours = [SPACE.format(arch) for arch in SPACE.neighbours(SPACE.parse(text))]
    assert len(neighbours) == count
    assert "c48" + text[3:] in neighbours
    assert text[:-2] + "r4" in neighbours
    assert (text + "-h4r2" in neighbours) == (count == 19)
    assert (text.removesuffix("-h1r1") in neighbours) == (count == 27)
