"""The same numbered jobs in both stores, for tests of what must hold for each of them.

As a program it does the jobs in processes, for tests to kill.
"""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trial_jobs
import trial_work

from proxybench.jobs.journal import Journal
from proxybench.jobs.journal_store import JournalStore
from proxybench.jobs.run import run_in_processes
from proxybench.jobs.shard_store import ShardStore
from proxybench.jobs.store import JobStore
from proxybench.jobs.work_folder import begin
from proxybench.records import comparable, read_records

OnDone = Callable[[int], None]


class Trial(ABC):
    """So many jobs, each of which writes its number to a log when it begins, and sleeps.

    Attributes:
        harm: the behaviour of `trial_jobs` that a job shows, by number.
        broken: whether the function of the jobs cannot be loaded.
        payload: what the behaviours need.
    """

    def __init__(
        self,
        folder: Path,
        count: int,
        seconds: float = 0.0,
        harm: Mapping[int, str] | None = None,
        broken: bool = False,
        **more: Any,
    ) -> None:
        self.folder, self.count, self.seconds = folder, count, seconds
        self.harm = dict(harm or {})
        self.broken = broken
        self.log = folder / "log"
        self.pids = folder / "pids"
        self.payload = {"seconds": seconds, "log": str(self.log), "pids": str(self.pids), **more}
        self.more = more
        folder.mkdir(exist_ok=True)

    @abstractmethod
    def store(self, on_done: OnDone | None = None) -> JobStore:
        """A store for one run; `on_done` gets the number of jobs done."""

    @abstractmethod
    def done(self) -> int:
        """How many jobs are done, whoever did them."""

    @abstractmethod
    def results(self) -> list[Any]:
        """The results, in the order of the numbers, without what may differ between two runs."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """The files in the folder of the results that do not belong there."""

    @property
    def claims(self) -> Path:
        return self.folder / self.claims_name

    claims_name: str

    def run(self, workers: int = 1, on_done: OnDone | None = None, **options: Any) -> None:
        run_in_processes(self.store(on_done), workers, **options)

    def starts(self) -> list[int]:
        """The numbers of the jobs that were begun, with repetitions, in the order of the numbers."""
        return sorted(map(int, self.log.read_text().split())) if self.log.exists() else []

    def uninterrupted(self, count: int | None = None) -> list[Any]:
        """The results of a run of as many harmless jobs, or of `count`, that nothing happened to."""
        other = type(self)(self.folder.parent / "uninterrupted", self.count if count is None else count)
        other.run(2)
        return other.results()

    @contextmanager
    def started(self, workers: int = 2) -> Iterator[subprocess.Popen[str]]:
        """A run in a process of its own, that does not outlive the test."""
        about = {"kind": type(self).__name__, "folder": str(self.folder), "count": self.count}
        about |= {"seconds": self.seconds, "harm": self.harm, "workers": workers, "more": self.more}
        command = [sys.executable, __file__, json.dumps(about)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


class JournalTrial(Trial):
    """Jobs whose records are lines of `trial.jsonl`."""

    claims_name = "trial.jsonl.claims"

    def store(self, on_done: OnDone | None = None) -> JournalStore:
        methods = [self.harm.get(number, "work") for number in range(self.count)]
        specs = [trial_jobs.spec(number, method, **self.payload) for number, method in enumerate(methods)]
        run = "trial_jobs:absent" if self.broken else trial_jobs.RUN
        on_record = None if on_done is None else lambda record: on_done(self.done())
        return JournalStore(specs, run, Journal(self.path), on_record)

    @property
    def path(self) -> Path:
        return self.folder / "trial.jsonl"

    def done(self) -> int:
        return self.path.read_bytes().count(b"\n") if self.path.exists() else 0

    def results(self) -> list[Any]:
        return sorted((comparable(record) for record in read_records([self.path])), key=lambda record: record.repeat)

    def leftovers(self) -> list[str]:
        names = {path.name for path in self.folder.iterdir()}
        return sorted(names - {"trial.jsonl", "trial.jsonl.lock", "log", "pids"})


class ShardTrial(Trial):
    """Chunks of one item each, in the folder `work`."""

    claims_name = "work/claims"

    def store(self, on_done: OnDone | None = None) -> ShardStore:
        setting = {**self.payload, "harm": {str(number): harm for number, harm in self.harm.items()}}
        setting["refuse"] = self.broken
        self.work = begin(trial_work.work(self.folder / "work", self.count, chunk=1, **setting))
        return ShardStore(self.work, on_done)

    def done(self) -> int:
        return len(list(self.folder.glob("work/shards/*.parquet")))

    def results(self) -> list[Any]:
        return trial_work.products(self.work)

    def leftovers(self) -> list[str]:
        names = {path.name for path in (self.folder / "work").iterdir()}
        return sorted(names - {"sweep.json", "items.parquet", "factor", "shards", ".lock"})


if __name__ == "__main__":
    about = json.loads(sys.argv[1])
    harm = {int(number): name for number, name in about["harm"].items()}
    kind = {"JournalTrial": JournalTrial, "ShardTrial": ShardTrial}[about["kind"]]
    trial = kind(Path(about["folder"]), about["count"], about["seconds"], harm, **about["more"])
    trial.run(about["workers"], timeout_s=30)
