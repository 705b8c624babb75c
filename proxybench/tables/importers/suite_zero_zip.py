"""The per-proxy archives of NAS-Bench-Suite-Zero.

A zip file with members `benchmark--BENCHMARK--TASK--START.json`, each a list of
{"idx", "arch": printed NASLib tuple, PROXY: {"score", "time"}, "val_accuracy"}.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.untrusted import iter_zip_json, reading
from proxybench.spaces.base import SearchSpace
from proxybench.tables.importers.suite_zero import Collector, Repeats, find_benchmark
from proxybench.tables.store.schema import Fragment

_MEMBER = re.compile(r"benchmark--(?P<benchmark>.+?)--(?P<task>.+)--[0-9]+\.json", re.ASCII)


def read(
    paths: Sequence[Path], space: SearchSpace, benchmark: str, seed: str = "0", repeats: Repeats = "refuse"
) -> Fragment:
    """Proxies, their seconds and validation metrics of one benchmark in all the archives.

    Args:
        paths: archives; members of other benchmarks are passed over.
        space: the search space of the benchmark.
        benchmark: its name in the suite, such as "nasbench201" or "transbench101_macro".
        seed: label of the training that the validation metric is from.
        repeats: "refuse" or keep the "first" of several values for one architecture.

    Raises:
        CorruptData: for an archive that is damaged, has nothing about the benchmark, or contradicts itself or an
            earlier one.
    """
    collector = Collector(space, find_benchmark(benchmark, space), seed, repeats)
    for path in paths:
        with reading(path):
            entries = list(_entries(path, benchmark))
            if not entries:
                raise CorruptData(f"{path}: has nothing about the benchmark {benchmark}")
            collector.add(path, entries)
    return collector.fragment()


def _entries(path: Path, benchmark: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for member, rows in iter_zip_json(path):
        match = _MEMBER.fullmatch(PurePosixPath(member).name)
        if match is None:
            raise CorruptData(f"{path}: the name of member {member[:80]!r} is not benchmark--NAME--TASK--NUMBER.json")
        if match["benchmark"] == benchmark:
            for row in rows:
                yield match["task"], row["arch"], row
