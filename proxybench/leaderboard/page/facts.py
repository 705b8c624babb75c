"""What the page says about methods and benchmarks besides their figures. The caller collects it: records lack it."""

from __future__ import annotations

from typing import Literal

import msgspec

Section = Literal["published", "ours", "yours"]
SECTIONS: dict[Section, str] = {
    "published": "Published benchmarks",
    "ours": "Our own small trainings",
    "yours": "Your own tables",
}

TRAINED = "trained-"  # begins the names of the tables of this project's trainings


class MethodFacts(msgspec.Struct, frozen=True):
    """A method.

    Attributes:
        kind: "proxy", "predictor" or "searcher"; decides the snippet that shows its use.
        what: the formula of a proxy, one sentence about others.
        source: the publication.
        needs: what a proxy needs besides the network.
    """

    kind: str
    what: str
    source: str = ""
    needs: tuple[str, ...] = ()


class BenchmarkFacts(msgspec.Struct, frozen=True):
    """The card of a benchmark; every text may be empty."""

    section: Section
    title: str = ""
    space: str = ""
    population: str = ""
    datasets: str = ""
    citation: str = ""
    licence: str = ""
    caveats: tuple[str, ...] = ()


class Facts(msgspec.Struct, frozen=True):
    """Facts about methods, by name, and about benchmarks, by name.

    Attributes:
        version: of this project.
        repository: the address of the source code; empty if it is not known.
    """

    methods: dict[str, MethodFacts] = {}
    benchmarks: dict[str, BenchmarkFacts] = {}
    version: str = ""
    repository: str = ""

    def section(self, benchmark: str) -> Section:
        """The group that a benchmark is shown in; of an unknown one its name decides."""
        found = self.benchmarks.get(benchmark)
        return found.section if found else "ours" if benchmark.startswith(TRAINED) else "published"
