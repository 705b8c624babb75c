"""Architectures as other tools print or hold them: read as the same architecture, or refused; nothing is evaluated."""

from __future__ import annotations

import contextlib
import re
from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxybench.errors import InvalidArchitecture
from proxybench.spaces import SPACES, get_space
from proxybench.spaces.spelling import MAX_VALUES, Call, Unreadable, read_object, read_text

DARTS = get_space("darts")
TEXT = DARTS.example
NORMAL, REDUCE = (re.search(rf"\b{cell}=(\[\(.*?\)\])", TEXT)[1] for cell in ("normal", "reduce"))
CONCAT = "[2, 3, 4, 5]"
CONCATS = f"normal_concat={CONCAT}, reduce_concat={CONCAT}"
Genotype = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")


def entries(text: str) -> list[tuple[str, int]]:
    return [(op, int(source)) for op, source in re.findall(r"\('(\w+)', (\d)\)", text)]


def pairs(text: str) -> list[list[tuple[str, int]]]:
    flat = entries(text)
    return [flat[start : start + 2] for start in range(0, 8, 2)]


FIELDS = {
    "normal": entries(NORMAL),
    "normal_concat": [2, 3, 4, 5],
    "reduce": entries(REDUCE),
    "reduce_concat": [2, 3, 4, 5],
}
GENOTYPES: dict[str, Any] = {
    "NumPy's integers": re.sub(r"', (\d)\)", r"', np.int64(\1))", TEXT),
    "NumPy's integers in the concatenation": TEXT.replace(CONCAT, "[np.int64(2), np.int64(3), np.int64(4), 5]"),
    "NumPy's strings": re.sub(r"\('(\w+)'", r"(np.str_('\1')", TEXT),
    "NumPy's arrays": TEXT.replace(CONCAT, "array([2, 3, 4, 5], dtype=int32)"),
    "normal and reduce first": f"Genotype(normal={NORMAL}, reduce={REDUCE}, {CONCATS})",
    "reduce before normal": f"Genotype(reduce={REDUCE}, {CONCATS}, normal={NORMAL})",
    "positional": re.sub(r"\w+=", "", TEXT),
    "some positional": TEXT.replace("normal=", "", 1),
    "a module in front": "genotypes.Genotype" + TEXT.removeprefix("Genotype"),
    "two modules in front": "cnn.genotypes." + TEXT,
    "an assignment": "DARTS_V2 = " + TEXT,
    "an assignment with a type": "DARTS_V2: Genotype = genotypes." + TEXT,
    "list of a range": TEXT.replace(CONCAT, "list(range(2, 6))"),
    "a range": TEXT.replace(CONCAT, "range(2, 6)"),
    "a range with a step": TEXT.replace(CONCAT, "range(5, 1, -1)"),
    "over several lines": TEXT.replace(", ", ",\n    "),
    "grouped by state": f"Genotype(normal={pairs(NORMAL)}, normal_concat=range(2, 6), reduce={pairs(REDUCE)}, "
    "reduce_concat=range(2, 6))",
    "a dictionary as text": str(FIELDS),
    "in quotes": repr(TEXT),
    "the named tuple": Genotype(**FIELDS),
    "the named tuple with ranges and NumPy's integers": Genotype(
        [(np.str_(op), np.int64(source)) for op, source in FIELDS["normal"]],
        range(2, 6),
        FIELDS["reduce"],
        np.arange(2, 6),
    ),
    "a plain tuple": tuple(Genotype(**FIELDS)),
    "a dictionary": FIELDS,
    "an object": SimpleNamespace(**FIELDS),
    "the graph itself": DARTS.parse(TEXT),
}


@pytest.mark.parametrize("spelling", GENOTYPES)
def test_a_genotype(spelling: str) -> None:
    assert DARTS.format(DARTS.parse(GENOTYPES[spelling])) == TEXT


