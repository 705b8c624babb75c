"""The leaderboard brought up to date, in a folder of its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from proxybench.board_update import Part, take_over, update
from proxybench.cli import update as command
from proxybench.evaluation.plans import suite_tasks
from proxybench.leaderboard.build import differences
from proxybench.records import read_records

RELEASED = Path(__file__).resolve().parents[1] / "leaderboard"
FEW = (Part("trained", "params"),)


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A released leaderboard of one suite."""
    folder = tmp_path / "released"
    (folder / "runs").mkdir(parents=True)
    shutil.copyfile(RELEASED / "runs/trained.jsonl", folder / "runs/trained.jsonl")
    return folder


def test_what_is_not_evaluated_comes_from_the_release_which_does_not_change(
    released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROXYBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PROXYBENCH_OFFLINE", "1")
    monkeypatch.delenv("PROXYBENCH_MIRROR", raising=False)
    before = (released / "runs/trained.jsonl").read_bytes()
    done = update(tmp_path / "latest", released, shipped=FEW, jobs=1, published=False)

    assert (released / "runs/trained.jsonl").read_bytes() == before
    old = read_records([released / "runs/trained.jsonl"])
    new = read_records([tmp_path / "latest/runs/trained.jsonl"])
    assert {one.key for one in new} == {one.key for one in old}
    again = {one.key for one in done.results["trained"].records}
    unchanged = {one.key: one for one in old}
    assert again
    assert all(one == unchanged[one.key] for one in new if one.key not in again)
    assert all(one.metrics["kendall"] == unchanged[one.key].metrics["kendall"] for one in new if one.key in again)
    assert differences(tmp_path / "latest") == []
    assert done.page is not None
    assert done.page.is_file()

    command._report(done)
    said = capsys.readouterr().out
    assert len(said.splitlines()) < 20
    assert f"Page: {done.page}" in said
    tasks = len(suite_tasks("trained"))
    assert f"Training-free methods, suite trained, average rank over {tasks} tasks" in said


def test_a_record_of_the_folder_stays_unless_its_task_has_changed(released: Path, tmp_path: Path) -> None:
    folder = tmp_path / "latest"
    take_over(released, folder)
    path = folder / "runs/trained.jsonl"
    own = re.sub(r'"kendall":-?[0-9.e-]+', '"kendall":0.25', path.read_text(), count=1)
    path.write_text(own)
    take_over(released, folder)
    assert path.read_text() == own

    first = read_records([path])[0].task.name
    path.write_text(own.replace(f'"name":"{first}"', f'"name":"{first}","population":"another"', 1))
    take_over(released, folder)
    assert {one.task for one in read_records([path])} == {
        one.task for one in read_records([released / "runs/trained.jsonl"])
    }


def test_published_tables_that_cannot_be_had_are_one_line(
    released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROXYBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PROXYBENCH_OFFLINE", "1")
    monkeypatch.delenv("PROXYBENCH_MIRROR", raising=False)
    done = update(tmp_path / "latest", released, shipped=(), jobs=1)
    assert len(done.left_out) == 1
    command._report(done)
    lines = capsys.readouterr().out.splitlines()
    (left_out,) = [line for line in lines if line.startswith("Not evaluated anew")]
    assert re.search(r"published tables \([\w-]+, [\w-]+, [\w-]+ and \d+ more\)", left_out)
    assert "PROXYBENCH_OFFLINE" in left_out
