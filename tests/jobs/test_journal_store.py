"""Jobs of an evaluation in worker processes: what becomes of a job that misbehaves, and of its neighbours."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
import trial_jobs
from trial_jobs import RUN, execute, harmful, spec, work

from proxybench.errors import CorruptData
from proxybench.jobs.job_spec import JobSpec
from proxybench.jobs.journal import Journal
from proxybench.jobs.journal_store import RunSummary
from proxybench.jobs.store import WorkerFailed
from proxybench.records import Record, comparable, read_records


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "trial.jsonl")


def run(journal: Journal, *specs: JobSpec, function: str = RUN, **options: Any) -> list[Record]:
    """Records in the order of the specifications."""
    execute(specs, function, journal, **options)
    records = {record.key: record for record in read_records([journal.path])}
    return [records[spec.key] for spec in specs]


def test_every_job_is_recorded_with_its_outcome(journal: Journal):
    seen: list[Record] = []
    summary = execute(work(20, seconds=0), RUN, journal, jobs=2, on_record=seen.append)
    records = read_records([journal.path])
    assert summary == RunSummary(recorded=20, skipped=0, outcomes={"ok": 17, "failed": 3})
    assert sorted(seen, key=lambda record: record.key) == records
    assert [record.outcome for record in records[:4]] == ["ok", "ok", "ok", "failed"]
    assert records[5].metrics == {"value": random.Random(5).random()}


def test_recorded_jobs_are_skipped_and_the_rest_is_run(journal: Journal, tmp_path: Path):
    log = tmp_path / "log"
    execute(work(5, 0, log), RUN, journal)
    summary = execute(work(8, 0, log), RUN, journal)
    assert (summary.recorded, summary.skipped) == (3, 5)
    assert log.read_text().split() == [str(repeat) for repeat in range(8)]


def test_nothing_to_do_starts_no_worker(journal: Journal):
    execute(work(2, 0), RUN, journal)
    assert execute(work(2, 0), "no_such_module:f", journal).skipped == 2


def test_an_exception_is_recorded_with_the_frame_of_the_users_code(journal: Journal):
    plain, library, garbled, leaving = run(
        journal, harmful("raise"), harmful("raise_in_library"), harmful("garbled"), harmful("polite_exit")
    )
    assert {record.outcome for record in (plain, library, garbled, leaving)} == {"failed"}
    assert plain.message.startswith("ZeroDivisionError: the scores are all equal (trial_jobs.py:")
    assert plain.message.endswith(" in _raise)")
    assert library.message.startswith("LinAlgError: Singular matrix (trial_jobs.py:")
    assert garbled.message.startswith("ValueError: line one line two ? xxx")
    assert len(garbled.message) < 600
    assert leaving.message.startswith("SystemExit: enough")
    assert plain.metrics == {}


def test_an_address_in_a_message_is_left_out(journal: Journal):
    records = run(journal, *work(4, 0))
    assert records[3].message.startswith("ValueError: no figure for 3 of <object object> (trial_jobs.py:")


def test_unsupported_is_an_outcome_of_its_own(journal: Journal):
    [record] = run(journal, harmful("unsupported"))
    assert (record.outcome, record.message) == ("unsupported", "needs node statistics, and the table has none")


def test_a_job_that_takes_too_long_is_killed_and_the_next_one_runs(journal: Journal):
    slow, spinning, after = run(
        journal, harmful("sleep"), harmful("spin_without_releasing"), *work(1, 0), timeout_s=0.5
    )
    assert (slow.outcome, slow.message) == ("timeout", "took longer than 0.5 s")
    assert spinning.outcome == "timeout"
    assert 0.5 <= (slow.cost["wall_s"] or 0) < 5
    assert after.outcome == "ok"


def test_a_time_out_counts_from_the_start_of_the_cell(journal: Journal):
    assert [record.outcome for record in run(journal, *work(3, seconds=0.3), timeout_s=0.7)] == ["ok", "ok", "ok"]


def test_memory_without_bound_ends_at_the_limit(journal: Journal):
    greedy, modest = run(journal, harmful("allocate"), *work(1, 0), memory_mb=400)
    assert greedy.outcome == "failed"
    assert greedy.message.startswith("out of memory (limit 400 MB): MemoryError: Unable to allocate 8.00 MiB")
    assert 200 < (greedy.cost["peak_mb"] or 0) < 450
    assert modest.outcome == "ok"


def test_the_end_of_the_process_is_the_outcome_of_its_job_alone(journal: Journal):
    names = ("exit", "kill", "segfault")
    exited, killed, crashed, after = run(journal, *map(harmful, names), *work(1, 0))
    assert (exited.outcome, exited.message) == ("failed", "the process exited with code 3")
    assert killed.message == "the process was killed by SIGKILL, which the system sends when memory runs out"
    assert crashed.message == "the process was killed by SIGSEGV"
    assert after.outcome == "ok"
    assert set(exited.cost) == {"wall_s"}
    assert "commit" in exited.provenance


def test_noise_on_the_channel_of_records_is_the_failure_of_its_cell(journal: Journal):
    noise, cut, closed, after = run(
        journal,
        harmful("babble", hex="0000000568656c6c6f", seconds=0),
        msgspec.structs.replace(harmful("babble", hex="50", seconds=60), repeat=1),
        harmful("close_all"),
        *work(1, 0),
        timeout_s=2,
    )
    assert (noise.outcome, noise.message) == ("failed", "something other than a message was written to the channel")
    assert (cut.outcome, cut.message) == ("timeout", "took longer than 2 s")
    assert (closed.outcome, closed.message) == ("failed", "the process exited with code 1")
    assert after.outcome == "ok"


def test_a_job_whose_table_is_not_here_is_left_out(journal: Journal):
    summary = execute([*work(2, 0), harmful("take_table")], RUN, journal)
    assert summary.lacking == {"table trial is not here; run: proxybench fetch trial": 1}
    assert (summary.recorded, len(journal.recorded())) == (2, 2)


def test_a_library_that_is_not_here_is_an_outcome(journal: Journal):
    [record] = run(journal, harmful("take_library"))
    assert (record.outcome, record.message) == ("unsupported", "trial takes a library, which is not installed")


def test_megabytes_of_output_go_nowhere(journal: Journal, capfd: pytest.CaptureFixture[str]):
    [record] = run(journal, harmful("print"))
    assert record.outcome == "ok"
    assert capfd.readouterr() == ("", "")


def test_a_change_of_folder_does_not_reach_the_next_cell(journal: Journal):
    changed, folder = run(journal, harmful("change_folder"), harmful("folder", expected=str(Path.cwd())))
    assert changed.outcome == "ok"
    assert folder.metrics == {"value": 1.0}


def test_a_healthy_worker_is_used_again_and_one_with_a_thread_left_is_not(journal: Journal):
    first, left, third = run(
        journal, harmful("process"), harmful("leave_thread"), msgspec.structs.replace(harmful("process"), repeat=1)
    )
    assert first.metrics == left.metrics
    assert third.metrics != left.metrics


def test_processes_that_a_job_left_are_killed(journal: Journal, tmp_path: Path):
    run(journal, harmful("leave_process", pids=str(tmp_path / "pids")))
    assert not any(alive(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_fork_that_comes_back_answers_once(journal: Journal):
    forked, after = run(journal, harmful("fork"), *work(1, 0))
    assert forked.metrics == {"value": 1.0}
    assert after.outcome == "ok"


def test_a_function_must_return_the_record_of_its_cell(journal: Journal, tmp_path: Path):
    [other] = run(journal, spec(), function="trial_jobs:misplaced")
    [nothing] = run(Journal(tmp_path / "nothing.jsonl"), spec(), function="trial_jobs:nothing")
    [text] = run(Journal(tmp_path / "text.jsonl"), harmful("text"))
    assert other.message.startswith("ValueError: the function returned the record of another job, ('trial', 'another'")
    assert nothing.message.startswith("TypeError: the function returned NoneType, not a Record")
    assert text.message.startswith("ValidationError: Expected `float | null`, got `str`")


def test_numbers_of_numpy_and_no_numbers_are_recorded(journal: Journal):
    scalar, missing = run(journal, harmful("numpy_scalar"), harmful("not_finite"))
    assert scalar.metrics == {"value": 0.25}
    assert missing.metrics == {"value": None}


def test_wall_time_and_peak_memory_are_those_of_the_cell(journal: Journal):
    big, small = run(journal, harmful("hold_memory", mb=200), *work(1, seconds=0.2))
    assert 200 < (big.cost["peak_mb"] or 0) < 320
    assert 5 < (small.cost["peak_mb"] or 0) < 120
    assert 0.2 <= (small.cost["wall_s"] or 0) < 2


def test_cost_and_provenance_that_the_function_states_are_kept(journal: Journal):
    [record] = run(journal, *work(1, 0), function="trial_jobs:measured")
    assert {name: record.cost[name] for name in ("wall_s", "fit_s")} == {"wall_s": 1.5, "fit_s": 1.0}
    assert record.cost["peak_mb"]
    assert record.provenance == {"commit": "abc"}


def test_sets_of_strings_have_one_order_in_all_workers(journal: Journal):
    values = {
        record.metrics["value"]
        for repeat in range(2)
        for record in run(journal, msgspec.structs.replace(harmful("hash_of_text"), repeat=repeat))
    }
    assert len(values) == 1


def test_a_function_that_cannot_be_loaded_is_an_error_and_no_outcome(journal: Journal):
    with pytest.raises(WorkerFailed, match=r"cannot load trial_jobs:absent: AttributeError.*absent"):
        execute(work(3), "trial_jobs:absent", journal)
    with pytest.raises(WorkerFailed, match="no_such_module"):
        execute(work(3), "no_such_module:f", journal)
    with pytest.raises(WorkerFailed, match=r"3 workers in a row died .* trial_broken:f\. the driver is missing"):
        execute(work(3), "trial_broken:f", journal)
    assert journal.recorded() == frozenset()


def test_a_job_that_is_specified_twice_is_refused(journal: Journal):
    with pytest.raises(ValueError, match=r"\('trial', 'work', .*'\{\"alpha\":0.5\}', 4, 0\) is specified twice"):
        execute([spec(), spec(seconds=1)], RUN, journal)


def test_records_of_another_version_of_the_task_are_not_mistaken_for_this_one(journal: Journal):
    execute(work(1, 0), RUN, journal)
    newer = msgspec.structs.replace(spec(), task=msgspec.structs.replace(trial_jobs.TASK, version=2))
    with pytest.raises(CorruptData, match="another version of task trial"):
        execute([newer], RUN, journal)


def test_a_run_goes_on_after_one_that_was_killed_while_it_recorded(journal: Journal):
    """The journal as a writer leaves it that dies in the middle of a write."""
    execute(work(10, 0), RUN, journal)
    whole = [comparable(record) for record in read_records([journal.path])]
    journal.path.write_bytes(journal.path.read_bytes()[:-200])
    assert execute(work(10, 0), RUN, Journal(journal.path)).recorded == 1
    assert [comparable(record) for record in read_records([journal.path])] == whole
