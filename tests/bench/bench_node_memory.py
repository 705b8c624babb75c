"""Measures the memory of walking per-node arrays larger than a bound, in a process of their own.

    python tests/bench/bench_node_memory.py --gigabytes 10

Makes a table of a sweep with so many gigabytes of node values, in random parts, and walks it in two processes: one
unpacks it to the cache and reads all of it in slices, as a predictor does when it predicts a space; one also reads
random rows, as a predictor does when it trains. Memory is the peak of the process in total (VmHWM, which counts pages
of mapped files) and what is its own (RssAnon, the largest seen). The folder is removed at the end, also after an error;
the disk needs twice the gigabytes and about a third more.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NODES = 128
PROXIES = 10
GROUP = 16_384  # rows; what merge writes at once

CHILD = """
import json, resource, sys, threading, time
import numpy as np
from proxybench.sweeps.mapped import map_scores
import predictors.mapped

def status(name):
    return next(int(line.split()[1]) / 2**10 for line in open("/proc/self/status") if line.startswith(name + ":"))

imported = status("VmHWM")
own, mapped_most, stop = [status("RssAnon")], [0.0], threading.Event()
def watch():
    while not stop.wait(0.02):
        own[0] = max(own[0], status("RssAnon"))
        mapped_most[0] = max(mapped_most[0], status("RssFile"))
watcher = threading.Thread(target=watch); watcher.start()
answer = {}

def timed(name, run):
    start, cpu = time.perf_counter(), time.process_time()
    answer[name] = run()
    answer[name + "_s"], answer[name + "_cpu_s"] = time.perf_counter() - start, time.process_time() - cpu

timed("opened", lambda: len(map_scores(sys.argv[1]).digests))
batch = map_scores(sys.argv[1]).batch()

def walk():
    total = 0.0
    for start in range(0, len(batch), 1024):
        part = batch[start : start + 1024]
        total += sum(float(ragged.values.sum()) for ragged in part.nodes.values())
    return total

def draw():
    rows = np.random.default_rng(0)
    return sum(
        float(ragged.values.sum())
        for _ in range(100)
        for ragged in batch[rows.integers(0, len(batch), 256)].nodes.values()
    )

if sys.argv[2] == "walk":
    timed("walked", walk)
else:
    timed("drawn", draw)
stop.set(); watcher.join()
answer |= {"VmHWM_mb": status("VmHWM"), "RssAnon_mb": own[0], "RssFile_mb": mapped_most[0], "imports_mb": imported}
answer["ru_maxrss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
answer["gb"] = sum(ragged.file.array.nbytes for ragged in batch.nodes.values()) / 1e9
print(json.dumps(answer))
"""


def write_table(path: Path, gigabytes: float) -> float:
    """Write a table of a sweep with about so many gigabytes of node values; their sum.

    The values of a group of rows are those of one random block, turned by a random number of places: making them
    costs little, and no two groups are the same.
    """
    random = np.random.default_rng(0)
    rows = max(1, round(gigabytes * 1e9 / (8 * NODES * PROXIES)))
    block = random.integers(1, 4096, GROUP * NODES).astype(np.float64)
    offsets = np.arange(0, GROUP * NODES + 1, NODES, dtype=np.int32)
    arch = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    about = json.dumps({"setting": {"space": "nasbench201"}}).encode()
    names = [f"nodes:{number}" for number in range(PROXIES)]
    texts = {"digest": pa.string(), "arch": pa.string(), "error": pa.string(), "unanswered": pa.string()}
    fields = [*texts.items(), ("proxy:0", pa.float64()), *((name, pa.list_(pa.float64())) for name in names)]
    schema = pa.schema(fields, {b"proxybench:compute": about})
    encoding = {f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in names}
    total = 0.0
    with pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=1, column_encoding=encoding, use_dictionary=["arch"]
    ) as writer:
        for start in range(0, rows, GROUP):
            n = min(GROUP, rows - start)
            columns: list[pa.Array] = [
                pa.array([f"{row:032x}" for row in range(start, start + n)]),
                *(pa.array([text] * n) for text in (arch, "", "{}")),
                pa.array(np.arange(start, start + n, dtype=np.float64)),
            ]
            for _ in names:
                values = np.roll(block, int(random.integers(len(block))))[: n * NODES]
                total += float(values.sum())
                columns.append(pa.ListArray.from_arrays(pa.array(offsets[: n + 1]), pa.array(values)))
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return total


def measure(what: str, table: Path, cache: Path) -> dict[str, float]:
    """The report of a separate process that walks through, or draws from, the table."""
    environment = {**os.environ, "PROXYBENCH_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHILD, str(table), what]
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def main() -> None:
    """Measure and print; exit code 1 when more than the bound was resident."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--gigabytes", type=float, default=1.0)
    options.add_argument("--bound-mb", type=float, default=1024.0)
    options.add_argument("--folder", type=Path, help="Where the table is made; by default the system's temporary one.")
    asked = options.parse_args()
    free = shutil.disk_usage(asked.folder or tempfile.gettempdir()).free / 1e9
    if free < 2.5 * asked.gigabytes:
        raise SystemExit(f"{free:.0f} GB are free, {2.5 * asked.gigabytes:.0f} are needed; ask for fewer --gigabytes")
    for stopping in (signal.SIGTERM, signal.SIGHUP):  # so that the folder is removed
        signal.signal(stopping, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="bench-node-memory-", dir=asked.folder) as name:
        table, cache = Path(name) / "scores.parquet", Path(name) / "cache"
        expected = write_table(table, asked.gigabytes)
        print(f"parquet file: {table.stat().st_size / 1e9:.2f} GB")
        largest = 0.0
        for what in ("walk", "draw"):
            found = measure(what, table, cache)
            largest = max(largest, found["VmHWM_mb"])
            print(what, json.dumps({key: round(value, 2) for key, value in found.items()}))
            if what == "walk" and found["walked"] != expected:
                raise SystemExit(f"the values add up to {found['walked']}, written were {expected}")
    print(f"largest peak {largest:.0f} MB, bound {asked.bound_mb:.0f} MB")
    raise SystemExit(largest > asked.bound_mb)


if __name__ == "__main__":
    main()
