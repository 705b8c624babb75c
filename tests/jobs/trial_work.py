"""Work in chunks whose every item leaves a line in a log, so that what was done twice is seen."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from trial_jobs import BEHAVIOURS

from proxybench.jobs.chunked_work import ChunkedWork, ChunkFunction, does_work
from proxybench.jobs.run import run_here
from proxybench.jobs.shard_store import Progress, ShardStore

RUN = "trial_work:prepare"


@does_work
def prepare(setting: Mapping[str, Any], files: Mapping[str, bytes]) -> ChunkFunction:
    if setting.get("refuse"):
        raise RuntimeError("not on this machine")
    factor = int(files["factor"])

    def run(items: pa.Table) -> pa.Table:
        numbers = items.column("number").to_pylist()
        for number in numbers:
            with Path(setting["log"]).open("a") as stream:
                stream.write(f"{number}\n")
            if number == setting.get("crash"):
                os._exit(7)
            if (harm := setting.get("harm", {}).get(str(number))) is not None:
                BEHAVIOURS[harm](setting, number)
            time.sleep(setting.get("seconds", 0))
        return pa.table({"number": numbers, "product": [factor * number for number in numbers]})

    return run


def work(folder: Path, items: int = 10, chunk: int = 3, factor: int = 7, **setting: Any) -> ChunkedWork:
    setting.setdefault("log", str(folder.parent / "log"))
    numbers = pa.table({"number": list(range(items))})
    return ChunkedWork(folder, RUN, setting, numbers, {"factor": str(factor).encode()}, chunk)


def do(begun: ChunkedWork, on_progress: Progress | None = None) -> int:
    """Do the work in this process; returns the number of items done here."""
    store = ShardStore(begun, on_progress)
    run_here(store)
    return store.recorded


def logged(done: ChunkedWork) -> list[int]:
    path = Path(done.setting["log"])
    return sorted(int(line) for line in path.read_text().split()) if path.exists() else []


def products(done: ChunkedWork) -> list[int]:
    return [value for table in done.tables() for value in table.column("product").to_pylist()]
