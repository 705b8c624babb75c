"""Work whose every item leaves a line in a log, so that what was done twice is seen."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from proxybench.jobs.shards import Run, Work, does_work

RUN = "trial_work:prepare"


@does_work
def prepare(setting: Mapping[str, Any], files: Mapping[str, bytes]) -> Run:
    if setting.get("refuse"):
        raise RuntimeError("not on this machine")
    factor = int(files["factor"])

    def run(items: pa.Table) -> pa.Table:
        numbers = items.column("number").to_pylist()
        for number in numbers:
            if number == setting.get("crash"):
                os._exit(7)
            time.sleep(setting.get("seconds", 0))
            with Path(setting["log"]).open("a") as stream:
                stream.write(f"{number}\n")
        return pa.table({"number": numbers, "product": [factor * number for number in numbers]})

    return run


def work(folder: Path, items: int = 10, chunk: int = 3, factor: int = 7, **setting: Any) -> Work:
    setting.setdefault("log", str(folder.parent / "log"))
    numbers = pa.table({"number": list(range(items))})
    return Work(folder, RUN, setting, numbers, {"factor": str(factor).encode()}, chunk)


def logged(done: Work) -> list[int]:
    path = Path(done.setting["log"])
    return sorted(int(line) for line in path.read_text().split()) if path.exists() else []


def products(done: Work) -> list[int]:
    return [value for table in done.tables() for value in table.column("product").to_pylist()]
