"""The decorator `entrant`, and how the plugin finds what it declared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import proxybench as pb
from proxybench.evaluation.entrants import DECLARED, InvalidMethod, find_entrant, load_object
from proxybench.pytest_plugin.declared import declared, target


@pytest.fixture(autouse=True)
def nothing_declared() -> Iterator[None]:
    before = dict(DECLARED)
    DECLARED.clear()
    yield
    DECLARED.clear()
    DECLARED.update(before)


def declare(name: str | None, qualname: str):
    def score(batch):
        return [0.0] * len(batch)

    score.__qualname__ = qualname
    return pb.entrant(name, floors={"task": 0.4})(score)


def test_the_decorator_returns_the_thing_itself_and_declares_it() -> None:
    thing = declare("mine", "score")
    assert declared([thing]) == {"mine": thing}
    assert thing(range(3)) == [0.0] * 3


def test_the_name_of_the_function_is_the_default() -> None:
    thing = declare(None, "outer.score")
    assert declared([3, thing]) == {"score": thing}


def test_a_declared_entrant_is_found_whatever_its_module_is_called() -> None:
    thing = declare("my-proxy", "outer.<locals>.score")
    declared([thing])
    found = find_entrant(target("my-proxy"))
    assert (found.name, found.kind, found.learns) == ("my-proxy", "training-free", False)
    assert load_object(found.target) is thing


def test_a_module_imported_again_replaces_what_it_declared() -> None:
    first = declare("mine", "score")
    again = declare("mine", "score")
    assert declared([first, again]) == {"mine": again}


def test_an_entrant_that_is_only_imported_somewhere_does_not_take_part() -> None:
    declare("elsewhere", "one")
    here = declare("here", "two")
    assert declared([here]) == {"here": here}
    with pytest.raises(InvalidMethod, match="no entrant 'elsewhere' is declared"):
        find_entrant(target("elsewhere"))


def test_two_entrants_of_one_name_are_refused() -> None:
    both = [declare("mine", "one"), declare("mine", "other")]
    with pytest.raises(InvalidMethod, match=r"two entrants are called mine: .*one and .*other"):
        declared(both)


@pytest.mark.parametrize("name", ["a b", "a[b]", "a:b", "a/b", "a=b", "", "-a"])
def test_a_name_that_a_command_line_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(InvalidMethod, match="needs a name of letters"):
        pb.entrant(name)


def test_the_decorator_without_brackets_is_refused() -> None:
    with pytest.raises(InvalidMethod, match="in parentheses"):
        pb.entrant(len)  # type: ignore[arg-type]


def test_other_names_are_attribute_errors() -> None:
    with pytest.raises(InvalidMethod, match="no entrant 'nobody' is declared"):
        find_entrant(target("nobody"))
