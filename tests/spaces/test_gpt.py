"""The spaces of HW-GPT-Bench: biases, the published dictionaries, what is refused."""

from __future__ import annotations

import pytest

from proxybench.errors import InvalidArchitecture
from proxybench.spaces import get_space
from proxybench.spaces.gpt import GPTSmall

SPACE = GPTSmall()
PUBLISHED = {
    "sample_embed_dim": 384,
    "sample_n_layer": 10,
    "sample_layer_indices": list(range(10)),
    "sample_n_head": [4, 8] * 6,
    "sample_mlp_ratio": [2, 3, 4] * 4,
    "sample_bias": False,
}
TEXT = "c384b0-h4r2-h8r3-h4r4-h8r2-h4r3-h8r4-h4r2-h8r3-h4r4-h8r2"


def test_a_published_dictionary_is_an_architecture() -> None:
    arch = SPACE.parse(PUBLISHED)
    assert SPACE.format(arch) == TEXT
    assert SPACE.parse(str(PUBLISHED)) == arch
    assert arch.ops[1:3] == ("attention_h4", "mlp_r2")
    assert dict(arch.attrs)["bias"] == (0,) * 22
    assert (SPACE.bias(arch), SPACE.bias(SPACE.parse(TEXT.replace("b0", "b1")))) == (0, 1)


def test_lists_beyond_the_depth_make_no_difference() -> None:
    other = PUBLISHED | {"sample_n_head": [*PUBLISHED["sample_n_head"][:10], 12, 12]}
    assert SPACE.parse(other) == SPACE.parse(PUBLISHED)


@pytest.mark.parametrize(
    "change",
    [
        {"sample_embed_dim": 512},
        {"sample_n_layer": 9},
        {"sample_n_layer": 11},
        {"sample_layer_indices": [*range(9), 10]},
        {"sample_n_head": [5] * 12},
        {"sample_n_head": [4] * 11},
        {"sample_mlp_ratio": [2.0] * 12},
        {"sample_bias": 1},
        {"vocabulary": 5},
    ],
)
def test_other_dictionaries_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidArchitecture):
        SPACE.parse(PUBLISHED | change)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("gpt-s", TEXT.replace("b0", ""), "must say whether there are biases"),
        ("gpt-m", TEXT, "384 channels"),
        ("vit-micro", "c48b1-h2r4-h4r1", "no choice of biases"),
    ],
)
def test_biases_are_stated_where_they_are_a_choice(name: str, text: str, reason: str) -> None:
    with pytest.raises(InvalidArchitecture, match=reason):
        get_space(name).parse(text)


def test_the_other_bias_is_a_neighbour() -> None:
    neighbours = [SPACE.format(arch) for arch in SPACE.neighbours(SPACE.parse(TEXT))]
    assert TEXT.replace("b0", "b1") in neighbours
    assert len(neighbours) == 1 + 2 + 10 * 4 + 9
