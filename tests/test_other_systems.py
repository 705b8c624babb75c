"""What works where Python has no fcntl, no process groups and no Unix signals, as on Windows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra proxybench[torch] is not installed")

ROOT = Path(__file__).parents[1]


def test_tables_scores_ranks_and_the_leaderboard_need_nothing_that_windows_lacks(tmp_path: Path) -> None:
    environment = {**os.environ, "PROXYBENCH_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    program = [
        sys.executable,
        str(ROOT / "tests" / "trial_windows.py"),
        str(tmp_path),
        str(ROOT / "leaderboard" / "runs"),
    ]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
