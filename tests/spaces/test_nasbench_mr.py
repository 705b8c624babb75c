"""NAS-Bench-MR: the published text and code, the graph, what is refused."""

from __future__ import annotations

import pytest

from proxybench.errors import InvalidArchitecture
from proxybench.spaces.nasbench_mr import KINDS, NASBenchMR

SPACE = NASBenchMR()
# The example of the authors' README, as text and as code.
TEXT = "96_128-1_1_1_48-1_2_1_1_128_8-1_3_1_1_1_128_128_120-4_4_4_4_4_4_128_128_128_128-64"
CODE = [
    *(96, 128, 1, 1, 48, 1, 1, 1, 128, 8, 1, 1, 1, 1, 128, 128, 120),
    *(4, 4, 4, 4, 4, 128, 128, 128, 128, 64),
]


def test_the_published_text_is_the_published_code() -> None:
    arch = SPACE.parse(TEXT)
    assert SPACE.code(arch) == tuple(CODE)
    for given in (CODE, {"embedding": CODE, "top1": 5.0}, str(CODE)):
        assert SPACE.parse(given) == arch
    assert SPACE.format(arch) == TEXT


def test_the_graph_connects_every_branch_with_every_branch_of_the_next_stage() -> None:
    arch = SPACE.parse(TEXT)
    assert arch.ops == ("input", "stem", "stem", *["branch"] * 10, "last", "output")
    assert len(arch.edges) == 1 + 1 + 1 + 1 * 2 + 2 * 3 + 3 * 4 + 4 + 1
    attrs = dict(arch.attrs)
    assert attrs["channels"] == (0, 96, 128, 48, 128, 8, 128, 128, 120, 128, 128, 128, 128, 64, 0)
    assert attrs["repetitions"][3:7] == (1, 1, 1, 1)
    assert attrs["repetitions"][9:13] == attrs["units"][9:13] == (4, 4, 4, 4)
    assert attrs["scale"][9:13] == (1, 2, 3, 4)


def test_the_space_has_as_many_networks_as_it_says() -> None:
    assert len(KINDS) == 27
    assert sum(len(kind) == 16 for kind in KINDS) == 13
    assert sum(len(kind) == 4 for kind in KINDS) == 14


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TEXT.replace("96_128", "96_127"), "number 1 is 127"),
        (TEXT.replace("-1_1_1_48", "-5_1_1_48"), "number 2 is 5"),
        (TEXT.replace("-1_2_1_1", "-1_3_1_1"), "stage 2 does not have 2 branches"),
        (TEXT.replace("-64", "-064"), "six groups"),
        (TEXT.replace("-64", "_64"), "six groups"),
        ("96_128", "six groups"),
    ],
)
def test_other_texts_are_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidArchitecture, match=reason):
        SPACE.parse(text)
