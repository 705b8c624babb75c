"""The names of methods as the page shows them, without JSON and without the suffix that says who computed a score."""

from __future__ import annotations

import json
import re

OURS = "proxybench"  # the suffix of scores that this project computed
_WORDS = {"columns": {False: "graph only", True: "with columns"}}
_SUFFIX = re.compile(r"@([A-Za-z][\w.-]*)\Z")


def split_source(method: str) -> tuple[str, str]:
    """The name of a method, and the source of its scores: `zen@proxybench` -> zen, proxybench; empty without a suffix.

    A number after the sign counts epochs, as in `val_acc@12`, and belongs to the name.
    """
    found = _SUFFIX.search(method)
    return (method[: found.start()], found[1]) if found and found.start() else (method, "")


def in_words(params: str) -> str:
    """Arguments, as sorted JSON, in words: `{"columns":false}` -> graph only. Text that is not an object stays."""
    try:
        arguments = json.loads(params or "{}")
    except ValueError:
        return params
    if not isinstance(arguments, dict):
        return params
    return ", ".join(_argument(str(name), value) for name, value in arguments.items())


def shown_name(method: str, params: str = "{}") -> str:
    """A method and its arguments in a line: `gbdt, graph only`."""
    return ", ".join(filter(None, (method, in_words(params))))


def _argument(name: str, value: object) -> str:
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return _WORDS.get(name, {}).get(value) or (words if value else f"no {words}")
    if value in ("", None):
        return f"no {words}"
    return f"{words} {value:g}" if isinstance(value, int | float) else f"{words} {value}"
