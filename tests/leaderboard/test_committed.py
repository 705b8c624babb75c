"""What this project commits as its leaderboard is what its records give, and holds no architecture's values."""

from __future__ import annotations

from pathlib import Path

from proxybench.leaderboard.build import differences
from proxybench.records import read_records

FOLDER = Path(__file__).resolve().parents[2] / "leaderboard"


def test_the_committed_files_are_what_the_records_give() -> None:
    assert differences(FOLDER) == []


def test_every_committed_record_has_an_outcome_and_provenance() -> None:
    records = read_records(sorted((FOLDER / "runs").glob("*.jsonl")))
    assert len(records) > 200
    assert {record.outcome for record in records} == {"ok", "unsupported"}
    assert all(record.provenance["proxybench"] and record.task.table for record in records)


def test_no_scores_of_architectures_are_committed() -> None:
    assert list((FOLDER / "runs").glob("*.scores.json")) == []
