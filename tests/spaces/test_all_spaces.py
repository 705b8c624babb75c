"""Laws that every registered search space obeys."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictors.arch import ArchGraph
from proxybench.errors import InvalidArchitecture
from proxybench.spaces import SPACES, EnumerableSpace, SearchSpace, get_space
from proxybench.spaces.base import MAX_TEXT

NAMES = list(SPACES)
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(params=NAMES, scope="module")
def space(request):
    return get_space(request.param)


def accepts_only_valid(space: SearchSpace, text: str) -> None:
    """`parse` raises InvalidArchitecture or gives an architecture whose own text names it again."""
    try:
        arch = space.parse(text)
    except InvalidArchitecture:
        return
    assert arch.space == space.name
    assert space.parse(space.format(arch)) == arch


def refuses(act: Callable[[Any], object], value: object, message: str = "") -> bool:
    """Whether `act` raises InvalidArchitecture for the value, with this in its message."""
    try:
        act(value)
    except InvalidArchitecture as error:
        return message in str(error)
    return False


def test_the_example_is_an_architecture_and_its_own_text(space):
    assert space.format(space.parse(space.example)) == space.example


def test_the_registered_name_is_the_name_of_the_space_and_of_its_graphs(space):
    assert get_space(space.name) is space
    assert space.parse(space.example).space == space.name


@settings(max_examples=15)
@given(seed=SEEDS)
def test_text_and_back_is_the_same_architecture(space, seed):
    (arch,) = space.sample(1, seed)
    assert space.parse(space.format(arch)) == arch
    assert arch in space


@settings(max_examples=5)
@given(seed=SEEDS)
def test_a_sample_has_no_repetition_and_depends_on_the_seed_alone(space, seed):
    sample = space.sample(12, seed)
    assert len(set(sample)) == 12
    assert space.sample(12, seed) == sample
    assert space.sample(12, seed + 1) != sample


def test_sampling_leaves_the_global_random_state_alone(space):
    random.seed(7)
    state = random.getstate()
    space.sample(3, 0)
    assert random.getstate() == state


def test_a_negative_sample_is_refused(space):
    with pytest.raises(ValueError, match="-1"):
        space.sample(-1, 0)


def test_every_node_label_is_one_that_the_space_declares(space):
    for arch in space.sample(20, 1):
        assert set(arch.ops) <= set(space.ops)


@settings(max_examples=3)
@given(seed=SEEDS)
def test_neighbours_are_other_architectures_of_the_space_each_once(space, seed):
    (arch,) = space.sample(1, seed)
    neighbours = space.neighbours(arch)
    assert neighbours
    assert arch not in neighbours
    assert len(set(neighbours)) == len(neighbours)
    assert all(neighbour in space for neighbour in neighbours)
    assert space.neighbours(arch) == neighbours


# In NAS-Bench-101 an edge removed may cut off several vertices, which no one change puts back.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "nasbench101"])
@settings(max_examples=3)
@given(seed=SEEDS)
def test_an_architecture_is_a_neighbour_of_its_neighbours(name, seed):
    space = get_space(name)
    (arch,) = space.sample(1, seed)
    neighbours = space.neighbours(arch)
    for neighbour in random.Random(seed).sample(neighbours, min(5, len(neighbours))):
        assert arch in space.neighbours(neighbour)


@settings(max_examples=5)
@given(seed=SEEDS)
def test_the_digest_of_the_graph_does_not_depend_on_node_numbers(space, seed):
    (arch,) = space.sample(1, seed)
    order = random.Random(seed).sample(range(len(arch)), len(arch))
    position = {node: index for index, node in enumerate(order)}
    renumbered = ArchGraph(
        space=arch.space,
        ops=tuple(arch.ops[node] for node in order),
        edges=tuple((position[source], position[target]) for source, target in arch.edges),
        attrs=tuple((name, tuple(values[node] for node in order)) for name, values in arch.attrs),
    )
    assert renumbered.digest == arch.digest


def test_digests_are_those_of_one_after_the_other(space):
    sample = space.sample(30, 0)
    assert space.digests([*sample, sample[3]]) == [*map(space.digest, sample), space.digest(sample[3])]
    assert space.digests([]) == []


def test_digests_of_texts_are_those_of_the_architectures(space):
    sample = space.sample(4, 1)
    texts = [space.format(arch) for arch in sample]
    assert space.digests_of_texts(texts) == space.digests(sample)
    assert space.digests_of_texts([]) == []
    with pytest.raises(InvalidArchitecture, match="is not in the form of"):
        space.digests_of_texts([*texts, f" {texts[0]}"])


@settings(max_examples=5)
@given(seed=SEEDS)
def test_the_digest_of_the_space_is_32_hexadecimal_digits_and_survives_text(space, seed):
    (arch,) = space.sample(1, seed)
    digest = space.digest(arch)
    assert len(digest) == 32
    assert set(digest) <= set("0123456789abcdef")
    assert space.digest(space.parse(space.format(arch))) == digest


def test_an_enumerated_space_counts_and_finds_its_architectures(space):
    if not isinstance(space, EnumerableSpace):
        with pytest.raises(TypeError):
            len(space)
        return
    for index in (0, 1, len(space) // 2, len(space) - 1):
        assert space.index(space[index]) == index
    with pytest.raises(IndexError):
        space[len(space)]
    with pytest.raises(ValueError, match=str(len(space))):
        space.sample(len(space) + 1, 0)


@settings(max_examples=20)
@given(text=st.text(max_size=80))
def test_arbitrary_text_is_refused_or_valid(space, text):
    accepts_only_valid(space, text)


@given(seed=st.integers(0, 40), cut=st.floats(0, 1), length=st.integers(0, 4), put=st.text(max_size=4))
def test_a_damaged_text_is_refused_or_valid(space, seed, cut, length, put):
    (arch,) = space.sample(1, seed)
    text = space.format(arch)
    at = int(cut * len(text))
    accepts_only_valid(space, text[:at] + put + text[at + length :])


@settings(max_examples=20)
@given(seed=st.integers(0, 40), data=st.data())
def test_a_text_with_characters_exchanged_for_others_of_it_is_refused_or_valid(space, seed, data):
    (arch,) = space.sample(1, seed)
    text = list(space.format(arch))
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.sampled_from(text))
    accepts_only_valid(space, "".join(text))


def test_trailing_text_is_refused(space):
    trailing = ["x", " x", "|", ")", ",", "\x00", "\n;", "0" * 40]
    assert [text for text in trailing if not refuses(space.parse, space.example + text)] == []


def test_blanks_around_a_text_do_not_matter(space):
    assert space.parse(f"  {space.example}\n") == space.parse(space.example)


def test_the_texts_of_other_spaces_are_refused_or_valid(space):
    for name in NAMES:
        accepts_only_valid(space, get_space(name).example)


def test_hostile_text_is_refused(space):
    hostile = ["", " ", "(" * MAX_TEXT, "[" * 5000 + "]" * 5000, "9" * MAX_TEXT, "\ud800", "٣" * 8]
    assert [text[:9] for text in hostile if not refuses(space.parse, text)] == []


def test_a_text_above_the_limit_is_refused_with_the_limit(space):
    with pytest.raises(InvalidArchitecture, match=str(MAX_TEXT)):
        space.parse(space.example + " " * MAX_TEXT)


def test_what_is_no_text_is_refused(space):
    others = [None, 5, b"01201201", ["a"]]
    assert [other for other in others if not refuses(space.parse, other, "not a string")] == []


def test_a_graph_of_another_space_has_no_text(space):
    other = ArchGraph("elsewhere", ("input", "output"), ((0, 1),))
    for act in (space.format, space.neighbours):
        with pytest.raises(InvalidArchitecture, match="another space"):
            act(other)
    assert other not in space


def test_a_graph_that_is_no_architecture_has_no_text(space):
    graphs = [
        ((), (), ()),
        (("input",), (), ()),
        (("input", "output"), (), ()),
        (("input", "?", "output"), ((0, 1), (1, 2)), (("channels", (0.0, float("nan"), 0.0)),)),
        (tuple("abcdefghijkl"), tuple((node, node + 1) for node in range(11)), ()),
        (("a",) * 12, ((3, 2), (0, 11), (2, 5)), (("depth", (8.0,) * 12), ("width", (16.0,) * 12))),
    ]
    archs = [ArchGraph(space.name, *graph) for graph in graphs]
    assert [arch for arch in archs if not refuses(space.format, arch)] == []
    assert [arch for arch in archs if arch in space] == []
