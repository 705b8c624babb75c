"""A Dask cluster of processes on this machine, which tests may kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import distributed


class Cluster:
    """A scheduler and its workers, each a process in `folder` that can load what lies in `modules`."""

    def __init__(self, folder: Path, modules: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._modules = modules
        self._stack = stack
        self.workers: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(file))
        end = time.monotonic() + 30
        while not (file.exists() and file.read_text().endswith("}")):
            assert time.monotonic() < end
            time.sleep(0.05)
        self.address: str = json.loads(file.read_text())["address"]

    def add_worker(self, **changes: str) -> None:
        """Start a worker, with these environment variables changed."""
        options = ("--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--local-directory", str(self._folder))
        self.workers.append(self._start("worker", self.address, *options, **changes))

    def wait_for(self, workers: int) -> None:
        """Wait until so many workers are known to the scheduler."""
        with distributed.Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)

    def _start(self, *arguments: str, **changes: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
        command += ["--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
        log = self._stack.enter_context((self._folder / "cluster.log").open("ab"))
        path = os.pathsep.join(filter(None, [str(self._modules), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, **changes}
        process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log, env=environment)
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        return process


@contextmanager
def two_workers(folder: Path, modules: Path) -> Iterator[Cluster]:
    """A cluster in a new folder with two workers of one thread."""
    with ExitStack() as stack:
        folder.mkdir()
        cluster = Cluster(folder, modules, stack)
        cluster.add_worker()
        cluster.add_worker()
        yield cluster
