"""Work in chunks: each item once, whatever is killed, torn or started twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
import trial_work
from proxybench.jobs.folder import OtherSetting, begin, load
from proxybench.jobs.processes import WorkersDied, do_in_processes
from proxybench.jobs.shards import Work, do
from trial_work import logged, products, work

from proxybench.errors import CorruptData, DataNotAvailable

SEVENFOLD = [0, 7, 14, 21, 28, 35, 42, 49, 56, 63]
JOIN = "import sys; from pathlib import Path; from proxybench.jobs.folder import load; " + (
    "from proxybench.jobs.shards import do; do(load(Path(sys.argv[1])))"
)


@contextmanager
def joined(begun: Work) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that does the work of the folder."""
    environment = {**os.environ, "PYTHONPATH": str(Path(trial_work.__file__).parent)}
    with subprocess.Popen([sys.executable, "-c", JOIN, str(begun.folder)], env=environment) as process:
        yield process


def wait_for(begun: Work, shards: int) -> None:
    end = time.monotonic() + 30
    while len(list(begun.folder.glob("shards/*.parquet"))) < shards:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_ten_items_in_chunks_of_three_are_four_shards(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w"))
    seen: list[int] = []
    assert do(begun, seen.append) == 10
    assert products(begun) == SEVENFOLD
    assert seen == [0, 3, 6, 9, 10, 10]
    assert sorted(path.name for path in (begun.folder / "shards").iterdir()) == [
        "000000.parquet", "000001.parquet", "000002.parquet", "000003.parquet"
    ]  # fmt: skip
    assert list((begun.folder / "claims").iterdir()) == []


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    do(begin(work(tmp_path / "w")))
    again = begin(work(tmp_path / "w"))
    assert do(again) == 0
    assert logged(again) == list(range(10))


def test_two_processes_at_once_share_the_items(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w", items=60, seconds=0.01))
    with joined(begun) as one, joined(begun) as other:
        assert one.wait() == other.wait() == 0
    assert logged(begun) == list(range(60))
    assert products(begun) == [7 * number for number in range(60)]


def test_a_killed_process_leaves_its_chunk_to_a_living_one(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w", items=30, seconds=0.03))
    with joined(begun) as process:
        wait_for(begun, 2)
        time.sleep(0.03)  # into the next chunk
        process.send_signal(signal.SIGKILL)
        process.wait()
    whole = 30 - sum(begun.size(number) for number in begun.missing())
    assert 6 <= whole < 30
    assert do(load(begun.folder)) == 30 - whole
    assert products(begun) == [7 * number for number in range(30)]


def test_worker_processes_do_the_work_and_end(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w", items=40, seconds=0.01))
    do_in_processes(begun, 2)
    assert logged(begun) == list(range(40))
    assert [child for child in psutil.Process().children() if "processes" in " ".join(child.cmdline())] == []


def test_workers_that_die_are_named_with_what_is_left(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w", crash=4))
    with pytest.raises(WorkersDied, match=r"exit code 7.*3 of 10 are done, run the same command again"):
        do_in_processes(begun, 1)
    with pytest.raises(WorkersDied, match="not on this machine"):
        do_in_processes(begin(work(tmp_path / "v", refuse=True)), 1)


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


def test_a_chunk_in_hand_is_not_handed_out_and_free_after_an_error(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w"))
    with suppress(KeyboardInterrupt), begun.claimed(0) as mine:
        assert mine
        with load(begun.folder).claimed(0) as theirs:
            assert not theirs
        assert not begun.forget(0)
        raise KeyboardInterrupt
    with begun.claimed(0) as mine:
        assert mine


def test_a_forgotten_chunk_is_done_again(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w"))
    do(begun)
    assert begun.forget(3)
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
