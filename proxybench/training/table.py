"""The table of trainings: canonical rows from the shards, and reuse of trainings from an existing table."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from predictors.errors import DISTRIBUTION
from proxybench.errors import CorruptData, DataNotAvailable, ProxybenchError
from proxybench.files import replace_file
from proxybench.jobs.chunked_work import ChunkedWork
from proxybench.jobs.work_folder import OtherSetting, differences
from proxybench.readers.columns import read_parquet
from proxybench.readers.json_text import parse_json
from proxybench.tables.store.schema import UNTRAINED, fragment_from_rows
from proxybench.training.recipe import MEASURED
from proxybench.training.work import RUN, SIZES, table_of

FORMAT = 1
_ABOUT = b"proxybench"


@dataclass(frozen=True, eq=False)
class TrainedTable:
    """A table of trainings.

    Attributes:
        values: `arch`, `dataset`, `epochs`, `seed` and metric columns of tables.schema: one row with epochs 0 and seed
            "" for everything that needs no training, and one for each budget and run ("0", "1", ...). Architectures are
            in the order in which they were drawn.
        setting: what the trainings depend on: recipe, seeds, images, versions.
        failed: architecture to the reason why it has no trainings.
        complete: whether all requested architectures are included.
    """

    values: pa.Table
    setting: Mapping[str, Any]
    failed: Mapping[str, str]
    complete: bool


def merge(work: ChunkedWork, path: Path, *, partial: bool = False) -> int:
    """Write the contents of the shards to one parquet file, replaced atomically; returns the number of rows.

    The file's metadata contain the setting. The same trainings give the same bytes except for the seconds.

    Raises:
        ProxybenchError: if the folder contains other work, if trainings are missing without `partial`, or if there are
            no trainings.
        CorruptData: for a damaged shard.
    """
    if work.run != RUN:
        raise ProxybenchError(f"{work.folder} contains a sweep of proxies; merge it with: proxybench compute --merge")
    whole = work.require_done(partial=partial)
    trained = [row for table in work.tables() for row in table.to_pylist()]
    values = fragment_from_rows([row for item in trained for row in _rows(item, work.setting)]).values
    about = work.plan["setting"] | {
        "format": FORMAT,
        "failed": {item["arch"]: item["error"] for item in trained if item["error"]},
        "complete": whole,
        "proxybench": version(DISTRIBUTION),
    }
    metrics = [name for name in values.column_names if pa.types.is_floating(values.schema.field(name).type)]
    sink = io.BytesIO()
    pq.write_table(
        values.replace_schema_metadata({_ABOUT: json.dumps(about).encode()}),
        sink,
        compression="zstd",
        compression_level=9,
        use_dictionary=["arch", "dataset", "epochs", "seed"],
        column_encoding=dict.fromkeys(metrics, "BYTE_STREAM_SPLIT"),
        write_page_checksum=True,
    )
    replace_file(path, sink.getvalue())
    return int(values.num_rows)


def _rows(item: Mapping[str, Any], setting: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The canonical rows of one architecture; for a failed one, only its sizes if known."""
    key = {"arch": item["arch"], "dataset": setting["dataset"]}
    if item["params"] is not None:
        yield key | UNTRAINED | {name: item[name] for name in SIZES}
    if not item["error"]:
        for place, (epochs, run) in enumerate(_places(setting)):
            measured = {name: item[name][place] for name in MEASURED}
            yield key | {"epochs": epochs, "seed": run} | measured | {"train_s": round(measured["train_s"], 3)}


def _places(setting: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Budget and run of each value in a shard's lists."""
    return [(epochs, str(run)) for epochs in setting["recipe"]["budgets"] for run in range(setting["seeds"])]


def read_table(path: Path | str) -> TrainedTable:
    """The table that `merge` wrote.

    Raises:
        DataNotAvailable: if the file is missing.
        CorruptData: for a file that is not a table of trainings.
    """
    path = Path(path)
    if not path.is_file():
        raise DataNotAvailable(f"{path} does not exist; create it with: proxybench train-table --merge {path}")
    try:
        values = read_parquet(path)
        about = parse_json(values.schema.metadata[_ABOUT])
        if about["format"] != FORMAT:
            raise CorruptData(f"{path} has format {about['format']}, not {FORMAT}; read it with another version")
        failed, complete = about.pop("failed"), about.pop("complete")
        setting = {name: value for name, value in about.items() if name not in ("format", "proxybench")}
        return TrainedTable(values.replace_schema_metadata(None), setting, failed, complete)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise CorruptData(f"{path} is not a table of trainings ({error}); merge the folder again") from error


def take_over(work: ChunkedWork, path: Path) -> int:
    """Write the shards of `work` whose architectures are all in a table written by `merge`; returns their number.

    Architectures that failed there are trained again.

    Raises:
        DataNotAvailable, CorruptData: as for `read_table`.
        OtherSetting: for a table with a different setting; names the differences.
    """
    known = read_table(path)
    different = list(differences(dict(known.setting), work.plan["setting"]))
    if different:
        raise OtherSetting(f"{path} has a different setting: {'; '.join(different)}")
    rows: dict[str, dict[tuple[int, str], dict[str, Any]]] = defaultdict(dict)
    for row in known.values.to_pylist():
        rows[row["arch"]][row["epochs"], row["seed"]] = row
    places, taken = _places(work.setting), 0
    for number in work.missing():
        items = work.items_of(number).to_pylist()
        if all(rows[item["arch"]].keys() >= set(places) for item in items):
            work.write(number, table_of([_item(item, rows[item["arch"]], places) for item in items]))
            taken += len(items)
    return taken


def _item(
    item: Mapping[str, Any], rows: Mapping[tuple[int, str], Mapping[str, Any]], places: list[tuple[int, str]]
) -> dict[str, Any]:
    """The shard entry of an architecture; the work done here took no time."""
    sizes = {name: rows[0, ""][name] for name in SIZES}
    measured = {name: [rows[place][name] for place in places] for name in MEASURED}
    return {**item, "error": "", "seconds": 0.0, **sizes, **measured}
