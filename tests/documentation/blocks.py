"""Code blocks of Markdown documents, run in order as a reader would, and their output compared with what stands there.

Languages of a fenced block and what they mean:

- `python`: executed, in one namespace for the whole document. What it prints must stand in a `text` block after it.
- `console`: lines `$ command`, each followed by its output; `...` in the output stands for any number of lines.
- `text`: the output of the `python` block before it.

An HTML comment in the line before a block changes that:

- `<!-- file: NAME -->`: the block is written to the file NAME, which later blocks use.
- `<!-- slow -->`: the block and all after it run only when everything is requested.
- `<!-- not run: REASON -->`: it is not run; for commands that need a network, for example.

`python tests/documentation/blocks.py FILE...` runs all blocks of documents, and replaces the output that they show.
"""

from __future__ import annotations

import io
import math
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from sybil import Document
from sybil.parsers.markdown import CodeBlockParser

LANGUAGES = ("python", "console", "text")
RELATIVE, ABSOLUTE = 0.05, 0.02  # how much a number may differ on another machine
_COMMENT = re.compile(r"<!-- *(file|slow|not run):? *(.*?) *-->\n$")
_NUMBER = re.compile(r"[-+]?(\d[\d,]*)?\.?\d+(e[-+]?\d+)?")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text, place in the document, and the comment before it."""

    language: str
    text: str
    line: int
    start: int
    end: int
    mark: str = ""
    argument: str = ""


@dataclass
class Session:
    """What the blocks of a document share: a namespace, and the output that has not been shown yet."""

    namespace: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    printed: str = ""


class WrongOutput(AssertionError):
    """A block does not print what stands in the document."""


def blocks_of(path: Path) -> list[Block]:
    """The blocks of a document that this module knows, in order."""
    found: list[Block] = []
    parsers = [CodeBlockParser(language, lambda example: None) for language in LANGUAGES]
    document = Document.parse(str(path), *parsers)
    for example in sorted(document.examples(), key=lambda example: example.region.start):
        start, end = example.region.start, example.region.end
        comment = _COMMENT.search(document.text[:start])
        mark, argument = comment.groups() if comment else ("", "")
        text = str(example.parsed)
        inside = document.text.index("\n", start) + 1
        found.append(Block(example.region.lexemes["arguments"], text, example.line, inside, end, mark, argument))
    return found


def run(path: Path, everything: bool = False) -> Iterator[tuple[Block, str]]:
    """Run the blocks of a document in the current folder, and yield each with what it should hold.

    Args:
        path: the document.
        everything: also the blocks that are marked as slow, with those after them; otherwise a document ends at the
            first of them.

    Raises:
        WrongOutput: for output that no block shows, and for a `text` block without output before it.
    """
    session = Session()
    for block in blocks_of(path):
        if block.mark == "not run":
            continue
        if block.mark == "slow" and not everything:
            break
        if session.printed and block.language != "text":
            raise WrongOutput(f"{path}: the block before line {block.line} prints what no text block shows")
        yield block, _run(block, session, path)
    if session.printed:
        raise WrongOutput(f"{path}: the last block prints what no text block shows:\n{session.printed}")


def same(expected: str, actual: str) -> bool:
    """Whether two outputs agree: word by word, numbers nearly, and `...` for any number of lines."""
    pattern = expected.split()
    return _same_words(pattern, actual.split())


def _same_words(pattern: list[str], words: list[str]) -> bool:
    if "..." in pattern:
        cut = pattern.index("...")
        head, rest = pattern[:cut], pattern[cut + 1 :]
        if len(words) < cut or not _same_words(head, words[:cut]):
            return False
        if "..." in rest:
            return any(_same_words(rest, words[skip:]) for skip in range(cut, len(words) + 1))
        return len(words) >= cut + len(rest) and _same_words(rest, words[len(words) - len(rest) :])
    return len(pattern) == len(words) and all(map(_same_word, pattern, words))


def _same_word(expected: str, actual: str) -> bool:
    if expected == actual:
        return True
    if _NUMBER.sub("#", expected) != _NUMBER.sub("#", actual):
        return False
    pairs = zip(_numbers(expected), _numbers(actual), strict=True)
    return all(abs(one - other) <= max(ABSOLUTE, RELATIVE * abs(one)) for one, other in pairs)


def _numbers(word: str) -> list[float]:
    return [float(found[0].replace(",", "")) for found in _NUMBER.finditer(word)]


def _run(block: Block, session: Session, path: Path) -> str:
    if block.mark == "file":
        place = Path(block.argument)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(block.text)
        return block.text
    if block.language == "text":
        shown, session.printed = session.printed, ""
        if not shown:
            raise WrongOutput(f"{path}, line {block.line}: a text block without output before it")
        return shown
    if block.language == "console":
        return "".join(_answer(command) for command, _ in commands(block.text))
    output = io.StringIO()
    source = "\n" * block.line + block.text  # tracebacks then name the line of the document
    with redirect_stdout(output):
        exec(compile(source, str(path), "exec"), session.namespace)  # the documents are ours
    session.printed = output.getvalue()
    return block.text


def commands(text: str) -> list[tuple[str, str]]:
    """The commands of a `console` block, with continuation lines, and the output that stands after each."""
    found: list[tuple[str, str]] = []
    open_command = False
    for line in text.splitlines(keepends=True):
        if open_command:
            found[-1] = (found[-1][0] + line, "")
        elif line.startswith("$ "):
            found.append((line, ""))
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
        open_command = line.endswith("\\\n") and not found[-1][1]
    return found


def _answer(command: str) -> str:
    """The command as it stands, and what it prints; a command of this project runs in this process."""
    words = shlex.split(command.removeprefix("$ ").replace("\\\n", " "))
    if words[0] == "proxybench":
        return command + _in_this_process(words)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": _paths()}
    done = subprocess.run(
        ["bash", "-c", command.removeprefix("$ ")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment,
    )
    return command + done.stdout


def _paths() -> str:
    return os.pathsep.join(path for path in sys.path if path)


def _in_this_process(words: list[str]) -> str:
    from proxybench.cli import main

    output = io.StringIO()
    with (
        mock.patch.object(sys, "argv", words),
        mock.patch("proxybench.cli.sweeps.LINE_S", math.inf),  # a slow machine prints lines that pages do not show
        redirect_stdout(output),
        redirect_stderr(output),
        suppress(SystemExit),
    ):
        main()
    return output.getvalue()


def check(path: Path, everything: bool = False) -> int:
    """Run a document and return the number of blocks that ran.

    Raises:
        WrongOutput: where the output is not what stands in the document.
    """
    count = 0
    for block, actual in run(path, everything):
        count += 1
        if not same(block.text, actual):
            raise WrongOutput(f"{path}, line {block.line}, should be:\n{actual}")
    return count


def update(path: Path) -> None:
    """Replace the output that stands in a document by the output of its blocks."""
    text = path.read_text()
    for block, actual in reversed(list(run(path, everything=True))):
        if not same(block.text, actual):
            text = text[: block.start] + actual.rstrip() + "\n```" + text[block.end :]
    path.write_text(text)


def _main(paths: Iterable[str]) -> None:
    os.environ |= {"PROXYBENCH_OFFLINE": "1"}
    os.environ.pop("PROXYBENCH_MIRROR", None)
    for path in map(Path, paths):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["PROXYBENCH_CACHE"] = f"{folder}/cache"
            place = path.resolve()
            with chdir(folder), mock.patch.object(sys, "path", [folder, *sys.path]):
                update(place)


if __name__ == "__main__":
    _main(sys.argv[1:])
