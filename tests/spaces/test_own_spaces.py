"""Spaces of the user, and architectures of tables without a space."""

from __future__ import annotations

import itertools
import json
import pickle
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import proxybench as pb
from predictors.arch import ArchGraph
from predictors.checks import ContractBroken
from proxybench import spaces
from proxybench.errors import InvalidArchitecture, InvalidSpace, UnknownName, Unsupported

TEXTS = ["-".join(words) for words in itertools.product("abc", repeat=3)]
MODULE = """
from tests_own_space import Words as Words

class Other(Words):
    name = "nasbench201"

class NoSpace:
    pass
"""


class Words(pb.SearchSpace):
    """Three of the operations a, b and c in a row."""

    name = "words"
    ops = ("a", "b", "c")
    source = "this test"
    example = "a-b-c"

    def _parse(self, text: str) -> ArchGraph:
        if text not in TEXTS:
            raise self.invalid(text, "not three of a, b and c")
        return ArchGraph(self.name, tuple(text.split("-")), ((0, 1), (1, 2)))

    def format(self, arch: ArchGraph) -> str:
        self.require(arch)
        return "-".join(arch.ops)

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        return [self.parse(text) for text in Random(seed).sample(TEXTS, n)]

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        changed = ((*arch.ops[:i], op, *arch.ops[i + 1 :]) for i in range(3) for op in self.ops if op != arch.ops[i])
        return [self.parse("-".join(ops)) for ops in changed]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tests_own_space", sys.modules[__name__])
    (tmp_path / "my_space.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_space", raising=False)
    spaces.get_space.cache_clear()


@pytest.mark.usefixtures("module")
def test_a_class_of_the_user_is_found_by_module_and_name() -> None:
    space = pb.get_space("my_space:Words")
    assert (space.name, space.reference) == ("words", "my_space:Words")
    assert pb.get_space(space.reference) is space
    assert pb.get_space("nasbench201").reference == "nasbench201"
    pb.check_space("my_space:Words")


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("my_space:Missing", "cannot load the search space 'my_space:Missing': AttributeError"),
        ("no_such_module:Words", "ModuleNotFoundError"),
        ("my_space:NoSpace", "derive a class from proxybench.spaces.SearchSpace"),
        ("my_space:Other", "called 'nasbench201'; rename it, since a space of this project has that name"),
    ],
)
def test_what_is_no_space_is_refused(target: str, message: str) -> None:
    with pytest.raises(InvalidSpace, match=message):
        pb.get_space(target)


@pytest.mark.usefixtures("module")
def test_installed_packages_provide_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = [
        EntryPoint("words", "my_space:Words", spaces.ENTRY_POINTS),
        EntryPoint("nasbench201", "my_space:Words", spaces.ENTRY_POINTS),
        EntryPoint("wards", "my_space:Words", spaces.ENTRY_POINTS),
    ]
    monkeypatch.setattr(spaces, "entry_points", lambda group: [one for one in installed if one.group == group])
    spaces.installed_spaces.cache_clear()
    try:
        assert pb.get_space("words").reference == "words"
        assert type(pb.get_space("nasbench201")) is not Words
        with pytest.raises(InvalidSpace, match="called 'words'; rename it to 'wards'"):
            pb.get_space("wards")
        with pytest.raises(UnknownName, match="Did you mean 'words'"):
            pb.get_space("wordz")
    finally:
        spaces.installed_spaces.cache_clear()


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101", "darts", "vit-micro", "nasbench-graph", "mnasnet"])
def test_registered_spaces_keep_the_contract(name: str) -> None:
    pb.check_space(name)


class _Repeats(Words):
    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        return [self.parse("a-a-a")] * n


class _Unstable(Words):
    def format(self, arch: ArchGraph) -> str:
        return "-".join(reversed(arch.ops))


class _ShortDigest(Words):
    def digest(self, arch: ArchGraph) -> str:
        return "abc"


class _OwnNeighbour(Words):
    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        return [arch]


class _Crashes(Words):
    def _parse(self, text: str) -> ArchGraph:
        return ArchGraph(self.name, tuple(text.split("-")), ((0, 1), (1, 2)))


class _FewOps(Words):
    ops = ("a", "b")


