"""NAS-Bench-101 cells: parsing, pruning, the official hash, the enumeration and neighbours."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictors.arch import ArchGraph
from proxybench.errors import CorruptData, DataNotAvailable, InvalidArchitecture
from proxybench.resources import data_path
from proxybench.spaces import get_space
from proxybench.spaces.nasbench101 import NASBench101
from proxybench.spaces.nasbench101_cells import FILE, enumerate_cells, main, read_cells, shipped_cells, write_cells
from proxybench.spaces.nasbench101_enumeration import cells, graph_masks, internal_orders
from proxybench.spaces.nasbench101_hash import OPERATIONS, cell_hash

space = NASBench101()
CONV3, CONV1, POOL = OPERATIONS
CHAIN = "010001000:input,conv3x3-bn-relu,output"


@pytest.fixture(scope="module")
def oracle(mirror: Path) -> dict[str, str]:
    """Hash to text of all cells, from an enumeration made independently of this project."""
    path = mirror.parent / "oracle" / "nb101_all_cells.csv.gz"
    if not path.is_file():
        pytest.skip(f"{path} is not here: no independent enumeration to compare with")
    with gzip.open(path, "rt") as file:
        return {row["hash"]: f"{row['adjacency_rowmajor']}:{row['ops']}" for row in csv.DictReader(file)}


def test_many_cells_have_the_hashes_of_the_single_ones() -> None:
    chosen = [*space.sample(2500, 0), space.parse("0100:input,output")]  # enough of 7 vertices to be hashed together
    assert sum(len(arch) == 7 for arch in chosen) > 2000
    assert space.digests(chosen) == [space.hash(arch) for arch in chosen]


def test_many_texts_have_the_digests_of_each_in_any_numbering() -> None:
    numberings = [f"0110000100010000:input,{one},{other},output" for one, other in ((CONV1, CONV3), (CONV3, CONV1))]
    texts = [*numberings, *(space.format(space[row]) for row in range(0, 423_000, 400))]
    digests = space.digests_of_texts(texts)
    assert digests == [space.hash(space.parse(text)) for text in texts]
    assert digests[0] == digests[1]
    assert space.digests_of_texts(texts[::-1]) == digests[::-1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0110000100000000:input,conv3x3-bn-relu,conv3x3-bn-relu,output", "is not in the form of nasbench101"),
        ("0x0001000:input,conv3x3-bn-relu,output", "neither ADJACENCY:OPERATIONS"),
        ("010001000:input,conv3x3-bn-relu", "2 operations for 3 vertices"),
        ("010001000", "neither ADJACENCY:OPERATIONS"),
        ("00c5fe37ed6e53d0f4a9f5a1f6dd1dbd", "the hash of no cell"),
    ],
)
def test_a_text_in_another_form_has_no_digest_among_others(text: str, reason: str) -> None:
    texts = [space.format(space[row]) for row in range(0, 40_000, 1000)]
    assert space.digests_of_texts(texts) == [space.hash(space.parse(one)) for one in texts]
    with pytest.raises(InvalidArchitecture, match=reason):
        space.digests_of_texts([*texts, text])


def test_the_digests_of_what_is_no_cell_are_refused() -> None:
    with pytest.raises(InvalidArchitecture, match="not a pruned cell"):
        space.digests([ArchGraph("nasbench101", ("input", "output"), ())])


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("0100:input,output", "043721b9c7fe8c5fad811d47d83132ec"),
        ("010001000:input,conv3x3-bn-relu,output", "b49ac8c578b4561d79ac7087988f1c61"),
        ("010001000:input,conv1x1-bn-relu,output", "d1269d9156ddc027c40473008192958a"),
        (
            "0100110001000000010010000010000001000000010000000:"
            "input,conv3x3-bn-relu,maxpool3x3,conv3x3-bn-relu,conv3x3-bn-relu,conv1x1-bn-relu,output",
            "00005c142e6f48ac74fdcf73e3439874",
        ),
    ],
)
def test_official_hashes(text: str, digest: str) -> None:
    assert space.hash(space.parse(text)) == digest
    assert space.digest(space.parse(text)) == digest


def test_parse_gives_operations_and_edges_in_the_order_of_the_text() -> None:
    arch = space.parse("0110001000010000:input,maxpool3x3,conv1x1-bn-relu,output")
    assert arch == ArchGraph("nasbench101", ("input", POOL, CONV1, "output"), ((0, 1), (0, 2), (1, 2), (2, 3)))


def test_parse_prunes_vertices_off_every_path() -> None:
    # vertex 2 has no way to the output, vertex 3 none from the input
    unpruned = "0110000001000000000100000:input,conv3x3-bn-relu,maxpool3x3,maxpool3x3,output"
    assert space.parse(unpruned) == space.parse(CHAIN)


def test_limits_count_after_pruning() -> None:
    # ten edges, but the one to vertex 5 leads nowhere
    rows = ["0110010", "0010001", "0001001", "0000101", "0000001", "0000000", "0000000"]
    ops = f"input,{CONV3},{CONV3},{CONV3},{CONV3},{POOL},output"
    assert len(space.parse(f"{''.join(rows)}:{ops}").edges) == 9
    rows[5] = "0000001"
    with pytest.raises(InvalidArchitecture, match="more than 7 vertices or 9 edges"):
        space.parse(f"{''.join(rows)}:{ops}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0100:input,maxpool3x3", "last output"),
        ("0100:output,input", "last output"),
        ("010001000:input,input,output", "operation 'input' is not one of"),
        ("010001000:input,conv5x5-bn-relu,output", "operation 'conv5x5-bn-relu' is not one of"),
        ("010001000:input,output", "2 operations for 3 vertices"),
        ("01000100:input,maxpool3x3,output", "not a square matrix"),
        ("1:input", "not a square matrix"),
        ("010000000:input,maxpool3x3,output", "no path"),
        ("0110:input,output", "not upper-triangular"),
        ("1100:input,output", "not upper-triangular"),
        ("0100:input,output,", "3 operations"),
        ("0100:input,output;", "neither"),
        ("0100:input,output\n0", "neither"),
        ("\u0660\u0661\u0660\u0660:input,output", "neither"),  # Arabic digits
        ("f" * 32, "the hash of no cell"),
        ("043721B9C7FE8C5FAD811D47D83132EC", "neither"),
        ("64-41414-3_33_333", "neither"),
        ("", "neither"),
    ],
)
def test_texts_that_are_no_cell(text: str, reason: str) -> None:
    with pytest.raises(InvalidArchitecture, match=reason):
        space.parse(text)


def test_strings_of_other_spaces_are_refused() -> None:
    with pytest.raises(InvalidArchitecture):
        space.parse(get_space("nasbench201").example)


@given(st.text(max_size=80) | st.text(alphabet="01:,inputoe", max_size=60))
def test_any_text_is_refused_or_round_trips(text: str) -> None:
    try:
        arch = space.parse(text)
    except InvalidArchitecture:
        return
    assert space.parse(space.format(arch)) == arch


@st.composite
def raw_cells(draw: st.DrawFn) -> str:
    vertices = draw(st.integers(2, 7))
    matrix = [["0"] * vertices for _ in range(vertices)]
    for row in range(vertices):
        for column in range(row + 1, vertices):
            matrix[row][column] = draw(st.sampled_from("01"))
    ops = draw(st.lists(st.sampled_from(OPERATIONS), min_size=vertices - 2, max_size=vertices - 2))
    return f"{''.join(map(''.join, matrix))}:{','.join(['input', *ops, 'output'])}"


@given(raw_cells())
def test_every_matrix_is_refused_or_is_a_cell_of_the_enumeration(text: str) -> None:
    try:
        arch = space.parse(text)
    except InvalidArchitecture:
        return
    same = space[space.index(arch)]
    assert space.hash(same) == space.hash(arch)
    assert same.digest == arch.digest
    assert space.parse(space.hash(arch)) == same


@given(st.integers(0, 423_623), st.randoms())
def test_the_hash_does_not_depend_on_the_numbering(index: int, random) -> None:
    arch = space[index]
    order = random.choice(internal_orders(len(arch)))
    ops = [""] * len(arch)
    for vertex, op in enumerate(arch.ops):
        ops[order[vertex]] = op
    edges = [(order[source], order[target]) for source, target in arch.edges]
    assert cell_hash(ops, edges) == space.hash(arch)


def test_graphs_that_are_no_pruned_cell_are_refused() -> None:
    loose = ArchGraph("nasbench101", ("input", CONV3, POOL, "output"), ((0, 1), (1, 3), (2, 3)))
    backward = ArchGraph("nasbench101", ("input", CONV3, CONV3, "output"), ((0, 2), (1, 3), (2, 1)))
    other = ArchGraph("nasbench201", ("input", "output"), ((0, 1),))
    for arch in (loose, backward, other):
        assert arch not in space
        with pytest.raises(InvalidArchitecture):
            space.format(arch)
        with pytest.raises(InvalidArchitecture):
            space.hash(arch)


def test_there_are_423624_cells_in_the_order_of_their_hashes() -> None:
    assert len(space) == len(shipped_cells()) == 423_624
    hashes = [space.hash(space[index]) for index in range(0, 423_624, 20_000)]
    assert hashes == sorted(hashes)
    assert space.hash(space[0]) == "00005c142e6f48ac74fdcf73e3439874"


def test_indices_outside_are_refused() -> None:
    assert space[-1] == space[423_623]
    with pytest.raises(IndexError):
        space[423_624]


def test_sampling_gives_different_cells_and_the_same_for_a_seed() -> None:
    archs = space.sample(200, seed=3)
    assert len({space.hash(arch) for arch in archs}) == 200
    assert archs == space.sample(200, seed=3)
    assert archs != space.sample(200, seed=4)


def test_numbers_of_unlabelled_graphs_and_cells() -> None:
    # cells with an operation on each internal vertex: 1, 6 = 3 operations x 2 graphs, 84, 2441
    assert [len(graph_masks(vertices)) for vertices in (2, 3, 4, 5)] == [1, 2, 10, 97]
    assert [len(cells(vertices)[0]) for vertices in (2, 3, 4, 5)] == [1, 6, 84, 2441]


def test_the_shipped_table_is_the_independent_enumeration(oracle: dict[str, str]) -> None:
    table, hashes = shipped_cells(), sorted(oracle)
    assert len(table) == len(hashes) == 423_624
    assert table.prefixes.tolist() == [int(digest[:10], 16) for digest in hashes]
    assert [table.text(row) for row in range(len(table))] == [oracle[digest] for digest in hashes]


@pytest.mark.slow
def test_the_shipped_cells_have_the_hashes_of_the_independent_enumeration(oracle: dict[str, str]) -> None:
    hashes = shipped_cells().hashes(np.arange(423_624))
    assert {row.tobytes().hex() for row in hashes} == set(oracle)


def test_matrices_of_the_official_records_are_those_of_the_enumeration(mirror: Path) -> None:
    path = next(mirror.glob("tiga1231/nasbench-vis/*/static/data/data-1k.json"))
    document = json.loads(path.read_bytes())
    assert len(document["key"]) == 1000
    for arch, matrix in zip(space.from_hashes(document["key"]), document["adjacency"], strict=True):
        edges = tuple(zip(*np.nonzero(np.array(matrix)), strict=True))
        assert arch.edges == edges


@pytest.mark.slow
def test_regeneration_gives_the_shipped_table() -> None:
    made, shipped = enumerate_cells(), shipped_cells()
    assert np.array_equal(made.prefixes, shipped.prefixes)
    assert np.array_equal(made.graphs, shipped.graphs)
    assert np.array_equal(made.codes, shipped.codes)


def test_the_file_is_small() -> None:
    assert Path(str(data_path(FILE))).stat().st_size < 2_500_000


def test_writing_and_reading_keeps_the_table(tmp_path: Path) -> None:
    path = tmp_path / "cells.parquet"
    write_cells(shipped_cells(), path)
    assert np.array_equal(read_cells(path).graphs, shipped_cells().graphs)
    assert [file.name for file in tmp_path.iterdir()] == ["cells.parquet"]


def test_a_missing_table_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataNotAvailable, match=r"-m proxybench\.spaces\.nasbench101_cells"):
        read_cells(tmp_path / "cells.parquet")


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    data = Path(str(data_path(FILE))).read_bytes()
    for name, damaged in (("short", data[:100_000]), ("other", b"not parquet"), ("empty", b"")):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(CorruptData):
            read_cells(tmp_path / name)


def test_the_command_needs_one_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_import_is_light() -> None:
    code = "import proxybench.spaces.nasbench101, sys; print('scipy' in sys.modules or 'pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_neighbours_of_the_smallest_cell() -> None:
    # only an operation can be inserted, parallel to the direct edge, which cannot be removed
    texts = [space.format(arch) for arch in space.neighbours(space.parse("0100:input,output"))]
    assert sorted(texts) == sorted(f"011001000:input,{op},output" for op in OPERATIONS)


def test_neighbours_of_a_chain() -> None:
    arch = space.parse(CHAIN)
    found = {space.hash(other) for other in space.neighbours(arch)}
    by_hand = [f"010001000:input,{op},output" for op in (CONV1, POOL)]
    by_hand.append(f"011001000:input,{CONV3},output")  # the direct edge added
    for op in OPERATIONS:
        by_hand += [
            f"0110001000010000:input,{op},{CONV3},output",  # between input and conv3x3
            f"0110000100010000:input,{CONV3},{op},output",  # between input and output
            f"0100001100010000:input,{CONV3},{op},output",  # between conv3x3 and output
        ]
    assert found == {space.hash(space.parse(text)) for text in by_hand}
    assert len(found) == 12


@given(st.integers(0, 423_623), st.randoms())
def test_neighbours_are_other_cells_and_do_not_depend_on_the_numbering(index: int, random) -> None:
    arch = space[index]
    neighbours = space.neighbours(arch)
    hashes = [space.hash(other) for other in neighbours]
    assert all(other in space for other in neighbours)
    assert hashes == sorted(set(hashes) - {space.hash(arch)})
    fits = [
        order
        for order in internal_orders(len(arch))
        if all(order[source] < order[target] for source, target in arch.edges)
    ]
    order = random.choice(fits)
    ops = [""] * len(arch)
    for vertex, op in enumerate(arch.ops):
        ops[order[vertex]] = op
    edges = tuple(sorted((order[source], order[target]) for source, target in arch.edges))
    renumbered = ArchGraph("nasbench101", tuple(ops), edges)
    assert [space.hash(other) for other in space.neighbours(renumbered)] == hashes


def test_changes_of_an_operation_or_an_edge_can_be_undone() -> None:
    arch = space[123_456]
    own = space.hash(arch)
    for other in space.neighbours(arch):
        if len(other) == len(arch):
            assert own in {space.hash(back) for back in space.neighbours(other)}
