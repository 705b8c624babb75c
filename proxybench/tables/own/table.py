"""Builds the table of the user's rows, with its checks, and keeps it under a name: `pb.table`, `proxybench import`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from predictors.errors import unknown_name
from proxybench.errors import CorruptData, InvalidTable
from proxybench.spaces import SearchSpace
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.build import checked_digests
from proxybench.tables.catalogue import OFFICIAL
from proxybench.tables.own.assembly import DATASET, Reading, put_together
from proxybench.tables.own.findings import content_digest_parts, findings
from proxybench.tables.own.rows import Rows, rows_of_csv, rows_of_frame, rows_of_parquet
from proxybench.tables.own.targets import Unit
from proxybench.tables.sources.cache import sha256_of
from proxybench.tables.sources.registry import BenchmarkEntry, SourceFile, load_registry
from proxybench.tables.store.cards import write_card
from proxybench.tables.store.merge import MergedTable
from proxybench.tables.store.places import open_table, own_dir, own_names, read_info, stored_names
from proxybench.tables.store.pointer import FORMAT, TableInfo
from proxybench.tables.store.stored import StoredTable
from proxybench.tables.store.writing import remove_own, write_table

if TYPE_CHECKING:
    import pandas as pd

_CODE_VERSION = 1  # increment when the same rows give another table
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_READERS = {"csv": rows_of_csv, "parquet": rows_of_parquet}
KINDS = tuple(_READERS)


def table(
    frame: pd.DataFrame,
    *,
    targets: Sequence[str] | str,
    arch: str | None = None,
    space: str | SearchSpace | type[SearchSpace] | None = None,
    graphs: str | None = None,
    configs: bool | str | Sequence[str] = False,
    seed: str | None = None,
    columns: Sequence[str] = (),
    dataset: str = DATASET,
    unit: Unit | None = None,
    name: str | None = None,
    replace: bool = False,
) -> Benchmark:
    """A benchmark from a pandas frame with one row per architecture, or per architecture and seed.

        mine = pb.table(frame, arch="arch", targets=["val_acc", "test_acc"], space="nasbench201", name="mine")

    Exactly one of `arch` (with `space`), `graphs` and `configs` says what the architectures are. The table is kept in
    the cache folder, so that `pb.load`, `pb.evaluate`, `pb.search` and the command line find it; `pb.remove_table`
    removes it. None and pandas.NA are values that were not measured, NaN is a failed training; both are counted on the
    card, and nothing is filled in.

    Args:
        frame: the rows.
        targets: columns of results, `[COLUMN=][DATASET/]METRIC[@EPOCHS]`, such as "val_acc@108" or
            "accuracy=test_acc@200".
        arch: column of architecture texts of `space`.
        space: a search space by name, as "module:Class", or a class derived from `proxybench.spaces.SearchSpace`.
        graphs: column of graphs as JSON, {"ops": [...], "edges": [[i, j], ...]}.
        configs: True for all remaining columns as fields of a configuration, the names of these columns, or the name of
            one column of JSON objects.
        seed: column of the seeds of trainings, whole numbers.
        columns: columns known without training: `params`, `flops`, `latency_ms@DEVICE`, or any other name for a proxy;
            `COLUMN=METRIC` if the column is called otherwise.
        dataset: name of the data set of targets that name none.
        unit: "percent" or "fraction" for accuracies; by default fractions if none is above 1.
        name: name of the table; by default "frame-" and a digest of its content.
        replace: whether a table of that name with other content may be replaced.

    Raises:
        InvalidTable: naming row and column of what cannot be read, or if the name is taken.
        UnknownName: for an unknown column, metric or space; suggests the nearest.
        InvalidSpace: if a space of the user cannot be loaded.
        FetchFailed: if the cache cannot be written.
    """
    wanted = [targets] if isinstance(targets, str) else list(targets)
    how = Reading(wanted, arch, space, graphs, configs, seed, list(columns), dataset, unit)
    return Benchmark(_kept(rows_of_frame(frame), how, name, {}, replace))


def import_own(kind: str, path: Path, how: Reading, name: str, replace: bool = False) -> Benchmark:
    """The benchmark of a CSV or parquet file; `kind` is "csv" or "parquet". Arguments and errors as in `table`.

    Raises:
        DataNotAvailable: if the file does not exist.
        CorruptData: if it is damaged, empty or too large.
    """
    rows = _READERS[kind](path)
    source = SourceFile(
        (), path.name.replace("\\", "_"), sha256_of(path), path.stat().st_size, "the user's own results"
    )
    return Benchmark(_kept(rows, how, name, {path.name: source}, replace))


def remove_table(name: str) -> None:
    """Remove one of the user's own tables from the cache folder; the file that it was made from is not touched.

    Raises:
        InvalidTable: if it is not an own table, such as one that `proxybench fetch` builds.
        UnknownName: if there is no such table; suggests the nearest.
    """
    if name in own_names():
        remove_own(name)
    elif name in {*load_registry().benchmarks, *stored_names()}:
        raise InvalidTable(f"{name} is not a table of your own; only those can be removed: {_listed(own_names())}")
    else:
        raise unknown_name("table", name, own_names(), "of your own")


def _kept(rows: Rows, how: Reading, name: str | None, files: Mapping[str, SourceFile], replace: bool) -> StoredTable:
    """Build the table and store it; a stored one with the same content is left as it is."""
    if name is not None:
        _check_name(name)
    built, found, notes = put_together(rows, how)
    digests = checked_digests(rows.origin, built.archs, found.space)
    content = _digest(found.space.reference, built, digests)
    name = name or f"frame-{content[:12]}"
    present = _present(name)
    if present is not None and present.recipe == content:
        return open_table(name)
    if present is not None and not replace:
        raise InvalidTable(f"there is a table {name} with other content; replace it with --replace (replace=True)")
    built.notes = [*notes, *findings(built, digests)]
    card = write_card(name, _entry(found.space, rows, built), files, built, digests)
    return write_table(name, found.space.reference, content, built, digests, card, own_dir())


def _present(name: str) -> TableInfo | None:
    """The pointer of an own table; a damaged one counts as absent, so that it can be imported again."""
    try:
        return read_info(name) if name in own_names() else None
    except CorruptData:
        return None


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidTable(f"{name!r} cannot name a table; use up to 60 letters, digits and . _ -")
    taken = {*load_registry().benchmarks, *(set(stored_names()) - set(own_names()))}
    if name in taken or any(name == one or (one.endswith("-") and name.startswith(one)) for one in OFFICIAL):
        raise InvalidTable(f"{name} is the name of a published benchmark; choose another name for your table")


def _entry(space: SearchSpace, rows: Rows, table: MergedTable) -> BenchmarkEntry:
    datasets = sorted({key.dataset for key in table.blocks})
    return BenchmarkEntry(
        space=space.reference,
        title=f"results of the user, from {rows.origin}",
        population=f"The architectures of {rows.origin}.",
        citation="none; these are the user's own results",
        datasets=", ".join(datasets),
    )


def _digest(space: str, table: MergedTable, digests: Sequence[str]) -> str:
    """A digest of everything that a table's queries and tasks depend on."""
    digest = hashlib.blake2b(repr((FORMAT, _CODE_VERSION, space, list(digests))).encode(), digest_size=16)
    for part in content_digest_parts(table):
        digest.update(part)
    return digest.hexdigest()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
