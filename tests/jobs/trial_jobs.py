"""Jobs for the tests of execution: cheap, or harmful in a way that the payload names. Imported by worker processes."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from proxybench.errors import DataNotAvailable, Unsupported
from proxybench.jobs.failure import NotInstalled
from proxybench.jobs.job_spec import JobSpec
from proxybench.jobs.journal import Journal
from proxybench.jobs.journal_store import JournalStore, RunSummary
from proxybench.jobs.run import run_in_processes
from proxybench.records import Record, TaskIdentity

RUN = "trial_jobs:evaluate"
TASK = TaskIdentity(
    name="trial",
    version=1,
    benchmark="none",
    dataset="none",
    population="numbers",
    size=10,
    split="whole population",
    target="number",
    table="0" * 16,
)


def execute(
    specs: Iterable[JobSpec],
    run: str,
    journal: Journal,
    on_record: Callable[[Record], None] | None = None,
    jobs: int = 1,
    **options: Any,
) -> RunSummary:
    """Run the jobs that the journal lacks, in processes."""
    store = JournalStore(specs, run, journal, on_record)
    run_in_processes(store, jobs, **options)
    return store.summary


def spec(repeat: int = 0, method: str = "work", **payload: Any) -> JobSpec:
    return JobSpec(TASK, method, "predictor", {"alpha": 0.5}, n_train=4, repeat=repeat, payload=payload)


def work(count: int, seconds: float = 0.02, log: Path | None = None) -> list[JobSpec]:
    """Jobs that sleep and give a number; every seventh fails. Each start is a line of the log, if there is one."""
    return [spec(repeat, seconds=seconds, log=None if log is None else str(log)) for repeat in range(count)]


def evaluate(spec: JobSpec) -> Record:
    behaviour = BEHAVIOURS[spec.method]
    return Record(
        task=spec.task,
        method=spec.method,
        kind=spec.kind,
        outcome="ok",
        metrics={"value": behaviour(spec.payload, spec.repeat)},
        params=spec.params,
        repeat=spec.repeat,
        n_train=spec.n_train,
    )


def _work(payload: dict[str, Any], repeat: int) -> float:
    if payload["log"] is not None:
        descriptor = os.open(payload["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, b"%d\n" % repeat)
        os.close(descriptor)
    time.sleep(payload["seconds"])
    if repeat % 7 == 3 and payload.get("failures", True):
        raise ValueError(f"no figure for {repeat} of {object()}")
    return random.Random(repeat).random()


def _raise(payload: dict[str, Any], repeat: int) -> float:
    raise ZeroDivisionError("the scores are all equal")


def _raise_in_library(payload: dict[str, Any], repeat: int) -> float:
    return float(np.linalg.inv(np.zeros((2, 2)))[0, 0])


def _unsupported(payload: dict[str, Any], repeat: int) -> float:
    raise Unsupported("needs node statistics, and the table has none")


def _sleep(payload: dict[str, Any], repeat: int) -> float:
    time.sleep(60)
    return 0.0


def _spin_without_releasing(payload: dict[str, Any], repeat: int) -> float:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctypes.PyDLL(None).sleep(60)  # holds the interpreter lock, so no thread of this process runs
    return 0.0


def _allocate(payload: dict[str, Any], repeat: int) -> float:
    hoard = []
    while True:
        hoard.append(np.ones(2**20))


def _exit(payload: dict[str, Any], repeat: int) -> float:
    os._exit(3)


def _polite_exit(payload: dict[str, Any], repeat: int) -> float:
    sys.exit("enough")


def _kill(payload: dict[str, Any], repeat: int) -> float:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


def _die_once(payload: dict[str, Any], repeat: int) -> float:
    if Path(payload["log"]).read_text().split().count(str(repeat)) == 1:
        os._exit(3)
    return 1.0


def _segfault(payload: dict[str, Any], repeat: int) -> float:
    return float(ctypes.string_at(0)[0])


def _print(payload: dict[str, Any], repeat: int) -> float:
    print("x" * 5_000_000)  # noqa: T201
    os.write(1, b"y" * 1_000_000)
    os.write(2, b"z" * 1_000_000)
    return 1.0


def _change_folder(payload: dict[str, Any], repeat: int) -> float:
    os.chdir("/")
    return 1.0


def _folder(payload: dict[str, Any], repeat: int) -> float:
    return float(str(Path.cwd()) == payload["expected"])


def _leave_thread(payload: dict[str, Any], repeat: int) -> float:
    threading.Thread(target=time.sleep, args=(60,)).start()
    return float(os.getpid())


def _leave_process(payload: dict[str, Any], repeat: int) -> float:
    process = subprocess.Popen(["sleep", "60"])
    Path(payload["pids"]).write_text(f"{os.getpid()} {process.pid}")
    time.sleep(payload.get("seconds", 0))
    return float(os.getpid())


def _babble(payload: dict[str, Any], repeat: int) -> float:
    """Writes to every descriptor that is a socket, among them the channel on which records are sent."""
    for descriptor in range(3, 64):
        with suppress(OSError):
            socket.socket(fileno=os.dup(descriptor)).send(bytes.fromhex(payload["hex"]))
    time.sleep(payload["seconds"])
    return 1.0


def _close_all(payload: dict[str, Any], repeat: int) -> float:
    os.closerange(3, 4096)
    return 1.0


def _take_table(payload: dict[str, Any], repeat: int) -> float:
    """Runs only where the environment has the table."""
    if "TRIAL_TABLE" not in os.environ:
        raise DataNotAvailable("table trial is not here; run: proxybench fetch trial")
    return float(repeat)


def _take_library(payload: dict[str, Any], repeat: int) -> float:
    if "TRIAL_TABLE" not in os.environ:
        raise NotInstalled("trial takes a library, which is not installed")
    return float(repeat)


def _fork(payload: dict[str, Any], repeat: int) -> float:
    return 1.0 if os.fork() else 2.0


def _process(payload: dict[str, Any], repeat: int) -> float:
    return float(os.getpid())


def _hold_memory(payload: dict[str, Any], repeat: int) -> float:
    return float(np.ones(payload["mb"] * 2**17).sum())


def _numpy_scalar(payload: dict[str, Any], repeat: int) -> float:
    return np.float64(0.25)


def _text(payload: dict[str, Any], repeat: int) -> Any:
    return "a lot"


def _garbled(payload: dict[str, Any], repeat: int) -> float:
    raise ValueError("line one\nline two \udce9 " + "x" * 10_000)


def _hash_of_text(payload: dict[str, Any], repeat: int) -> float:
    return float(hash("nor_conv_3x3") % 2**32)


def _not_finite(payload: dict[str, Any], repeat: int) -> float:
    return float("nan")


BEHAVIOURS: dict[str, Callable[[dict[str, Any], int], float]] = {
    name.removeprefix("_"): function
    for name, function in list(globals().items())
    if name.startswith("_") and not name.startswith("__") and callable(function)
}


def misplaced(spec: JobSpec) -> Record:
    return Record(task=spec.task, method="another", kind=spec.kind, outcome="ok", metrics={})


def nothing(spec: JobSpec) -> None:
    """Not what `execute` asks for."""


def measured(spec: JobSpec) -> Record:
    record = evaluate(spec)
    return msgspec.structs.replace(record, cost={"wall_s": 1.5, "fit_s": 1.0}, provenance={"commit": "abc"})


def harmful(name: str, **payload: Any) -> JobSpec:
    return spec(method=name, **payload)
