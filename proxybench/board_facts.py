"""What the page of the leaderboard says about methods and benchmarks, collected from the code and the registry."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, metadata, version
from typing import Any

from predictors import PREDICTORS
from predictors.errors import LibraryMissing
from proxybench.leaderboard.page.facts import BenchmarkFacts, Facts, MethodFacts, Section
from proxybench.proxies import PROXIES
from proxybench.search import SEARCHERS
from proxybench.tables.catalogue import BenchmarkInfo, list_benchmarks
from proxybench.tables.sources.registry import load_registry

DISTRIBUTION = "nas-proxybench"
REPOSITORY = ("Repository", "Source", "Source Code")  # names of the address among those of the distribution


def board_facts(repository: str = "") -> Facts:
    """All facts. Methods that need a library that is not installed are left out.

    Args:
        repository: the address of the source code; by default the one that the installed distribution states, if any.

    Raises:
        CorruptData: if a table on this machine is damaged.
    """
    methods = {
        **_methods("searcher", SEARCHERS),
        **_methods("predictor", PREDICTORS),
        **_methods("proxy", PROXIES),
    }
    return Facts(
        methods=methods,
        benchmarks={name: _benchmark(info) for name, info in list_benchmarks().items()},
        version=version(DISTRIBUTION),
        repository=repository or _stated_repository(),
    )


def _methods(kind: str, registry: Mapping[str, Any]) -> dict[str, MethodFacts]:
    found = {}
    for name in sorted(registry):
        with suppress(LibraryMissing):
            found[name] = _method(kind, registry[name])
    return found


def _method(kind: str, thing: Any) -> MethodFacts:
    """A proxy states its formula and source; of a class the first line and the source in its docstring count."""
    if kind == "proxy":
        return MethodFacts(kind, thing.formula, thing.source, tuple(sorted(thing.needs)))
    text = inspect.getdoc(thing) or ""
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    sources = [words.removeprefix("Source: ") for words in paragraphs if words.startswith("Source: ")]
    return MethodFacts(kind, text.partition("\n")[0], " ".join(sources))


def _benchmark(info: BenchmarkInfo) -> BenchmarkFacts:
    section: Section = "ours" if info.shipped else "yours" if info.own else "published"
    entry = load_registry().benchmarks.get(info.name)
    if entry is None:
        return BenchmarkFacts(section, info.title, info.space)
    whole = entry.flat
    return BenchmarkFacts(
        section=section,
        title=whole.title,
        space=whole.space,
        population=whole.population,
        datasets=whole.datasets,
        citation=whole.citation,
        licence=", ".join(info.licences),
        caveats=tuple(whole.caveats),
    )


def _stated_repository() -> str:
    try:
        stated = metadata(DISTRIBUTION).get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    urls = dict(line.split(", ", 1) for line in stated if ", " in line)
    return next((urls[name] for name in REPOSITORY if name in urls), "")
