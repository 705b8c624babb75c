"""NAS-Bench-Graph: one architecture for every published key, and one key for every way to write an architecture."""

from __future__ import annotations

from contextlib import suppress
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxybench.errors import InvalidArchitecture
from proxybench.readers.untrusted import read_pickle
from proxybench.spaces.nasbench_graph import LINKS, OPERATIONS, NASBenchGraph

SPACE = NASBenchGraph()
LIGHT = "THUMNLab/NAS-Bench-Graph/be42534b56f6aaab2c3d6145b10eda9cbde10193/nas-bench-graph/light"
DATASETS = ("arxiv", "citeseer", "computers", "cora", "cs", "photo", "physics", "proteins", "pubmed")
ALL_LINKS = list(product(range(1), range(2), range(3), range(4)))

cells = st.tuples(st.sampled_from(ALL_LINKS), st.tuples(*[st.sampled_from(OPERATIONS)] * 4)).filter(
    lambda cell: set(cell[1]) != {"skip"}
)
indices = st.integers(0, 26_205)


def text(link, ops):
    return f"{list(link)}:{','.join(ops)}"


def test_the_space_has_the_published_number_of_architectures():
    assert len(SPACE) == 26_206


@pytest.mark.parametrize(
    "dataset",
    [name if name in ("cora", "proteins") else pytest.param(name, marks=pytest.mark.slow) for name in DATASETS],
)
def test_every_key_of_a_published_file_is_reached_by_one_architecture(mirror, dataset):
    keys = sorted(read_pickle(mirror / LIGHT / f"{dataset}.bench"))
    archs = [SPACE.from_key(key) for key in keys]
    assert [SPACE.published_key(arch) for arch in archs] == keys
    assert len(set(archs)) == len(keys) == (2_021 if dataset == "proteins" else 26_206)


def test_proteins_holds_the_architectures_of_five_operations(mirror):
    keys = set(read_pickle(mirror / LIGHT / "proteins.bench"))
    light = {"input", "gcn", "sage", "arma", "fc", "skip", "output"}
    assert keys == {SPACE.published_key(arch) for arch in SPACE if set(arch.ops) <= light}


def test_different_architectures_are_not_isomorphic():
    assert len({SPACE.digest(arch) for arch in SPACE}) == len(SPACE)


def test_the_nine_link_structures_are_all_rooted_trees_of_five_nodes():
    def smallest(link):
        forms = []
        for order in permutations(range(1, 5)):
            place = {0: 0} | {node: rank for rank, node in enumerate(order, start=1)}
            if all(place[link[node - 1]] < place[node] for node in order):
                forms.append(tuple(place[link[node - 1]] for node in order))
        return min(forms)

    assert {smallest(link) for link in ALL_LINKS} == set(LINKS)


def test_graph_joins_the_last_operations_in_the_output():
    arch = SPACE.parse("[0, 0, 1, 2]:gat,gcn,gin,fc")
    assert arch.ops == ("input", "gat", "gcn", "gin", "fc", "output")
    assert arch.edges == ((0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 5))


def test_key_is_link_position_and_operation_digits():
    assert SPACE.published_key(SPACE.parse("[0, 0, 1, 2]:gat,gcn,gin,fc")) == 3_0127


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("[0, 1, 2, 1]:gcn,gin,fc,cheb", "[0, 1, 1, 2]:gcn,gin,cheb,fc"),  # another order of the operations
        ("[0, 0, 0, 0]:fc,gin,gcn,gat", "[0, 0, 0, 0]:gat,gcn,gin,fc"),  # twins are sorted
        ("[0, 1, 2, 3]:gcn,skip,gin,fc", "[0, 1, 2, 3]:skip,gcn,gin,fc"),  # a skip inside a chain
        ("[0, 1, 2, 3]:gcn,gin,fc,skip", "[0, 1, 2, 3]:skip,gcn,gin,fc"),  # a skip at its end
        ("[0, 0, 0, 1]:gcn,skip,gin,fc", "[0, 1, 1, 2]:skip,gcn,gin,fc"),  # a skip from input to output
        ("[0, 1, 1, 1]:gcn,skip,gin,fc", "[0, 1, 1, 1]:gcn,gin,fc,skip"),  # a residual connection stays
    ],
)
def test_equal_networks_are_brought_to_the_published_form(written, canonical):
    assert SPACE.format(SPACE.parse(written)) == canonical


