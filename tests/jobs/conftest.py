"""Makes the trial jobs importable, here and in the worker processes that inherit the search path."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from trial_stores import JournalTrial, ShardTrial, Trial

STORES = {"journal": JournalTrial, "shards": ShardTrial}


@pytest.fixture(params=list(STORES))
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Trial]:
    """A function: jobs in a folder of the test, with arguments as `Trial`; once for each store."""

    def make(*arguments: Any, **named: Any) -> Trial:
        return STORES[request.param](tmp_path / "trial", *arguments, **named)

    return make
