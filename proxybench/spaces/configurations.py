"""Architectures of a table without a search space, each given as a configuration: named numbers, truth values, words.

The text form is canonical JSON: sorted names, whole numbers without a decimal point, objects and lists in a
configuration flattened to `outer.inner` and `list.0`. Such an architecture has no graph (a graph of no nodes), so
predictors that learn from graphs cannot be used; its identity is the digest of its text.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from predictors.arch import ArchGraph
from proxybench.errors import Unsupported
from proxybench.readers.json_text import parse_json
from proxybench.spaces.base import MAX_TEXT, SearchSpace

Value = str | int | float | bool | None
MAX_FIELDS = 500


@dataclass(frozen=True)
class Configuration(ArchGraph):
    """An architecture without a graph, named by its configuration.

    Attributes:
        text: the configuration as canonical JSON.
    """

    text: str = ""

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits, equal if and only if the configurations are."""
        return hashlib.blake2b(self.text.encode(), digest_size=16).hexdigest()


class Configurations(SearchSpace):
    """Any JSON object of numbers, truth values, words and nulls."""

    name = "configurations"
    ops = ()
    source = "the user's own table"
    example = '{"depth":12,"optimiser":"adam","width":0.5}'

    def _parse(self, text: str) -> ArchGraph:
        try:
            return Configuration(self.name, (), (), (), canonical(parse_json(text.encode())))
        except ValueError as error:
            raise self.invalid(text, str(error)) from None

    def _respelled(self, text: str) -> None:
        """None: other spellings are refused, since only JSON shows that a name occurs twice."""

    def _text_of(self, value: Any) -> str | None:
        return json.dumps(value) if isinstance(value, Mapping) else None

    def format(self, arch: ArchGraph) -> str:
        """The configuration as canonical JSON."""
        self.require(arch)
        if not isinstance(arch, Configuration):
            raise self.invalid("<a graph>", "it is not a configuration")
        return arch.text

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """Raises Unsupported: the set of configurations is not known."""
        raise Unsupported("configurations have no search space to draw from; use those of the table")

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """None: the set of configurations is not known."""
        return []


def canonical(configuration: Any) -> str:
    """The canonical JSON of a configuration.

    Raises:
        ValueError: if it is not a JSON object, a number is not finite, it has more than MAX_FIELDS fields or none, two
            fields have the same name when flattened, or the text is longer than MAX_TEXT.
    """
    text = json.dumps(flat(configuration), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if len(text) > MAX_TEXT:
        raise ValueError(f"{len(text)} characters, more than the limit of {MAX_TEXT}")
    return text


def flat(configuration: Any) -> dict[str, Value]:
    """The fields of a configuration, flattened. Raises ValueError like `canonical`."""
    if not isinstance(configuration, Mapping):
        raise ValueError("a configuration is a JSON object")
    fields: dict[str, Value] = {}
    for name, value in _flattened(configuration, ""):
        if name in fields:
            raise ValueError(f"two fields are called {name!r} when objects and lists are flattened")
        fields[name] = _plain(name, value)
        if len(fields) > MAX_FIELDS:
            raise ValueError(f"more than {MAX_FIELDS} fields")
    if not fields:
        raise ValueError("no fields")
    return fields


def _flattened(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for inner, one in value.items():
            if not isinstance(inner, str) or not inner:
                raise ValueError("a field without a name")
            yield from _flattened(one, f"{name}.{inner}" if name else inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for place, one in enumerate(value):
            yield from _flattened(one, f"{name}.{place}")
    else:
        yield name, value


def _plain(name: str, value: Any) -> Value:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if not isinstance(value, float):
        raise ValueError(f"field {name!r} is a {type(value).__name__}, not a number, a truth value or text")
    if not math.isfinite(value):
        raise ValueError(f"field {name!r} is {value}; use null if it is missing")
    return int(value) if value.is_integer() else value
