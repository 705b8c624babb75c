"""The lazy registry imports an object when it is first used, and not before."""

from __future__ import annotations

import sys

import pytest

from predictors.errors import UnknownName, unknown_name
from predictors.registry import Registry

UNUSED = "xml.dom.pulldom"  # a module of the standard library that nothing here imports


def test_names_are_listed_without_import(monkeypatch):
    monkeypatch.delitem(sys.modules, UNUSED, raising=False)
    registry = Registry("thing", {"pull": f"{UNUSED}:parse", "join": "os.path:join"})
    assert list(registry) == ["pull", "join"]
    assert "pull" in registry
    assert len(registry) == 2
    assert UNUSED not in sys.modules
    assert registry["pull"].__module__ == UNUSED


def test_unknown_name_suggests_the_nearest_and_lists_the_valid():
    registry = Registry("space", {"nasbench101": "a:b", "nasbench201": "a:b"})
    with pytest.raises(UnknownName, match=r"unknown space 'nasbench021'. Did you mean 'nasbench201'\? Valid: nasbench"):
        registry["nasbench021"]


def test_get_answers_the_default_for_an_unknown_name():
    registry = Registry("thing", {"join": "os.path:join"})
    assert registry.get("split") is None
    assert registry.get("split", 3) == 3
    assert registry.get("join")("a", "b").endswith("b")


def test_register_adds_once():
    registry = Registry("thing", {})
    registry.register("join", "os.path:join")
    registry.register("join", "os.path:join")
    assert list(registry) == ["join"]
    with pytest.raises(ValueError, match=r"already registered as os\.path:join"):
        registry.register("join", "os.path:split")


def test_registries_do_not_share_their_targets():
    targets = {"join": "os.path:join"}
    Registry("thing", targets).register("split", "os.path:split")
    assert list(targets) == ["join"]


def test_unknown_name_without_any_valid_one():
    assert str(unknown_name("thing", "a", [])) == "unknown thing 'a'. Valid: none."


def test_long_lists_of_valid_names_are_cut():
    message = str(unknown_name("thing", "zzz", [f"name{k}" for k in range(1000)]))
    assert "name39, ..." in message
    assert "name40" not in message
