"""The grammar of calls and quantities: what is written is what is read, and anything else is refused in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxybench.grammar import Call, InvalidText, Quantity, parse_arguments, parse_call, parse_recorded

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
CALL_NAMES = st.from_regex(r"[A-Za-z_][\w.:@+-]{0,12}", fullmatch=True)
SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | st.text(max_size=12)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.builds(Call, CALL_NAMES, st.dictionaries(NAMES, inner, min_size=1)),
    max_leaves=6,
)


@given(st.builds(Call, CALL_NAMES, st.dictionaries(NAMES, VALUES, max_size=3)))
def test_what_is_written_is_read_as_the_same_call(call):
    assert parse_call(str(call)) == call


@given(st.text(max_size=60))
def test_any_text_is_refused_or_a_call_that_is_written_and_read_again(text):
    try:
        call = parse_call(text)
    except InvalidText:
        return
    assert parse_call(str(call)) == call


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("gbdt", Call("gbdt")),
        ("gbdt()", Call("gbdt")),
        ("gbdt(columns=false, seeds=3)", Call("gbdt", {"columns": False, "seeds": 3})),
        ("my_file:my_proxy", Call("my_file:my_proxy")),
        (
            "guided(predictor=gin(members=1, min_steps=60), every=5)",
            Call("guided", {"predictor": Call("gin", {"members": 1, "min_steps": 60}), "every": 5}),
        ),
        ("gin(widths=[16, 32], act=relu)", Call("gin", {"widths": [16, 32], "act": "relu"})),
        ("ridge( alpha = 1e-3 )", Call("ridge", {"alpha": 0.001})),
        ('ranking(metrics="a, b")', Call("ranking", {"metrics": "a, b"})),
        ("knn(weights=None)", Call("knn", {"weights": None})),
    ],
)
def test_calls(text, call):
    assert parse_call(text) == call


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected a name at the end"),
        ("gbdt(", "expected an argument's name at the end"),
        ("gbdt(1=2)", "'1' is not an argument name"),
        ("gbdt(a=1, a=2)", "argument 'a' is given twice"),
        ("gbdt(a=1) more", "unexpected 'more'"),
        ("gbdt(a 1)", "expected '=' before '1'"),
        ('gbdt(a="1)', "a quotation mark is not closed"),
        ("f(a=" + "[" * 20 + "]" * 20 + ")", "more than 16 calls or lists are nested"),
    ],
)
def test_what_is_no_call_is_refused_with_the_place(text, reason):
    with pytest.raises(InvalidText) as refused:
        parse_call(text)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("gbdt[columns=false]", "gbdt(columns=false)"),
        ("my_file:Mine[depth=3]", "my_file:Mine(depth=3)"),
        ("robot:proposals=random,scale=rank", "robot(proposals=random, scale=rank)"),
        (
            "guided:predictor=gin[members=1,min_steps=60],every=5",
            "guided(predictor=gin(members=1, min_steps=60), every=5)",
        ),
        ("ranking:metrics=synflow+nwot", "ranking(metrics=synflow+nwot)"),
    ],
)
def test_spellings_of_old_records_are_read_and_named_when_typed(old, new):
    assert str(parse_recorded(old)) == new
    assert parse_recorded(new) == parse_recorded(old) == parse_call(new)
    with pytest.raises(InvalidText, match="is written") as refused:
        parse_call(old)
    assert new in str(refused.value)


def test_arguments_alone():
    assert parse_arguments("channels=16,cells=5") == {"channels": 16, "cells": 5}
    assert parse_arguments(" ") == {}
    with pytest.raises(InvalidText, match="'channels=16,' is not of the form"):
        parse_arguments("channels=16,")


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("val_acc", Quantity("val_acc")),
        ("val_acc@12", Quantity("val_acc", 12)),
        ("latency_ms@edgegpu", Quantity("latency_ms@edgegpu")),
        ("cifar10/val_acc@12#777", Quantity("val_acc", 12, "777", "cifar10")),
        ("ImageNet16-120/test_acc@200#mean", Quantity("test_acc", 200, "mean", "ImageNet16-120")),
        ("robust_acc@pgd@Linf_eps-1.0@200#0", Quantity("robust_acc@pgd@Linf_eps-1.0", 200, "0")),
        ("proxy:synflow", Quantity("proxy:synflow")),
    ],
)
def test_quantities(text, quantity):
    assert Quantity.parse(text) == quantity
    assert str(quantity) == text


@pytest.mark.parametrize("text", ["", "@12", "Val", "a/b/c", "val_acc#", "#3", "val_acc@12@13#x#y"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(InvalidText, match="such as val_acc@12"):
        Quantity.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_refused_or_a_quantity_that_is_written_and_read_again(text):
    try:
        quantity = Quantity.parse(text)
    except InvalidText:
        return
    assert Quantity.parse(str(quantity)) == quantity