MATRIX = np.array(
    [
        [0, 1, 1, 1, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ]
)
OPS = ["input", "conv1x1-bn-relu", *["conv3x3-bn-relu"] * 3, "maxpool3x3", "output"]
BITS = "".join(map(str, MATRIX.flatten()))
CELLS: dict[str, Any] = {
    "lists": (MATRIX.tolist(), OPS),
    "a list of both": [MATRIX.tolist(), OPS],
    "an array": (MATRIX, OPS),
    "an array of truth values": (MATRIX.astype(bool), np.array(OPS)),
    "an array of floats": (MATRIX.astype(float), tuple(OPS)),
    "an object": SimpleNamespace(matrix=MATRIX, ops=OPS),
    "a dictionary": {"matrix": MATRIX.tolist(), "ops": OPS},
    "the published dictionary": {"module_adjacency": MATRIX, "module_operations": OPS},
    "a call": f"api.ModelSpec(matrix={MATRIX.tolist()}, ops={OPS})",
    "a call with an array": f"ModelSpec(matrix={MATRIX!r}, ops={OPS})",
    "both printed": str((MATRIX.tolist(), OPS)),
    "arrays printed without commas": f"({MATRIX}, {np.array(OPS)})",
    "operations with blanks": f"{BITS}:{', '.join(OPS)}",
    "blanks at the colon": f"{BITS} : {','.join(OPS)}",
}


@pytest.mark.parametrize("spelling", CELLS)
def test_a_cell_of_nasbench101(spelling: str) -> None:
    space = get_space("nasbench101")
    assert space.format(space.parse(CELLS[spelling])) == f"{BITS}:{','.join(OPS)}"


CONV, SKIP, POOL, NONE = "nor_conv_3x3", "skip_connect", "avg_pool_3x3", "none"
EDGES = [[(CONV, 0)], [(NONE, 0), (CONV, 1)], [(SKIP, 0), (POOL, 1), (NONE, 2)]]
CELL = f"|{CONV}~0|+|{NONE}~0|{CONV}~1|+|{SKIP}~0|{POOL}~1|{NONE}~2|"
OTHERS: list[tuple[str, Any, str]] = [
    ("nasbench201", CELL.replace("+", " + "), CELL),
    ("nasbench201", CELL.replace("+", "\n+\n").replace("~", " ~ "), CELL),
    ("nasbench201", repr(CELL), CELL),
    ("nasbench201", f"arch = '{CELL}'", CELL),
    ("nasbench201", f"Structure(4 nodes with {CELL})", CELL),
    ("nasbench201", EDGES, CELL),
    ("nasbench201", tuple(tuple(node) for node in EDGES), CELL),
    ("nasbench201", [node[::-1] for node in EDGES], CELL),
    ("nasbench201", str(EDGES), CELL),
    ("nasbench201", [[op for op, _ in node] for node in EDGES], CELL),
    ("nasbench201", SimpleNamespace(nodes=EDGES), CELL),
    (
        "nasbench201",
        {f"{target}<-{source}": op for target, node in enumerate(EDGES, 1) for op, source in node},
        CELL,
    ),
    ("natsbench-size", [64, 64, 56, 64, 24], "64:64:56:64:24"),
    ("natsbench-size", np.array([64, 64, 56, 64, 24]), "64:64:56:64:24"),
    ("natsbench-size", "[64 64 56 64 24]", "64:64:56:64:24"),
    ("natsbench-size", "64, 64, 56, 64, 24", "64:64:56:64:24"),
    ("natsbench-size", "64 : 64 : 56 : 64 : 24", "64:64:56:64:24"),
    ("natsbench-size", {"name": "infer.shape.tiny", "channels": "64:64:56:64:24"}, "64:64:56:64:24"),
    ("nasbench-macro", [2, 2, 2, 1, 2, 2, 2, 0], "22212220"),
    ("nasbench-macro", "[2, 2, 2, 1, 2, 2, 2, 0]", "22212220"),
    ("transnas101-micro", [[1], [0, 2], [3, 3, 3]], "64-41414-1_02_333"),
    ("transnas101-micro", [["skip_connect"], ["none", "conv1x1"], ["conv3x3"] * 3], "64-41414-1_02_333"),
    ("transnas101-micro", "64-41414 - 1_02_333", "64-41414-1_02_333"),
    ("transnas101-macro", (1, 2, 3, 4), "64-1234-basic"),
    ("transnas101-macro", np.array([1, 2, 3, 4]), "64-1234-basic"),
    ("nasbench-graph", ([0, 0, 1, 2], ["gat", "gcn", "gin", "fc"]), "[0, 0, 1, 2]:gat,gcn,gin,fc"),
    (
        "nasbench-graph",
        SimpleNamespace(link=[0, 0, 1, 2], ops=["gat", "gcn", "gin", "fc"]),
        "[0, 0, 1, 2]:gat,gcn,gin,fc",
    ),
    ("nasbench-graph", "[0,0,1,2] : gat, gcn, gin, fc", "[0, 0, 1, 2]:gat,gcn,gin,fc"),
    (
        "nds-resnet",
        {"ws": [16, 24, 24, 40], "ds": np.array([1, 12, 12, 12]), "ss": (1, 1, 2, 2)},
        "ds=[1, 12, 12, 12] ws=[16, 24, 24, 40] ss=[1, 1, 2, 2]",
    ),
    ("vit-micro", "c48 - h2r4 - h4r1", "c48-h2r4-h4r1"),
]


@pytest.mark.parametrize(("name", "given_", "expected"), OTHERS, ids=str)
def test_other_spaces(name: str, given_: Any, expected: str) -> None:
    space = get_space(name)
    assert space.format(space.parse(given_)) == expected


def test_blocks_of_mnasnet() -> None:
    space = get_space("mnasnet")
    blocks = [[int(number) for number in re.findall(r"\d+", block)] for block in space.example.split("-")]
    named = {
        f"block{n}_{key}": v for n, row in enumerate(blocks) for key, v in zip(("e", "k", "l", "se"), row, strict=True)
    }
    for spelling in (blocks, np.array(blocks), str(blocks), named):
        assert space.format(space.parse(spelling)) == space.example


def test_a_genotype_with_width_and_depth() -> None:
    space = get_space("nds-darts")
    genotype, width, depth = re.fullmatch(r"(Genotype\(.*\)) width=(\d+) depth=(\d+)", space.example).groups()
    parts = {"genotype": genotype, "width": int(width), "depth": int(depth)}
    for spelling in (parts, (genotype, int(width), int(depth)), f"genotypes.{space.example}"):
        assert space.format(space.parse(spelling)) == space.example


@pytest.mark.parametrize("name", SPACES)
def test_graphs_and_the_space_s_own_text_in_blanks_are_read(name: str) -> None:
    space = get_space(name)
    arch = space.parse(space.example)
    assert space.parse(arch) == arch
    assert space.parse(f"\n {space.example}\t") == arch
    assert space.parse(repr(space.example)) == arch
    assert space.parse(f"best = {space.example!r}") == arch


@pytest.mark.parametrize(
    ("name", "wrong", "reason"),
    [
        ("darts", TEXT.replace("'sep_conv_3x3', 0", "'sep_conv_3x3', np.int64(9)"), "takes input 9"),
        ("darts", TEXT.replace("normal_concat", "norm_concat"), "not of the form"),
        ("darts", f"Genotype({NORMAL}, {CONCAT}, normal={NORMAL}, reduce_concat={CONCAT})", "not of the form"),
        ("darts", TEXT.replace(CONCAT, "range(2, 10**9)"), "not of the form"),
        ("darts", TEXT.replace(CONCAT, "range(2, 1000000000)"), "not of the form"),
        ("darts", TEXT.replace(CONCAT, "[2, 3, 4, True]"), "not of the form"),
        ("darts", Genotype([("sep_conv_9x9", 0)] * 8, range(2, 6), FIELDS["reduce"], range(2, 6)), "sep_conv_9x9"),
        ("darts", Genotype(None, None, None, None), "not a string"),
        ("nasbench101", (MATRIX[:6], OPS), "not a string"),
        ("nasbench101", (MATRIX * 2, OPS), "not a string"),
        ("nasbench101", (MATRIX, OPS[:-1]), "6 operations for 7 vertices"),
        ("nasbench101", (MATRIX.T, OPS), "upper-triangular"),
        ("nasbench101", np.zeros((3000, 3000)), "not a string, but too large"),
        ("nasbench201", [CONV] * 6, "not a string"),  # in which order?
        ("nasbench201", [[0], [1, 2], [3, 4, 1]], "not a string"),  # numbers of which list?
        ("nasbench201", [[(CONV, 0)], [(CONV, 0), (CONV, 0)], [(SKIP, 0), (POOL, 1), (NONE, 2)]], "not a string"),
        ("natsbench-size", "6 4:64:56:64:24", "not five numbers"),
        ("natsbench-size", [64, 64, 56, 64, 25], "25 channels"),
        ("nasbench-macro", 22212220, "not a string"),
        ("nasbench-macro", [22, 2, 1, 2, 2, 2, 0], "not a string"),
        ("transnas101-macro", [12, 34], "not a string"),
        ("transnas101-micro", [[1], [0, 2], [3, 3, 33]], "not of the form"),
        ("transnas101-micro", [[1], [0, 2], [True, 3, 3]], "not"),
    ],
)
def test_what_is_not_clear_or_not_of_the_space_is_refused(name: str, wrong: Any, reason: str) -> None:
    with pytest.raises(InvalidArchitecture, match=re.escape(reason)):
        get_space(name).parse(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "[x for x in (1,)]", "open('x')[0]", "lambda: 0", "(1).real", "f'{1}'",
        "a = b = 1; c", "1 if 2 else 3", "2 ** 9999", "range(-1, 10**9)", "range(1, 2, 0)", "range()", "b'x'", "{1: 2}",
        "{**{}}", "x.y", "[" * 9 + "1" + "]" * 9, "None", "", "(" * 9999, "'" + "\\d", "9" * 9999,
    ],
)  # fmt: skip
def test_texts_that_are_no_plain_values_are_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read_text(text)


def test_calls_that_are_not_known_stay_calls() -> None:
    assert read_text("os.system('true')") == Call("system", ("true",))
    assert read_text("x = range(3)") == (0, 1, 2)


def test_objects_that_hold_too_much_are_unreadable() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for given_ in (endless, [0] * (MAX_VALUES + 1), object(), {1: 2}, [b"x"], range(10**12)):
        with pytest.raises(Unreadable):
            read_object(given_)


@given(st.text(max_size=60) | st.text("[](){}'\",:=0123456789 ab.rnge_", max_size=60))
def test_reading_any_text_ends_in_a_value_or_unreadable(text: str) -> None:
    with contextlib.suppress(Unreadable):
        read_text(text)
