"""The once-for-all MobileNetV3 space: present blocks only, published dictionaries, neighbours."""

from __future__ import annotations

import pytest

from proxybench.errors import InvalidArchitecture
from proxybench.spaces.ofa_mobilenetv3 import OFAMobileNetV3

SPACE = OFAMobileNetV3()
PUBLISHED = {"ks": [3, 5, 7, 7] * 5, "e": [3, 4, 6, 6] * 5, "d": [2, 3, 2, 4, 2], "r": 204}
STAGES = ["k3e3.k5e4", "k3e3.k5e4.k7e6", "k3e3.k5e4", "k3e3.k5e4.k7e6.k7e6", "k3e3.k5e4"]
TEXT = "r204:" + "-".join(STAGES)


def test_the_graph_is_the_chain_of_present_blocks() -> None:
    arch = SPACE.parse(TEXT)
    assert arch.ops[1:6] == ("mbconv_k3_e3", "mbconv_k5_e4", "mbconv_k3_e3", "mbconv_k5_e4", "mbconv_k7_e6")
    attrs = dict(arch.attrs)
    assert attrs["channels"][1:-1] == (24, 24, 40, 40, 40, 80, 80, 112, 112, 112, 112, 160, 160)
    assert set(attrs["resolution"][1:-1]) == {204}


def test_published_dictionaries_are_read() -> None:
    for given in (PUBLISHED, str(PUBLISHED), PUBLISHED | {"r": [204], "wid": None}):
        assert SPACE.format(SPACE.parse(given)) == TEXT


def test_what_a_shallow_network_does_not_use_makes_no_difference() -> None:
    other = PUBLISHED | {"ks": [3, 5, 7, 3, *PUBLISHED["ks"][4:]]}
    assert SPACE.parse(other) == SPACE.parse(PUBLISHED)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"r": 206}, "resolution 206"),
        ({"r": [204, 208]}, "not a string or a value"),
        ({"d": [1, 2, 2, 2, 2]}, "not a string or a value"),
        ({"d": [2, 2, 2, 2]}, "not a string or a value"),
        ({"ks": [4] * 20}, "kernel 4"),
        ({"e": [3] * 19}, "not a string or a value"),
        ({"wid": 1}, "not a string or a value"),
    ],
)
def test_others_are_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidArchitecture, match=reason):
        SPACE.parse(PUBLISHED | change)


def test_neighbours() -> None:
    stages = SPACE.stages(SPACE.parse(TEXT))[1]
    deeper, shallower = sum(len(stage) < 4 for stage in stages), sum(len(stage) > 2 for stage in stages)
    assert len(SPACE.neighbours(SPACE.parse(TEXT))) == 2 + 13 * 4 + 9 * deeper + shallower
