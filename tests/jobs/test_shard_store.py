"""Work in chunks: what becomes of a chunk that fails, of a damaged shard, and of a folder of something else."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from trial_stores import ShardTrial
from trial_work import do, logged, products, work

from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.jobs.run import run_in_processes
from proxybench.jobs.shard_store import ShardStore
from proxybench.jobs.store import WorkerFailed
from proxybench.jobs.work_folder import OtherSetting, begin, load

SEVENFOLD = [0, 7, 14, 21, 28, 35, 42, 49, 56, 63]


def test_ten_items_in_chunks_of_three_are_four_shards(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w"))
    seen: list[int] = []
    assert do(begun, seen.append) == 10
    assert products(begun) == SEVENFOLD
    assert seen == [0, 3, 6, 9, 10]
    assert sorted(path.name for path in (begun.folder / "shards").iterdir()) == [
        "000000.parquet", "000001.parquet", "000002.parquet", "000003.parquet"
    ]  # fmt: skip
    assert not (begun.folder / "claims").exists()


def test_a_chunk_whose_process_dies_is_tried_again_after_the_others(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w", crash=4))
    with pytest.raises(WorkerFailed, match=r"chunk 1 of .* exited with code 7; 7 of 10 are done, run the same command"):
        run_in_processes(ShardStore(begun), 1)
    assert logged(begun) == [0, 1, 2, 3, 3, 3, 4, 4, 4, 6, 7, 8, 9]
    assert begun.missing() == [1]


def test_a_chunk_whose_process_died_once_is_done_by_the_next(tmp_path: Path) -> None:
    jobs = ShardTrial(tmp_path / "trial", 6, harm={2: "die_once"})
    jobs.run(2)
    assert jobs.starts() == [0, 1, 2, 2, 3, 4, 5]
    assert jobs.results() == [0, 7, 14, 21, 28, 35]


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ("raise", r"ZeroDivisionError: the scores are all equal \(trial_jobs\.py:\d+ in _raise\)"),
        ("unsupported", "needs node statistics"),
        ("sleep", r"took longer than 2 s"),
        ("spin_without_releasing", r"took longer than 2 s"),
        ("allocate", r"out of memory \(limit 600 MB\)"),
        ("exit", r"the process exited with code 3 \(memory limit 600 MB\)"),
        ("segfault", "the process was killed by SIGSEGV"),
        ("babble", "something other than a message was written to the channel"),
        ("close_all", "the process exited with code 1"),
        ("take_table", "table trial is not here"),
    ],
)
def test_a_chunk_that_fails_is_an_error_that_names_it(tmp_path: Path, harm: str, reason: str) -> None:
    jobs = ShardTrial(tmp_path / "trial", 2, harm={1: harm}, hex="0000000568656c6c6f")
    with pytest.raises(WorkerFailed, match=f"chunk 1 of .* failed: {reason}.*; 1 of 2 are done"):
        jobs.run(timeout_s=2 if "took" in reason else 30, memory_mb=600)
    assert not jobs.claims.exists()


def test_output_of_a_chunk_goes_nowhere_and_its_folder_is_its_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    harm = {0: "print", 1: "change_folder", 2: "leave_thread", 3: "fork"}
    jobs = ShardTrial(tmp_path / "trial", 5, harm=harm)
    jobs.run()
    assert jobs.results() == [0, 7, 14, 21, 28]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("damage", ["cut", "flipped", "of another setting"])
def test_a_shard_that_is_not_whole_is_done_again(tmp_path: Path, damage: str) -> None:
    begun = begin(work(tmp_path / "w"))
    do(begun)
    path = begun.shard(1)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[:-10])
    elif damage == "flipped":
        content[10] ^= 255
        path.write_bytes(content)
    else:
        other = begin(work(tmp_path / "v", factor=8, setting="another"))
        do(other)
        path.write_bytes(other.shard(1).read_bytes())
    again = load(tmp_path / "w")
    assert again.missing() == [1]
    assert do(again) == 3
    assert products(again) == SEVENFOLD


def test_a_shard_damaged_after_it_was_checked_is_named(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w"))
    do(begun)
    begun.shard(2).write_bytes(b"PAR1")
    with pytest.raises(CorruptData, match=r"000002.parquet is damaged .* remove it and run again"):
        products(begun)


def test_a_half_written_file_is_no_shard(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w"))
    (begun.folder / "shards").mkdir()
    (begun.folder / "shards" / ".000000.parquet.77.tmp").write_bytes(b"PAR1")
    assert begun.missing() == [0, 1, 2, 3]


def test_another_setting_is_refused_by_name(tmp_path: Path) -> None:
    begin(work(tmp_path / "w", log="a", images={"digest": "12"}))
    with pytest.raises(OtherSetting, match=r'images digest is "12" there and "34" here') as refused:
        begin(work(tmp_path / "w", log="a", images={"digest": "34"}))
    assert "log" not in str(refused.value)
    with pytest.raises(OtherSetting, match="items is 10 there and 11 here"):
        begin(work(tmp_path / "w", items=11, log="a", images={"digest": "12"}))


def test_the_chunks_of_the_folder_hold_when_it_is_taken_up(tmp_path: Path) -> None:
    begin(work(tmp_path / "w", chunk=3))
    again = begin(work(tmp_path / "w", chunk=5))
    assert (again.chunk, again.chunks) == (3, 4)


def test_a_chunk_in_hand_is_not_forgotten_and_free_after_an_error(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w"))
    with suppress(KeyboardInterrupt), ShardStore(begun) as mine:
        job = mine.take()
        assert job is not None
        assert job.name == "000000"
        assert load(begun.folder).forget([0, 1]) == 1
        raise KeyboardInterrupt
    assert begun.forget([0]) == 1


def test_a_chunk_that_another_run_did_meanwhile_is_not_handed_out(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w"))
    with ShardStore(begun) as mine:
        do(load(begun.folder))
        assert mine.take() is None
        assert len(mine) == 0


def test_a_forgotten_chunk_is_done_again(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w"))
    do(begun)
    assert begun.forget([3]) == 1
    assert begun.done() == 9
    assert do(begun) == 1


def test_rows_must_match_the_items(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gave 2 rows for 3 items"):
        begin(work(tmp_path / "w")).write(0, pa.table({"product": [1, 2]}))


def test_a_damaged_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotAvailable, match="holds no sweep; start one with: proxybench compute"):
        load(tmp_path)
    begun = begin(work(tmp_path / "w"))
    (begun.folder / "factor").write_bytes(b"8")
    with pytest.raises(CorruptData, match="is damaged: files factor is"):
        load(begun.folder)
    (begun.folder / "items.parquet").unlink()
    with pytest.raises(CorruptData, match="is not a complete sweep"):
        load(begun.folder)
    plan = json.loads((begun.folder / "sweep.json").read_text())
    (begun.folder / "sweep.json").write_text(json.dumps({**plan, "format": 2}))
    with pytest.raises(CorruptData, match="does not have format 1"):
        load(begun.folder)
    (begun.folder / "sweep.json").write_text("{")
    with pytest.raises(CorruptData, match="is not valid JSON"):
        load(begun.folder)


@pytest.mark.parametrize("run", ["builtins:exec", "os:system", "no.such:thing", "trial_work:logged", ""])
def test_a_folder_cannot_name_any_function_to_be_called(tmp_path: Path, run: str) -> None:
    begun = begin(replace(work(tmp_path / "w"), run=run, setting={"x": "print(1)"}))
    with pytest.raises(CorruptData, match="work"):
        do(begun)
