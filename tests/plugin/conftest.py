"""A folder of a user's own tests and entrants, and runs of pytest in it as processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

FILES = {
    "pytest.ini": """
        [pytest]
        addopts = --strict-markers --strict-config -ra
        filterwarnings = error
        proxybench_min_kendall =
            darts-oncenas-test/from_ini=0.999
    """,
    "conftest.py": """
        import proxybench as pb

        @pb.entrant("from_conftest")
        def score(batch):
            return batch.column("cost:params")
    """,
    "deeper/conftest.py": """
        import proxybench as pb

        @pb.entrant("from_ini")
        def score(batch):
            return batch.column("cost:params")
    """,
    "deeper/test_nothing.py": "def test_nothing(): pass",
    "test_mine.py": """
        import library
        import numpy as np
        import proxybench as pb
        from predictors.base import Parameters
        from proxybench.errors import Unsupported

        @pb.entrant("above", floors={"darts-oncenas-test": 0.05})
        def above(batch):
            return batch.column("cost:params")

        @pb.entrant("below", floors={"darts-oncenas-test": 0.9})
        def below(batch):
            return batch.column("cost:params")

        @pb.entrant("breaks")
        def breaks(batch):
            raise ZeroDivisionError("one too many")

        @pb.entrant("does_not_apply")
        def does_not_apply(batch):
            raise Unsupported("there are no gradients here")

        @pb.entrant("learner")
        class Learner(Parameters):
            def fit(self, X, y):
                return self
            def predict(self, X):
                return np.zeros(len(X))

        def test_mine():
            pass
    """,
    "library.py": """
        import proxybench as pb

        VALUE = 3

        @pb.entrant("from_a_library")
        def score(batch):
            return batch.column("cost:params")
    """,
    "outside.py": """
        def score(batch):
            return batch.column("cost:params")
    """,
}


class Run(NamedTuple):
    """What a run of pytest printed, and each item's outcome in it."""

    code: int
    out: str

    def outcome(self, nodeid: str) -> str:
        found = re.search(rf"{re.escape(nodeid)} (\w+)|\] (\w+) {re.escape(nodeid)}", self.out)
        assert found is not None, self.out
        return found[1] or found[2]

    @property
    def nodeids(self) -> list[str]:
        """The items of a run with --collect-only -q."""
        return [line for line in self.out.splitlines() if "::" in line and " " not in line]


Pytest = Callable[..., Run]


def write_files(folder: Path, files: dict[str, str]) -> Path:
    from textwrap import dedent

    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedent(text))
    return folder


def run_pytest(folder: Path, cache: Path, *arguments: str) -> Run:
    environment = {**os.environ, "PROXYBENCH_CACHE": str(cache), "COLUMNS": "500"}
    command = [sys.executable, "-m", "pytest", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return Run(done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="session")
def user_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("user"), FILES)


@pytest.fixture(scope="session")
def small_cache(part_of_cache: Callable[..., Path]) -> Path:
    """Tables of 292 and 526 architectures for two tasks of `published`, and one of 1,000 for `quick-predictors`."""
    return part_of_cache("nasbench101-suite-zero", "darts-oncenas", "darts-swap")
