"""The AutoFormer-Ti space: its size, its texts and the published dictionaries."""

from __future__ import annotations

import pytest

from proxybench.errors import InvalidArchitecture
from proxybench.spaces.autoformer import AutoFormerTiny

SPACE = AutoFormerTiny()
PUBLISHED = {"hidden_dim": 216, "depth": 12, "num_heads": [3, 4] * 6, "mlp_ratio": [3.5, 4.0, 4.0] * 4}
TEXT = "c216-" + "-".join(["h3r3.5", "h4r4", "h3r4", "h4r3.5", "h3r4", "h4r4"] * 2)


def test_the_space_has_as_many_networks_as_it_says() -> None:
    assert 3 * (4**12 + 4**13 + 4**14) == 1_056_964_608
    assert "1,056,964,608 networks" in (AutoFormerTiny.__doc__ or "")


def test_a_published_dictionary_is_an_architecture() -> None:
    arch = SPACE.parse(PUBLISHED)
    assert SPACE.format(arch) == TEXT
    assert SPACE.parse(str(PUBLISHED)) == arch
    assert arch.ops[1:5] == ("attention_h3", "mlp_r3.5", "attention_h4", "mlp_r4")
    assert set(dict(arch.attrs)["channels"][1:-1]) == {216}


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_dim": 200},
        {"depth": 11},
        {"num_heads": [3] * 11 + [5]},
        {"num_heads": [3] * 13},
        {"mlp_ratio": [3.5] * 11 + [3.0]},
        {"mlp_ratio": [3.5] * 11 + ["4"]},
        {"mlp_ratio": 4.0},
        {"patch": 16},
    ],
)
def test_other_dictionaries_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidArchitecture):
        SPACE.parse(PUBLISHED | change)


def test_only_one_text_names_an_architecture() -> None:
    for text in (
        TEXT.replace("r4-", "r4.0-"),
        TEXT.replace("r3.5", "r3.50"),
        TEXT.replace("c216", "c0216"),
        TEXT.replace("h3", "h03"),
    ):
        with pytest.raises(InvalidArchitecture):
            SPACE.parse(text)
