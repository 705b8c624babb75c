"""The NAS-Bench-Macro space."""

from __future__ import annotations

import itertools

from proxybench.spaces import get_space

SPACE = get_space("nasbench-macro")


def digest(text):
    return SPACE.digest(SPACE.parse(text))


def test_three_choices_for_eight_layers_are_6561():
    assert len(SPACE) == 3**8 == 6_561


def test_there_are_3969_distinct_networks():
    # a stage's first layer has 3 choices; later layers count by their blocks alone: one later layer 3, two 1 + 2 + 4
    assert len({SPACE.format(SPACE.simplified(arch)) for arch in SPACE}) == (3 * 3) * (3 * 7) * (3 * 7) == 3_969


def test_an_identity_may_be_before_or_behind_the_block_of_its_stage():
    assert digest("00" + "001" + "000") == digest("00" + "010" + "000")
    assert digest("22" + "202" + "101") == digest("22" + "220" + "110")


def test_the_first_layer_of_a_stage_stays_where_it_is():
    assert digest("00" + "010" + "000") != digest("00" + "100" + "000")
    assert digest("01" + "000" + "000") != digest("10" + "000" + "000")


def test_the_order_of_two_blocks_matters():
    assert digest("00" + "012" + "000") != digest("00" + "021" + "000")


def test_the_graph_tells_labels_channels_and_strides():
    arch = SPACE.parse("01201201")
    assert arch.ops[1:4] == ("identity", "mbconv_k3_e3", "mbconv_k5_e6")
    assert dict(arch.attrs) == {
        "channels": (0, 64, 64, 128, 128, 128, 256, 256, 256, 0),
        "stride": (0, 2, 1, 2, 1, 1, 2, 1, 1, 0),
    }


def test_the_last_digit_runs_fastest():
    assert [SPACE.format(arch) for arch in itertools.islice(SPACE, 4)] == [
        "00000000",
        "00000001",
        "00000002",
        "00000010",
    ]


def test_there_are_16_neighbours():
    # two other blocks for each of eight layers
    assert len(SPACE.neighbours(SPACE.parse("01201201"))) == 16
