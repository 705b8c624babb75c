"""The journal of records: what a killed writer, a damaged file and several writers at once leave in it."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import msgspec
import pytest
import trial_jobs

from proxybench.errors import CorruptData
from proxybench.jobs.journal import Journal
from proxybench.records import Record, comparable, read_records, write_records


def record(repeat: int, message: str = "") -> Record:
    return trial_jobs.spec(repeat).without_result("failed", message)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "trial.jsonl"


def test_what_was_appended_is_read_back(path: Path):
    journal = Journal(path)
    journal.append(record(1, "naïve\nline"))
    journal.append(record(0))
    assert read_records([path]) == [record(0), record(1, "naïve\nline")]
    assert journal.recorded() == {record(0).key, record(1).key}
    assert path.read_bytes().count(b"\n") == 2


def test_a_new_journal_is_an_empty_file(path: Path):
    assert Journal(path).recorded() == frozenset()
    assert read_records([path]) == []


def test_a_job_is_recorded_once(path: Path):
    journal = Journal(path)
    assert journal.append_if_absent(record(0, "first"))
    assert not Journal(path).append_if_absent(record(0, "second"))
    with pytest.raises(CorruptData, match="already recorded"):
        journal.append(record(0))
    assert [found.message for found in read_records([path])] == ["first"]


def test_of_many_records_those_of_new_jobs_are_added_in_order(path: Path):
    journal = Journal(path)
    journal.append(record(1, "before"))
    given = [record(2), record(1, "again"), record(0, "first"), record(0, "second")]
    assert journal.append_absent(given) == 2
    assert journal.append_absent(given) == 0
    assert [(found.repeat, found.message) for found in read_records([path])] == [(0, "first"), (1, "before"), (2, "")]
    assert journal.recorded() == {record(repeat).key for repeat in range(3)}


def test_a_journal_sees_what_another_appends(path: Path):
    one, other = Journal(path), Journal(path)
    other.append(record(0))
    assert one.recorded() == {record(0).key}


def test_a_journal_sees_that_the_file_was_replaced(path: Path):
    journal = Journal(path)
    journal.append(record(0))
    write_records(path, [record(5), record(6)])
    assert journal.recorded() == {record(5).key, record(6).key}


def test_a_file_that_is_cut_keeps_its_whole_lines_and_goes_on(path: Path):
    journal = Journal(path)
    for repeat in range(3):
        journal.append(record(repeat))
    whole = path.read_bytes()
    line = whole.index(b"\n")
    for length in sorted({*range(0, len(whole), 23), *range(line - 2, line + 4)}):
        path.write_bytes(whole[:length])
        complete = whole[length : length + 1] == b"\n"  # all of a record but its end
        lines = whole[:length].count(b"\n") + complete
        reopened = Journal(path)
        assert reopened.torn == (b"" if complete else whole[:length].rpartition(b"\n")[2])
        assert [found.repeat for found in read_records([path])] == list(range(lines))
        reopened.append(record(9))
        assert [found.repeat for found in read_records([path])] == [*range(lines), 9]


def test_a_line_torn_by_another_writer_is_dropped_by_one_that_is_open(path: Path):
    journal = Journal(path)
    journal.append(record(0))
    with path.open("ab") as stream:
        stream.write(b'{"task": {"na')
    journal.append(record(1))
    assert journal.torn == b'{"task": {"na'
    assert [found.repeat for found in read_records([path])] == [0, 1]


def test_a_last_line_of_zeros_is_dropped(path: Path):
    Journal(path).append(record(0))
    with path.open("ab") as stream:
        stream.write(b"\0" * 100 + b"\n")
    journal = Journal(path)
    assert journal.torn == b"\0" * 100 + b"\n"
    assert journal.recorded() == {record(0).key}


def test_lines_that_stay_keep_fields_that_no_record_has(path: Path):
    journal = Journal(path)
    journal.append(record(0))
    journal.append(record(1))
    other = msgspec.json.encode({**msgspec.to_builtins(record(2)), "queried": [3, 1]}) + b"\n"
    with path.open("ab") as stream:
        stream.write(other)
    assert journal.drop(lambda one: one.repeat == 0) == 1
    assert path.read_bytes().endswith(other)
    assert [found.repeat for found in read_records([path])] == [1, 2]


def test_what_is_cut_off_is_kept_next_to_the_file(path: Path):
    Journal(path).append(record(0))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:50])
    Journal(path)
    path.write_bytes(whole + whole[:70])
    Journal(path)
    assert path.read_bytes() == whole
    assert path.with_name("trial.jsonl.torn").read_bytes().splitlines() == [whole[:50], whole[:70]]


@pytest.mark.parametrize(
    "content", [b"remember the milk\n", b"remember the milk", b"[1, 2", b"\n", b"{'task': 1", b"7"]
)
def test_a_file_that_no_run_wrote_is_refused_and_left_as_it_is(path: Path, content: bytes):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(CorruptData, match=r"trial\.jsonl:1 is not a record"):
        Journal(path)
    assert path.read_bytes() == content


def test_a_last_record_without_a_line_feed_is_kept(path: Path):
    journal = Journal(path)
    journal.append(record(0))
    path.write_bytes(path.read_bytes()[:-1])
    Journal(path).append(record(1))
    assert [found.repeat for found in read_records([path])] == [0, 1]


def test_a_broken_line_in_the_middle_is_an_error_that_names_it(path: Path):
    journal = Journal(path)
    for repeat in range(3):
        journal.append(record(repeat))
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = b"".join([lines[0], lines[1][:40] + b"\n", lines[2]])
    path.write_bytes(damaged)
    with pytest.raises(CorruptData, match=r"trial\.jsonl:2 is not a record"):
        Journal(path)
    assert path.read_bytes() == damaged


def test_a_broken_line_before_a_torn_one_is_an_error(path: Path):
    path.parent.mkdir()
    path.write_bytes(b"{broken\n" + b"torn")
    with pytest.raises(CorruptData, match=r"trial\.jsonl:1 "):
        Journal(path)


def test_a_file_of_something_else_is_left_alone(path: Path):
    path.parent.mkdir()
    path.write_bytes(b'{"epochs": 200}\n')
    with pytest.raises(CorruptData, match="not a record"):
        Journal(path)
    assert path.read_bytes() == b'{"epochs": 200}\n'


def test_a_job_that_is_there_twice_is_an_error(path: Path):
    path.parent.mkdir()
    path.write_bytes(2 * (msgspec.json.encode(record(0)) + b"\n"))
    with pytest.raises(CorruptData, match=r"trial\.jsonl:2: .* recorded twice"):
        Journal(path)


def test_a_disk_that_is_full_leaves_whole_lines(path: Path, monkeypatch: pytest.MonkeyPatch):
    import os

    journal = Journal(path)
    journal.append(record(0))
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:50]))
        with pytest.raises(OSError, match="disk full"):
            journal.append(record(1))
    assert read_records([path]) == [record(0)]
    journal.append(record(1))
    assert len(read_records([path])) == 2


def append_all(path: Path, start: int) -> None:
    journal = Journal(path)
    for repeat in range(50):
        journal.append_if_absent(record((start + repeat) % 50, str(start)))


def test_processes_that_append_at_once_lose_and_double_nothing(path: Path):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=append_all, args=(path, start)) for start in (0, 10, 20)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [found.repeat for found in read_records([path])] == list(range(50))


def test_threads_that_append_at_once_lose_and_double_nothing(path: Path):
    journal = Journal(path)
    threads = [
        threading.Thread(target=lambda: [journal.append_if_absent(record(repeat)) for repeat in range(30)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found.repeat for found in read_records([path])] == list(range(30))


def test_comparable_keeps_all_but_cost_and_provenance():
    full = msgspec.structs.replace(record(3, "why"), cost={"wall_s": 1.0}, provenance={"commit": "abc"})
    assert comparable(full) == record(3, "why")
