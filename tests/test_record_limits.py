"""Records hold what a run can give; anything else is named with its file and line, and never averaged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxybench.errors import CorruptData
from proxybench.jobs.journal import Journal
from proxybench.records import Record, TaskIdentity, read_records

TASK = TaskIdentity("tiny", 1, "b", "d", "four", 4, "whole population", "val_acc", "0" * 32)
GOOD = Record(
    task=TASK,
    method="m",
    kind="predictor",
    outcome="ok",
    metrics={"kendall": 0.5, "attempted": 4.0, "regret_at_1": 0.0, "best_rank_at_10": 1.0, "ndcg_at_10": 1.0},
    intervals={"kendall": (0.4, 0.6), "spearman": (None, None)},
    cost={"fit_s": 0.1, "peak_mb": 100.0},
    repeat=3,
    n_train=2,
)


def changed(**fields: Any) -> bytes:
    """The line of the good record with other fields."""
    return json.dumps({**json.loads(msgspec.json.encode(GOOD)), **fields}).encode()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metrics": {"kendall": 5.0}}, r"kendall is 5; it must be between -1 and 1"),
        ({"metrics": {"kendall_answered": -1.5}}, "kendall_answered is -1.5"),
        ({"metrics": {"spearman": 1.1}}, "spearman is"),
        ({"metrics": {"precision_at_10": -0.2}}, "precision_at_10 is"),
        ({"metrics": {"ndcg_at_10": 2}}, "ndcg_at_10 is 2; it must be between 0 and 1"),
        ({"metrics": {"attempted": 5}}, "attempted is 5; it must be between 0 and 4"),
        ({"metrics": {"best_rank_at_10": 0}}, "best_rank_at_10 is 0"),
        ({"metrics": {"regret_at_1": -1}}, "regret_at_1 is -1"),
        ({"metrics": {"own": 1e300}}, r"own is 1e\+300; no run produces such a number"),
        ({"metrics": {"kendall": "0.5"}}, "Expected `float | null`, got `str`"),
        ({"intervals": {"kendall": [0.6, 0.4]}}, "interval of kendall is reversed"),
        ({"intervals": {"kendall": [0.4, None]}}, "interval of kendall has only one end"),
        ({"intervals": {"kendall": [-7, 0.4]}}, "kendall is -7"),
        ({"repeat": 10**9}, r"repeat is 1e\+09"),
        ({"repeat": -1}, "repeat is -1"),
        ({"repeat": 0.5}, "Expected `int`"),
        ({"n_train": -5}, "n_train is -5"),
        ({"cost": {"fit_s": -1}}, "fit_s is -1"),
        ({"cost": {"fit_s": 1e308}}, r"fit_s is 1.*e\+308"),
        ({"cost": {"peak_mb": True}}, "Expected `float | null`, got `bool`"),
        ({"method": ""}, "method is empty"),
        ({"method": "m" * 10_000}, "method has 10000 characters; at most 2000 are allowed"),
        ({"message": "m" * 10**6}, "message has 1000000 characters"),
        ({"metrics": {f"m{number}": 0.0 for number in range(2000)}}, "metrics has 2000 items"),
        ({"outcome": "fine"}, "Invalid enum value 'fine'"),
        ({"task": {**msgspec.structs.asdict(TASK), "size": -4}}, "task size is -4"),
    ],
)
def test_what_no_run_gives_is_refused_by_file_and_line(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(msgspec.json.encode(GOOD) + b"\n" + changed(**{"repeat": 4, **fields}) + b"\n")
    with pytest.raises(CorruptData, match=rf"runs\.jsonl:2 is not a record: .*{message}"):
        read_records([path])
    with pytest.raises(CorruptData, match=r"runs\.jsonl:2 is not a record"):
        Journal(path)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e400"])
def test_what_is_no_number_is_refused(tmp_path: Path, number: bytes) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(msgspec.json.encode(GOOD).replace(b'"kendall":0.5', b'"kendall":' + number) + b"\n")
    with pytest.raises(CorruptData, match=r"runs\.jsonl:1 is not a record"):
        read_records([path])


def test_the_last_digits_of_a_sum_may_leave_a_limit() -> None:
    line = changed(metrics={"kendall": 1.0000000000000002, "ndcg_at_10": -1e-16, "pearson": None})
    assert msgspec.json.decode(line, type=Record).metrics["kendall"] == 1.0000000000000002


def test_a_seed_of_a_search_may_be_large() -> None:
    assert msgspec.json.decode(changed(kind="search", repeat=2**40), type=Record).repeat == 2**40


def test_an_infinite_metric_is_refused_where_the_record_is_made() -> None:
    with pytest.raises(ValueError, match="own is inf"):
        msgspec.structs.replace(GOOD, metrics={"own": float("inf")})


@pytest.mark.parametrize("nested", [b"[" * 100_000, b'{"task":' * 100_000])
def test_a_line_that_is_nested_deeply_is_named(tmp_path: Path, nested: bytes) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(changed() + b"\n" + nested + b"\n")
    with pytest.raises(CorruptData, match=r"runs\.jsonl:2"):
        read_records([path])
    with pytest.raises(CorruptData, match=r"runs\.jsonl:2"):
        Journal(path)


def test_a_line_without_an_end_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxybench.records.MAX_LINE", 10_000)
    path = tmp_path / "runs.jsonl"
    path.write_bytes(changed() + b"\n" + b" " * 20_000)
    with pytest.raises(CorruptData, match=r"runs\.jsonl:2 has more than 10000 bytes"):
        read_records([path])


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "runs.jsonl")
    with pytest.raises(CorruptData, match="is not a regular file"):
        read_records([tmp_path / "runs.jsonl"])
