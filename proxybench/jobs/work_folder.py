"""The folder of a piece of work: started, or resumed if its setting is the same.

`sweep.json` is written last and holds the function and the setting; `items.parquet` has the items; the files that the
work needs are stored under their names.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from proxybench.errors import CorruptData, DataNotAvailable, ProxybenchError
from proxybench.files import held, replace_file
from proxybench.jobs.chunked_work import FORMAT, LOCK, ChunkedWork
from proxybench.readers.columns import read_parquet
from proxybench.readers.json_text import parse_json
from proxybench.readers.untrusted import read_bytes

PLAN = "sweep.json"
ITEMS = "items.parquet"


class OtherSetting(ProxybenchError, ValueError):
    """A folder that holds work with another setting."""


def begin(work: ChunkedWork) -> ChunkedWork:
    """Save the work in its folder, or resume work already there, with the chunk size of the folder.

    Raises:
        OtherSetting: if the folder holds work with another setting; names the differences.
    """
    work.folder.mkdir(parents=True, exist_ok=True)
    with held(work.folder / LOCK):
        if (work.folder / PLAN).exists():
            # The setting identifies the files; made on another machine they may differ in the last bit.
            free = {"chunk": 0, "files": {}}
            different = list(differences(_read_plan(work.folder) | free, work.plan | free))
            if different:
                raise OtherSetting(
                    f"{work.folder} holds a sweep with another setting: {'; '.join(different)}. "
                    "Choose another --output folder, or use the same setting"
                )
        else:
            _write(work)
    return load(work.folder)  # as every other process will see it


def _write(work: ChunkedWork) -> None:
    sink = io.BytesIO()
    pq.write_table(work.items, sink, compression="zstd")
    replace_file(work.folder / ITEMS, sink.getvalue())
    for name, content in work.files.items():
        replace_file(work.folder / name, content)
    replace_file(work.folder / PLAN, json.dumps(work.plan, indent=1).encode() + b"\n")


def load(folder: Path) -> ChunkedWork:
    """The work of a folder.

    Raises:
        DataNotAvailable: if the folder holds none.
        CorruptData: if its files do not match `sweep.json`.
    """
    plan = _read_plan(folder)
    try:
        work = ChunkedWork(
            folder,
            plan["run"],
            plan["setting"],
            read_parquet(folder / ITEMS).replace_schema_metadata(None),
            {name: _content(folder, name) for name in plan["files"]},
            plan["chunk"],
        )
        different = list(differences(plan, work.plan))
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise CorruptData(f"{folder} is not a complete sweep ({error}); remove it and start again") from error
    if different:
        raise CorruptData(f"{folder} is damaged: {'; '.join(different)}; remove it and start again")
    return work


def _content(folder: Path, name: str) -> bytes:
    if Path(name).name != name:
        raise ValueError(f"{name!r} is not a file name")
    return read_bytes(folder / name)


def _read_plan(folder: Path) -> dict[str, Any]:
    path = folder / PLAN
    try:
        plan = parse_json(read_bytes(path))
    except FileNotFoundError:
        raise DataNotAvailable(f"{folder} holds no sweep; start one with: proxybench compute SPACE") from None
    except ValueError as error:
        raise CorruptData(f"{path} is not valid JSON ({error}); remove {folder} and start again") from error
    if not isinstance(plan, dict) or plan.get("format") != FORMAT:
        raise CorruptData(f"{path} does not have format {FORMAT}; finish it with the version that started it")
    return plan


def differences(there: Any, asked: Any, name: str = "") -> Iterator[str]:
    """The differences between two plans, in words."""
    if isinstance(there, dict) and isinstance(asked, dict):
        for key in sorted({*there, *asked}):
            yield from differences(there.get(key), asked.get(key), f"{name} {key}".strip().removeprefix("setting "))
    elif there != asked:
        yield f"{name} is {_short(there)} there and {_short(asked)} here"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
