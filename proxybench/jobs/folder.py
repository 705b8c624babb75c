"""The folder of a piece of work: begun, or taken up where its setting is the same.

`sweep.json` is written last and says what is done and the setting; `items.parquet` has the items; then the files that
the work needs, under their names.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from proxybench.errors import CorruptData, DataNotAvailable, ProxybenchError
from proxybench.files import replace_file
from proxybench.jobs.shards import FORMAT, Work
from proxybench.readers.columns import read_parquet
from proxybench.readers.json_text import parse_json
from proxybench.readers.untrusted import read_bytes

PLAN = "sweep.json"
ITEMS = "items.parquet"


class OtherSetting(ProxybenchError, ValueError):
    """A folder that holds work of another setting."""


def begin(work: Work) -> Work:
    """Write down the work in its folder, or take up what is there; the chunk size of the folder then holds.

    Raises:
        OtherSetting: when the folder holds work of another setting; names the differences.
    """
    work.folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(work.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if (work.folder / PLAN).exists():
            # The setting says what the files are; made on another machine they may differ in a last bit.
            free = {"chunk": 0, "files": {}}
            different = list(differences(_read_plan(work.folder) | free, work.plan | free))
            if different:
                raise OtherSetting(
                    f"{work.folder} holds a sweep of another setting: {'; '.join(different)}. "
                    "Name another --output folder, or the same setting"
                )
        else:
            _write(work)
    finally:
        os.close(descriptor)
    return load(work.folder)  # as every other process will see it


def _write(work: Work) -> None:
    sink = io.BytesIO()
    pq.write_table(work.items, sink, compression="zstd")
    replace_file(work.folder / ITEMS, sink.getvalue())
    for name, content in work.files.items():
        replace_file(work.folder / name, content)
    replace_file(work.folder / PLAN, json.dumps(work.plan, indent=1).encode() + b"\n")


def load(folder: Path) -> Work:
    """The work of a folder.

    Raises:
        DataNotAvailable: when the folder holds none.
        CorruptData: when its files are not what `sweep.json` says.
    """
    plan = _read_plan(folder)
    try:
        work = Work(
            folder,
            plan["run"],
            plan["setting"],
            read_parquet(folder / ITEMS).replace_schema_metadata(None),
            {name: _content(folder, name) for name in plan["files"]},
            plan["chunk"],
        )
        different = list(differences(plan, work.plan))
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise CorruptData(f"{folder} is no whole sweep ({error}); remove it and start again") from error
    if different:
        raise CorruptData(f"{folder} is damaged: {'; '.join(different)}; remove it and start again")
    return work


def _content(folder: Path, name: str) -> bytes:
    if Path(name).name != name:
        raise ValueError(f"{name!r} is not the name of a file")
    return read_bytes(folder / name)


def _read_plan(folder: Path) -> dict[str, Any]:
    path = folder / PLAN
    try:
        plan = parse_json(read_bytes(path))
    except FileNotFoundError:
        raise DataNotAvailable(f"{folder} holds no sweep; start one with: proxybench compute SPACE") from None
    except ValueError as error:
        raise CorruptData(f"{path} is no JSON ({error}); remove {folder} and start again") from error
    if not isinstance(plan, dict) or plan.get("format") != FORMAT:
        raise CorruptData(f"{path} is not of format {FORMAT}; finish it with the version that began it")
    return plan


def differences(there: Any, asked: Any, name: str = "") -> Iterator[str]:
    """What differs between two plans, in words."""
    if isinstance(there, dict) and isinstance(asked, dict):
        for key in sorted({*there, *asked}):
            yield from differences(there.get(key), asked.get(key), f"{name} {key}".strip().removeprefix("setting "))
    elif there != asked:
        yield f"{name} is {_short(there)} there and {_short(asked)} here"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