class _WrongLogits(Words):
    def build(self, arch, num_classes=None, in_shape=None, **options):
        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.LazyLinear(num_classes + 1))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (_Repeats, "repeats an architecture in a sample"),
        (_Unstable, "writes its example in another form"),
        (_ShortDigest, "has 'abc' as a digest"),
        (_OwnNeighbour, "among its own neighbours"),
        (_Crashes, "raises InvalidGraph for the text '', not InvalidArchitecture"),
        (_FewOps, "attribute 'ops' lacks: c"),
        (_WrongLogits, r"has shape \(2, 11\), not \(2, 10\)"),
        (object(), "not derived from"),
    ],
)
def test_a_broken_contract_is_named(space, message: str) -> None:
    with pytest.raises(ContractBroken, match=message):
        pb.check_space(space)


def test_graphs_are_json_in_one_form() -> None:
    space = pb.get_space("graphs")
    arch = space.parse('{"edges": [[1, 2], [0, 1]], "ops": ["in", "conv", "out"]}')
    assert arch == ArchGraph("graphs", ("in", "conv", "out"), ((0, 1), (1, 2)))
    assert space.format(arch) == '{"edges":[[0,1],[1,2]],"ops":["in","conv","out"]}'
    assert space.parse({"ops": ["in", "conv", "out"], "edges": [[0, 1], [1, 2]]}) == arch
    wide = space.parse('{"ops":["a"],"edges":[],"attrs":{"width":[8]}}')
    assert wide.attrs == (("width", (8.0,)),)
    assert space.parse(space.format(wide)) == wide
    with pytest.raises(Unsupported):
        space.sample(1, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"ops":["a","b"],"edges":[[0,1],[1,0]]}', "the edges form a cycle"),
        ('{"ops":["a"],"edges":[[0,0]]}', "not valid in a graph of 1 nodes"),
        ('{"ops":["a","b"],"edges":[[0,2]]}', "not valid in a graph of 2 nodes"),
        ('{"ops":["a","b"],"edges":[[0,1],[0,1]]}', "repeated edge"),
        ('{"ops":[],"edges":[]}', "at least one"),
        ('{"ops":[1],"edges":[]}', "as texts"),
        ('{"ops":["a"]}', "expected"),
        ('{"ops":["a"],"edges":[[0]]}', "not a pair of node numbers"),
        ('{"ops":["a","b"],"edges":[[0,true]]}', "not a pair of node numbers"),
        ('{"ops":["a"],"edges":[],"attrs":{"w":[1,2]}}', "has 2 values for 1 nodes"),
        ('{"ops":["a"],"edges":[],"attrs":{"w":["x"]}}', "'x' is not a number"),
        ('{"ops":["a"],"edges":[],"more":1}', "expected"),
        ('{"ops":["a"],"ops":["b"],"edges":[]}', "occurs twice"),
        ("{" * 300, "Expecting"),
    ],
)
def test_what_is_no_graph_says_why(text: str, message: str) -> None:
    with pytest.raises(InvalidArchitecture, match=message):
        pb.get_space("graphs").parse(text)


@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=3),
        st.one_of(st.integers(), st.booleans(), st.text(max_size=5), st.none(), st.floats(-1e9, 1e9)),
        min_size=1,
        max_size=4,
    )
)
def test_a_configuration_has_one_text_and_one_digest(fields) -> None:
    space = pb.get_space("configurations")
    arch = space.parse(json.dumps(fields))
    assert space.parse(space.format(arch)) == arch
    shuffled = dict(reversed(fields.items()))
    assert space.parse(json.dumps(shuffled)).digest == arch.digest
    assert space.digest(space.parse(shuffled)) == space.digest(arch)
    assert pickle.loads(pickle.dumps(arch)) == arch
    assert len(arch) == 0


def test_different_configurations_have_different_digests() -> None:
    space = pb.get_space("configurations")
    texts = ['{"a":1}', '{"a":true}', '{"a":"1"}', '{"a":null}', '{"b":1}', '{"a":1.5}']
    assert len({space.parse(text).digest for text in texts}) == len(texts)
    assert space.parse('{"a":1.0}') == space.parse('{"a":1}')
