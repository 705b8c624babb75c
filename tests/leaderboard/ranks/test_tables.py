"""The columns of the CSV of a task."""

from __future__ import annotations

import csv
import io

import msgspec

from proxybench.leaderboard.ranks.entries import entries_of
from proxybench.leaderboard.ranks.overall import rank_tasks
from proxybench.leaderboard.ranks.tables import SLICES, TASK_COLUMNS, task_csv
from proxybench.records import Record


def table(records: list[Record]) -> list[dict[str, str]]:
    text = task_csv(rank_tasks(entries_of(records))["tiny"]).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_a_task_without_records_of_the_slices_has_no_columns_for_them(record) -> None:
    old = record("a", 0.5)
    old = msgspec.structs.replace(old, metrics=old.metrics | {"kendall_top_10_percent": 0.25})
    assert tuple(table([old])[0]) == TASK_COLUMNS


def test_one_record_with_the_slices_gives_the_task_their_columns(record) -> None:
    old, new = record("a", 0.5), record("b", 0.25)
    new = msgspec.structs.replace(
        new, metrics=new.metrics | {"kendall_top_5_percent": None, "best_rank_share_at_5_percent": 0.125}
    )
    first, second = table([old, new])
    assert tuple(first) == (*TASK_COLUMNS, *SLICES)
    assert [first[name] for name in SLICES] == [""] * len(SLICES)
    assert (second["kendall_top_5_percent"], second["best_rank_share_at_5_percent"]) == ("", "0.1250")
