"""The TransNAS-Bench-101 macro space."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from proxybench.errors import InvalidArchitecture
from proxybench.readers.untrusted import iter_zip_json
from proxybench.spaces import get_space

SPACE = get_space("transnas101-macro")
ZEN = "automl/NASLib/8359327a8c5e46f684c8d7f34d99a6c6dbcd9097/run/results/benchmarks/tnb101_macro_zen.zip"


def test_there_are_3256_networks_of_four_to_six_modules():
    assert len(SPACE) == 3_256
    assert Counter(len(arch) - 2 for arch in SPACE) == {4: 210, 5: 750, 6: 2_296}


def test_the_space_holds_exactly_the_published_networks(mirror):
    published = {
        ast.literal_eval(entry["arch"])
        for name, entries in iter_zip_json(mirror / ZEN)
        if "--jigsaw--" in name
        for entry in entries
    }
    assert len(published) == 3_256
    assert {SPACE.code(arch) for arch in SPACE} == published


def test_channels_and_strides_follow_the_digits():
    arch = SPACE.parse("64-1234-basic")
    assert arch.ops[1:-1] == ("plain", "double_channels", "downsample", "downsample_double_channels")
    assert dict(arch.attrs) == {"channels": (0, 64, 128, 128, 256, 0), "stride": (0, 1, 1, 2, 2, 0)}


@pytest.mark.parametrize(
    "text",
    [
        "64-1111-basic",  # no doubling, no halving
        "64-1222-basic",  # no halving
        "64-1333-basic",  # no doubling
        "64-2222-basic",
        "64-4444-basic",  # four doublings
        "64-333332-basic",  # five halvings
        "64-123-basic",
        "64-1234123-basic",
        "64-1235-basic",
        "64-12340-basic",
        "64-1234",
    ],
)
def test_networks_outside_the_limits_are_refused(text):
    with pytest.raises(InvalidArchitecture):
        SPACE.parse(text)


def test_the_neighbours_of_a_four_module_network_counted_by_hand():
    """Changed, by rule out of 12: 64-1112 and the like. Added: 4 kinds at 5 places. Removed: three modules are too few.

    64-1114 doubles once and halves once. Changing the 4 leaves no doubling or no halving, always refused; changing a
    plain module to 2, 3 or 4 is always allowed: 9. Adding to 1114 gives 11114 (1 put in before the end), 11141,
    and for each of 2, 3, 4 five different sequences: 2 + 15 = 17.
    """
    neighbours = {SPACE.format(arch)[3:-6] for arch in SPACE.neighbours(SPACE.parse("64-1114-basic"))}
    assert sum(len(code) == 4 for code in neighbours) == 9
    # 4 inserted next to the 4 is one sequence, 11144, so four of its five places differ
    assert {code for code in neighbours if len(code) == 5 and code.count("4") == 2} == {
        "41114",
        "14114",
        "11414",
        "11144",
    }
    assert sum(len(code) == 5 for code in neighbours) == 2 + 5 + 5 + 4


def test_the_shorter_come_first():
    assert SPACE.format(SPACE[0]) == "64-1114-basic"
    assert SPACE.format(SPACE[210]) == "64-11114-basic"
