"""JSON of unknown origin: bounded, and without names that stand for two values."""

from __future__ import annotations

import codecs
import json
import math

import pytest

from proxybench.readers import json_text
from proxybench.readers.json_text import parse_json


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_text_of_every_encoding_of_the_standard_is_read(encoding: str) -> None:
    assert parse_json('{"é": [1, "ü"]}'.encode(encoding)) == {"é": [1, "ü"]}


@pytest.mark.parametrize("data", [b"[" * 199 + b"]" * 199, b'{"a":' * 199 + b"1" + b"}" * 199])
def test_moderate_nesting_is_read(data: bytes) -> None:
    assert parse_json(data) == json.loads(data)


@pytest.mark.parametrize("depth", [201, 300, 900, 5000, 10**6])
@pytest.mark.parametrize("form", [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_deep_nesting_is_refused(depth: int, form: tuple[str, str]) -> None:
    start, end = form
    with pytest.raises(ValueError, match="JSON nested more than 200 deep"):
        parse_json((start * depth + "1" + end * depth).encode())


@pytest.mark.parametrize("part", [b"[],", b"{},", b"1,", b'"",'])
def test_more_values_than_memory_allows_are_refused_before_they_are_parsed(monkeypatch, part: bytes) -> None:
    monkeypatch.setattr(json_text, "MAX_UNITS", 10_000)
    parse_json(b"[" + part * 1000 + b"1]")
    with pytest.raises(ValueError, match="too many values"):
        parse_json(b"[" + part * 10_000 + b"1]")


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '[{"b": {"a": 1, "c": 3, "a": null}}]', '{"a": NaN, "a": 1}'])
def test_a_name_with_two_values_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="'a' occurs twice, with different values"):
        parse_json(text.encode())


def test_a_name_that_occurs_twice_with_one_value_is_read() -> None:
    assert parse_json(b'{"a": [1], "a": [1]}') == {"a": [1]}
    assert math.isnan(parse_json(b'{"a": NaN, "a": NaN}')["a"])


@pytest.mark.parametrize("data", [b"9" * 5000, b"1 2", b"", b"\xff", codecs.BOM_UTF16_LE + b"\x00", b"[1,]", b"'a'"])
def test_what_is_no_json_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(data)
