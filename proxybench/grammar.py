"""The common grammar of methods, searchers, proxies and networks, and the grammar of measured quantities.

A call is a name with arguments, `guided(predictor=gin(members=1), every=5)`: the argument names are identifiers, the
values numbers, `true`, `false`, `null`, words, quoted text, lists in square brackets, or calls. A quantity is a metric
with optional epochs and seed, `val_acc@12#777`, or a metric on a device, `latency_ms@edgegpu`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxybench.errors import ProxybenchError

MAX_LENGTH = 10_000  # characters of a call, which users type
MAX_DEPTH = 16  # nesting of calls and lists
_TOKEN = re.compile(r"""\s*(?:(?P<mark>[()\[\],=])|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<word>[^\s()\[\],="]+))""")
_WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_BRACKETED = re.compile(r"(?P<name>[^\[\]()=,]+)\[(?P<arguments>.*)\]", re.DOTALL)  # of version 0.1
_LISTED = re.compile(r"(?P<name>[^\[\]():=,]+):(?P<arguments>[^:=]+=.*)", re.DOTALL)  # of version 0.1
_COMMA = re.compile(r",(?![^\[\]]*\])")  # outside square brackets
_QUANTITY = re.compile(r"(?:(?P<dataset>[^/#]+)/)?(?P<metric>[a-z][^/#]*?)(?:@(?P<epochs>\d+))?(?:#(?P<seed>\w+))?")


_RENAMED = {"parzc": {"encoding": "encodings"}}  # by method: an argument in records, and its current name


class InvalidText(ProxybenchError, ValueError):
    """Text that is not a valid call or quantity; the message says where parsing fails."""


@dataclass(frozen=True)
class Call:
    """A name with arguments. `str` formats it so that `parse_call` can read it.

    Attributes:
        name: for example `gbdt`, `my_file:my_proxy` or `val_acc@12`.
        arguments: argument name to value: str, int, float, bool, None, Call, or a list of these.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.arguments:
            return self.name
        return f"{self.name}({', '.join(f'{name}={format_value(value)}' for name, value in self.arguments.items())})"


def parse_call(text: str) -> Call:
    """Parse a call.

    Raises:
        InvalidText: if the text is not a call; for the syntax of earlier versions, `gbdt[columns=false]` or
            `robot:scale=rank`, the message gives the current one.
    """
    try:
        return _call(text)
    except InvalidText as error:
        if (old := _recorded_form(text)) is not None:
            raise InvalidText(f"{text!r} is written {str(_recorded(text, old))!r}") from error
        raise


def parse_arguments(text: str) -> dict[str, Any]:
    """Parse arguments such as `channels=16, cells=5`: a call without its name and parentheses.

    Raises:
        InvalidText: if the text has another form.
    """
    parser = _Parser(text)
    arguments = parser.arguments() if text.strip() else {}
    parser.end()
    return arguments


def parse_recorded(text: str) -> Call:
    """Parse a call in the current syntax or in that of records of version 0.1.

    Those have `gbdt[columns=false]` for predictors and `guided:predictor=gin[members=1],every=5` for searchers.

    Raises:
        InvalidText: if the text is neither.
    """
    try:
        return _call(text)
    except InvalidText:
        if (old := _recorded_form(text)) is not None:
            return _recorded(text, old)
        raise


def current_arguments(method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a recorded method under the names that its constructor takes now."""
    renamed = _RENAMED.get(method, {})
    return {renamed.get(name, name): value for name, value in arguments.items()}


def recorded_arguments(method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a method under their names in records, so that a method keeps its identity and its label."""
    recorded = {now: before for before, now in _RENAMED.get(method, {}).items()}
    return {recorded.get(name, name): value for name, value in arguments.items()}


def _call(text: str) -> Call:
    parser = _Parser(text)
    call = parser.call()
    parser.end()
    return call


def _recorded(text: str, form: re.Match[str]) -> Call:
    arguments = {}
    for part in filter(None, _COMMA.split(form["arguments"])):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name.isidentifier():
            raise InvalidText(f"{text!r}: {part!r} is not argument=value")
        inner = _BRACKETED.fullmatch(value)
        arguments[name] = _recorded(value, inner) if inner else _scalar(value)
    return Call(form["name"].strip(), arguments)


def _recorded_form(text: str) -> re.Match[str] | None:
    return _BRACKETED.fullmatch(text.strip()) or _LISTED.fullmatch(text.strip())


def format_arguments(arguments: Mapping[str, Any]) -> str:
    """Format arguments for `parse_arguments`, without spaces, as on a command line."""
    return ",".join(f"{name}={format_value(value)}" for name, value in arguments.items())


def recordable(value: Any) -> str | int | float | bool | None:
    """The value of an argument as stored in records: calls and lists become text."""
    return value if value is None or isinstance(value, (str, int, float, bool)) else format_value(value)


def format_value(value: Any) -> str:
    """Format the value of an argument so that `parse_call` can read it."""
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(format_value, value))}]"
    if isinstance(value, str) and value not in _WORDS and not _NUMBER.fullmatch(value):
        token = _TOKEN.fullmatch(value)
        return value if token and token["word"] == value else json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(value, Call) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Quantity:
    """A measured quantity, `[DATASET/]METRIC[@EPOCHS][#SEED]`; `str` formats it so that `parse` can read it.

    Attributes:
        metric: name, with the device if the metric has one: `val_acc`, `latency_ms@edgegpu`.
        epochs: epochs of training; None if the metric has none, or for the most in the table.
        seed: label of the training run; None for the mean.
        dataset: None for the data set named by the context.
    """

    metric: str
    epochs: int | None = None
    seed: str | None = None
    dataset: str | None = None

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """Parse a quantity. Raises InvalidText if the text is not one."""
        found = _QUANTITY.fullmatch(text.strip())
        if found is None:
            raise InvalidText(f"{text!r} is not of the form [DATASET/]METRIC[@EPOCHS][#SEED], such as val_acc@12")
        epochs = found["epochs"]
        return cls(found["metric"], int(epochs) if epochs else None, found["seed"], found["dataset"])

    def __str__(self) -> str:
        dataset = f"{self.dataset}/" if self.dataset else ""
        epochs = f"@{self.epochs}" if self.epochs is not None else ""
        return f"{dataset}{self.metric}{epochs}" + (f"#{self.seed}" if self.seed else "")


class _Parser:
    """Reads text from left to right, with one token of lookahead."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise InvalidText(f"{text[:40]!r}... has {len(text)} characters; at most {MAX_LENGTH} are read")
        self._text = text
        self._tokens = self._split()
        self._depth = 0
        self._next()

    def call(self) -> Call:
        return Call(self._take("word", "a name"), self._parenthesised() or {})

    def _parenthesised(self) -> dict[str, Any] | None:
        """The arguments in the parentheses that follow; None if there are no parentheses."""
        if not self._skip("("):
            return None
        arguments = {} if self._mark() == ")" else self.arguments()
        self._require(")")
        return arguments

    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            name = self._take("word", "an argument's name")
            if not name.isidentifier():
                self._fail(f"{name!r} is not an argument name")
            if name in found:
                self._fail(f"argument {name!r} is given twice")
            self._require("=")
            found[name] = self._value()
            if not self._skip(","):
                return found

    def end(self) -> None:
        if self._token is not None:
            self._fail(f"unexpected {self._token[0]!r}")

    def _value(self) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} calls or lists are nested")
        value = self._list() if self._skip("[") else self._scalar_or_call()
        self._depth -= 1
        return value

    def _list(self) -> list[Any]:
        values = []
        while self._mark() != "]":
            values.append(self._value())
            if not self._skip(","):
                break
        self._require("]")
        return values

    def _scalar_or_call(self) -> Any:
        if self._token is not None and self._token[1] == "quoted":
            return json.loads(self._take("quoted", "a value"))
        name = self._take("word", "a value")
        arguments = self._parenthesised()
        return _scalar(name) if arguments is None else Call(name, arguments)

    def _split(self) -> Iterator[tuple[str, str]]:
        text, position = self._text.rstrip(), 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise InvalidText(f"{self._text!r}: a quotation mark is not closed")
            position = found.end()
            yield found[found.lastgroup or 0], str(found.lastgroup)

    def _next(self) -> None:
        self._token = next(self._tokens, None)

    def _mark(self) -> str:
        return self._token[0] if self._token is not None and self._token[1] == "mark" else ""

    def _skip(self, mark: str) -> bool:
        if self._mark() != mark:
            return False
        self._next()
        return True

    def _require(self, mark: str) -> None:
        if not self._skip(mark):
            self._fail(f"expected {mark!r} {self._where()}")

    def _take(self, kind: str, what: str) -> str:
        if self._token is None or self._token[1] != kind:
            self._fail(f"expected {what} {self._where()}")
        assert self._token is not None
        word = self._token[0]
        self._next()
        return word

    def _where(self) -> str:
        return "at the end" if self._token is None else f"before {self._token[0]!r}"

    def _fail(self, reason: str) -> None:
        raise InvalidText(f"{self._text!r} is not of the form name(argument=value, ...): {reason}")


def _scalar(word: str) -> Any:
    """A number, boolean or null if the word is one; any other word unchanged, also a number too large for a float."""
    if word in _WORDS:
        return _WORDS[word]
    if not _NUMBER.fullmatch(word):
        return word
    number = float(word)
    if not math.isfinite(number):
        return word
    return int(word) if re.fullmatch(r"[+-]?[0-9]+", word) else number
