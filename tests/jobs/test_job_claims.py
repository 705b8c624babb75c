"""Claims of several runs on the jobs of one store."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from proxybench.jobs.job_claims import JobClaims


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "claims"


def claims(folder: Path) -> JobClaims:
    return JobClaims(folder, folder.with_name("lock"))


def test_the_first_job_that_nobody_has_is_claimed(folder: Path) -> None:
    with claims(folder) as mine, claims(folder) as others:
        assert mine.claim_first("abc") == "a"
        assert mine.claim_first("abc") == "b"
        assert others.claim_first("abc") == "c"
        assert others.claim_first("abc") is None


def test_a_released_job_can_be_claimed_by_anyone(folder: Path) -> None:
    with claims(folder) as mine, claims(folder) as others:
        for job in ("a", "b"):
            mine.claim_first([job])
            mine.release(job)
        assert others.claim_first("a") == "a"
        assert mine.claim_first("b") == "b"


def test_claims_end_with_their_run_and_leave_no_files(folder: Path) -> None:
    with claims(folder) as others:
        with suppress(KeyboardInterrupt), claims(folder) as mine:
            mine.claim_first("a")
            raise KeyboardInterrupt
        assert others.claim_first("a") == "a"
    assert not folder.exists()


def test_files_that_dead_runs_left_say_nothing_and_are_removed(folder: Path) -> None:
    with claims(folder) as mine:
        (folder / "1-dead.jobs").write_bytes(msgspec.json.encode(["a"]))
        (folder / "2-dead.jobs").write_bytes(b"[")  # died while it wrote
        (folder / "2-dead.lock").touch()
        (folder / "000012").touch()  # of an earlier version
        assert mine.claim_first("a") == "a"
        assert len(list(folder.iterdir())) == 2
    assert not folder.exists()


def test_the_claims_of_a_run_are_those_of_its_own_store(folder: Path, tmp_path: Path) -> None:
    with claims(folder) as mine, claims(tmp_path / "other") as others:
        assert mine.claim_first("a") == others.claim_first("a") == "a"
