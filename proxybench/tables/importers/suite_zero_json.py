"""The merged files of NAS-Bench-Suite-Zero, `zc_nasbench101.json` and its like.

{task: {printed NASLib tuple: {name: value}}}, or the same below the name of the benchmark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_json, reading
from proxybench.spaces.base import SearchSpace
from proxybench.tables.importers.suite_zero import BENCHMARKS, Collector, Repeats, find_benchmark
from proxybench.tables.store.schema import Fragment


def read(
    paths: Sequence[Path], space: SearchSpace, benchmark: str, seed: str = "0", repeats: Repeats = "refuse"
) -> Fragment:
    """Proxies, their seconds, parameters, FLOPs and validation metrics of the files.

    Args:
        paths: files of one benchmark.
        space: the search space of that benchmark.
        benchmark: its name in the suite, such as "nasbench101" or "transbench101_micro".
        seed: label of the training that the validation metric is from.
        repeats: "refuse" or keep the "first" of several entries for one architecture.

    Raises:
        CorruptData: for a file that is damaged, not in this format, or contradicts itself or an earlier one.
    """
    collector = Collector(space, find_benchmark(benchmark, space), seed, repeats)
    for path in paths:
        with reading(path):
            document = read_json(path)
            collector.add(path, _entries(path, document.get(benchmark, document)))
    return collector.fragment()


def benchmark_of(path: Path) -> str:
    """The suite's name of the benchmark in a file: its outermost key, or the name `zc_NAME.json`.

    Raises:
        CorruptData: when neither says.
    """
    with reading(path):
        document = read_json(path)
        names = [*map(str, document), path.stem.removeprefix("zc_")]
    found = [name for name in names if name in BENCHMARKS]
    if not found:
        raise CorruptData(f"{path}: names no benchmark of {', '.join(BENCHMARKS)}, inside or as zc_NAME.json")
    return found[0]


def _entries(path: Path, tasks: Any) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    if not isinstance(tasks, dict) or not tasks:
        raise CorruptData(f"{path}: has no tasks")
    for task, archs in tasks.items():
        for code, values in archs.items():
            if not isinstance(values, dict):
                raise CorruptData(f"{path}: {code[:80]!r} of {task[:40]!r} has no values by name")
            yield task, code, values
