"""Compares loading, memory, queries and imports with nats_bench on a folder of 15,625 files in the real format.

    PROXYBENCH_MIRROR=... python tests/bench/bench_tables.py

The folder is made by linking the three real records of the mirror under all 15,625 names, so what nats_bench reads
has the size and structure of the official archive. Every figure is taken in a process of its own; the ratios are
those of this run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

REPEATS = 5

LOAD = """
import time, os, psutil
import numpy, pandas, pyarrow.parquet, proxybench.tables.benchmark
base = psutil.Process().memory_info().rss
import proxybench as pb
start = time.perf_counter(); bench = pb.load("nasbench201"); arch = bench.archs[284]; bench.index(arch)
seconds = time.perf_counter() - start
for dataset in bench.datasets:
    for metric in bench.metrics(dataset):
        for epochs in bench.epochs(metric, dataset):
            for seed in bench.seeds(metric, dataset, epochs):
                bench.values(metric, dataset=dataset, epochs=epochs, seed=seed)
rss = psutil.Process().memory_info().rss
print(json.dumps({"load_s": seconds, "rss_mb": rss / 2**20, "import_rss_mb": base / 2**20}))
"""
QUERY = """
import timeit
import proxybench as pb
bench = pb.load("nasbench201")
arch, text = bench.arch(284), bench.archs[284]
def ask(what): return bench.query(what, dataset="cifar10", metric="test_acc", epochs=200, seed="mean")
ask(arch)
frame = lambda: bench.frame(dataset="cifar10", metrics=["val_acc", "test_acc"], epochs=200)
frame()
result = {f"query_{name}_us": min(timeit.repeat(lambda: ask(what), number=10000, repeat=5)) * 100
          for name, what in (("graph", arch), ("text", text), ("index", 284))}
result["frame_ms"] = min(timeit.repeat(frame, number=20, repeat=5)) * 50
print(json.dumps(result))
"""
NATS = """
import time, psutil
from nats_bench import create
api = create(FOLDER, "tss", fast_mode=True, verbose=False)
before = psutil.Process().memory_info().rss
touched = range(0, 400)
start = time.perf_counter()
for index in touched: api.get_more_info(index, "cifar10", hp="200", is_random=False)
first = (time.perf_counter() - start) / len(touched)
grown = (psutil.Process().memory_info().rss - before) / len(touched)
start = time.perf_counter()
for index in touched: api.get_more_info(index, "cifar10", hp="200", is_random=False)
later = (time.perf_counter() - start) / len(touched)
print(json.dumps({"first_ms": first * 1e3, "later_ms": later * 1e3, "mb_per_arch": grown / 2**20}))
"""
IMPORT = """
import time
start = time.perf_counter()
import {module}
print(json.dumps({{"ms": (time.perf_counter() - start) * 1e3}}))
"""


def measure(code: str, cache: Path) -> dict[str, float]:
    """Run `code` in a fresh interpreter and read the JSON it prints."""
    environment = {**os.environ, "PROXYBENCH_CACHE": str(cache)}
    command = [sys.executable, "-W", "ignore", "-c", "import json\n" + code]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def median(code: str, cache: Path) -> dict[str, float]:
    """The median of each figure over fresh processes."""
    runs = [measure(code, cache) for _ in range(REPEATS)]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def linked_archive(mirror: Path, folder: Path) -> Path:
    """A folder of 15,625 record names, each a link to one of the three real records."""
    source = next(mirror.glob("D-X-Y/NATS-Bench/*/fake_torch_dir/NATS-tss-v1_0-3ffb9-simple"))
    archive = folder / source.name
    archive.mkdir()
    (archive / "meta.pickle.pbz2").symlink_to(source / "meta.pickle.pbz2")
    records = [source / f"{index:06d}.pickle.pbz2" for index in (0, 11, 284)]
    for index in range(15_625):
        (archive / f"{index:06d}.pickle.pbz2").symlink_to(records[index % 3])
    return archive


def main() -> None:
    """Measure and print the table."""
    mirror = Path(os.environ["PROXYBENCH_MIRROR"]).resolve()
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name) / "cache"
        os.environ["PROXYBENCH_CACHE"] = str(cache)
        from proxybench.tables.fetch import fetch

        result = fetch(["nasbench201"])[0]
        if result.outcome != "built":
            raise SystemExit(result.message)
        ours = {**median(LOAD, cache), **median(QUERY, cache)}
        archive = linked_archive(mirror, Path(name))
        nats = measure(NATS.replace("FOLDER", repr(str(archive))), cache)
        imports = {module: median(IMPORT.format(module=module), cache)["ms"] for module in ("predictors", "proxybench")}
    report(ours, nats, imports)


def report(ours: dict[str, float], nats: dict[str, float], imports: dict[str, float]) -> None:
    """Print each figure with its unit, and how many times ours nats_bench's is."""
    query_ms = ours["query_text_us"] / 1e3
    rows = [
        ("load('nasbench201') from a cold process, after imports", ours["load_s"] * 1e3, "ms", ""),
        ("resident memory with every column read", ours["rss_mb"], "MB", f"imports: {ours['import_rss_mb']:.0f} MB"),
        ("frame of two metrics, 15,625 rows", ours["frame_ms"], "ms", ""),
        *((f"query by {kind}", ours[f"query_{kind}_us"], "us", "") for kind in ("text", "graph", "index")),
        ("nats_bench, first touch of an architecture", nats["first_ms"], "ms", f"{nats['first_ms'] / query_ms:.0f} x"),
        ("nats_bench, later", nats["later_ms"], "ms", f"{nats['later_ms'] / query_ms:.0f} x"),
        ("nats_bench, per architecture", nats["mb_per_arch"], "MB", f"all: {nats['mb_per_arch'] * 15.625:.1f} GB"),
        *((f"import {module}", ms, "ms", "") for module, ms in imports.items()),
    ]
    for what, value, unit, remark in rows:
        print(f"{what:<56}{value:10.2f} {unit:<3} {remark}".rstrip())


if __name__ == "__main__":
    main()