@given(cells)
def test_every_written_cell_has_a_published_key(cell):
    arch = SPACE.parse(text(*cell))
    assert SPACE.from_key(SPACE.published_key(arch)) == arch


@given(cells, st.permutations(range(1, 5)))
def test_order_of_operations_does_not_matter(cell, order):
    link, ops = cell
    place = {0: 0} | {node: rank for rank, node in enumerate(order, start=1)}
    if all(place[link[node - 1]] < place[node] for node in order):
        moved = text([place[link[node - 1]] for node in order], [ops[node - 1] for node in order])
        assert SPACE.parse(moved) == SPACE.parse(text(link, ops))


@given(indices)
def test_index_and_text_lead_back_to_the_architecture(index):
    arch = SPACE[index]
    assert SPACE.index(arch) == index
    assert SPACE.parse(SPACE.format(arch)) == arch
    assert arch in SPACE


@given(indices)
def test_neighbours_are_different_architectures_of_the_space(index):
    arch = SPACE[index]
    near = SPACE.neighbours(arch)
    assert near == SPACE.neighbours(arch)
    assert arch not in near
    assert len(set(near)) == len(near) > 0
    assert all(other in SPACE for other in near)


@settings(max_examples=10)
@given(indices)
def test_a_neighbour_has_the_architecture_as_neighbour(index):
    arch = SPACE[index]
    assert all(arch in SPACE.neighbours(near) for near in SPACE.neighbours(arch))


def test_neighbours_of_a_single_operation():
    near = {SPACE.format(arch) for arch in SPACE.neighbours(SPACE.parse("[0, 1, 2, 3]:skip,skip,skip,fc"))}
    other = [op for op in OPERATIONS if op not in ("fc", "skip")]
    replaced = {f"[0, 1, 2, 3]:skip,skip,skip,{op}" for op in other}
    before = {f"[0, 1, 2, 3]:skip,skip,{op},fc" for op in [*other, "fc"]}
    after = {f"[0, 1, 2, 3]:skip,skip,fc,{op}" for op in other}
    parallel = {f"[0, 1, 2, 2]:skip,skip,{op},fc" for op in [*other, "fc"]}
    assert replaced | before | after | parallel <= near
    assert "[0, 1, 2, 3]:skip,gcn,gcn,fc" not in near  # two operations away


def test_sample_is_reproducible_and_without_repeats():
    chosen = SPACE.sample(500, seed=7)
    assert chosen == SPACE.sample(500, seed=7) != SPACE.sample(500, seed=8)
    assert len(set(chosen)) == 500


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("[0, 1, 2, 3]:skip,skip,skip,skip", "no operation other than skip"),
        ("[1, 0, 0, 0]:gcn,gcn,gcn,gcn", "does not come before it"),
        ("[0, 2, 0, 0]:gcn,gcn,gcn,gcn", "does not come before it"),
        ("[0, 0, 0, 0]:gcn,gcn,gcn,conv", "'conv' is not one of gat"),
        ("[0, 0, 0]:gcn,gcn,gcn", "not of the form"),
        ("", "not of the form"),
        ("[0, 0, 0, \u0660]:gcn,gcn,gcn,gcn", "not of the form"),
        (None, "not a string"),
    ],
)
def test_other_texts_are_refused_with_the_reason(bad, reason):
    with pytest.raises(InvalidArchitecture, match=reason):
        SPACE.parse(bad)


@given(st.text(max_size=40))
def test_any_text_is_an_architecture_or_refused(any_text):
    with suppress(InvalidArchitecture):
        assert SPACE.parse(any_text) in SPACE


@pytest.mark.parametrize("key", [-1, 100, 88_888, 90_000, 10**9])
def test_keys_that_the_files_do_not_use_are_refused(key):
    with pytest.raises(InvalidArchitecture, match="not a key"):
        SPACE.from_key(key)


def test_a_graph_in_another_form_is_not_of_the_space():
    from predictors.arch import ArchGraph

    arch = SPACE.parse("[0, 0, 0, 0]:gat,gcn,gin,fc")
    assert ArchGraph(arch.space, ("input", "fc", "gin", "gcn", "gat", "output"), arch.edges) not in SPACE
    assert ArchGraph(arch.space, ("input", "output"), ((0, 1),)) not in SPACE
    assert ArchGraph("nasbench201", arch.ops, arch.edges) not in SPACE
