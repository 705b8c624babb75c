"""The PiT space: its size, the graph of an architecture, and the published dictionaries."""

from __future__ import annotations

import pytest

from proxybench.errors import InvalidArchitecture
from proxybench.spaces.pit import PiT

SPACE = PiT()
PUBLISHED = {"base_dim": 16, "mlp_ratio": 6, "depth": [1, 4, 2], "num_heads": [2, 4, 4]}


def test_the_space_has_4320_networks_with_texts_of_their_own() -> None:
    assert len(SPACE) == 4 * 4 * 3**3 * 10 == 4_320
    assert len({SPACE.format(arch) for arch in SPACE}) == 4_320


def test_the_graph_is_the_chain_of_layers_and_poolings() -> None:
    arch = SPACE.parse(PUBLISHED)
    assert SPACE.format(arch) == "b16-r6-d1h2-d4h4-d2h4"
    layers = [["attention_h2", "mlp_r6"], ["attention_h4", "mlp_r6"] * 4, ["attention_h4", "mlp_r6"] * 2]
    assert arch.ops == ("input", *layers[0], "pool", *layers[1], "pool", *layers[2], "output")
    assert dict(arch.attrs)["channels"] == (0, *[32] * 2, *[64] * 14, 0)
    assert SPACE.stages(arch) == (16, 6, [(1, 2), (4, 4), (2, 4)])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"base_dim": 20}, "channels per head 20"),
        ({"mlp_ratio": 3}, "MLP ratio 3"),
        ({"depth": [1, 5, 2]}, "depth of stage 1 5"),
        ({"num_heads": [4, 2, 8]}, "fewer heads than the one before"),
        ({"num_heads": [2, 4, 6]}, "heads of stage 2 6"),
        ({"depth": [1, 4]}, "not a string or a value"),
        ({"depth": [1, 4], "num_heads": [2, 4]}, "three stages"),
        ({"mlp_ratio": 6.0}, "not a string or a value"),
    ],
)
def test_other_dictionaries_are_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidArchitecture, match=reason):
        SPACE.parse(PUBLISHED | change)
