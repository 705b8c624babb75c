"""The worker: a process that loads one function and evaluates jobs with it, one after the other.

It receives a job, and answers with a record or the reason why there is none. Anything the function does short of ending
the process (raise, exhaust its memory, print, change the folder, call sys.exit) becomes an answer. If it may have left
something behind (threads, child processes, full memory), the answer requests a fresh worker.

Specifications and answers are sent as JSON, so the parent executes nothing that a function returns.
"""

from __future__ import annotations

import importlib
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from proxybench.errors import CorruptData, DataNotAvailable, Unsupported
from proxybench.jobs.job_spec import JobSpec
from proxybench.jobs.channel import Channel, ChannelBroken
from proxybench.jobs.failure import MethodFailed, MethodLacking, NotInstalled, describe, one_line
from proxybench.jobs.kin import adopt_orphans, peak_mb, reset_peak, silence
from proxybench.records import Outcome, Record

Evaluate = Callable[[JobSpec], Record]


class Greeting(msgspec.Struct, frozen=True):
    """The first message of a worker: it is ready, or it could not load the function."""

    error: str = ""


class Answer(msgspec.Struct, frozen=True):
    """The outcome of a job.

    Attributes:
        record: the returned record, with outcome "ok" or another; None if the function raised, described by `outcome`
            and `message`.
        cost: `wall_s` and `peak_mb`, measured here.
        reusable: False if the job may have left something behind that would affect the next one.
        lacking: what is missing on this machine: the table or the method (the job was not run and there is no
            message), or a library, which another machine may have.
    """

    record: Record | None
    outcome: Outcome
    message: str
    cost: dict[str, float | None]
    reusable: bool
    lacking: str = ""


def main(descriptor: int, run: str, memory_mb: int | None) -> None:
    """Serve the parent at the other end of the socket until it closes it."""
    os.set_inheritable(descriptor, False)
    adopt_orphans()
    channel = Channel(socket.socket(fileno=descriptor))
    try:
        evaluate = load(run)
    except BaseException as error:
        channel.send(msgspec.json.encode(Greeting(describe(error))))
        return
    silence()
    channel.send(msgspec.json.encode(Greeting()))
    process = os.getpid()
    while True:
        try:
            spec = msgspec.json.decode(channel.receive(), type=JobSpec)
        except ChannelBroken:
            return
        answer = answer_job(evaluate, spec, memory_mb)
        if os.getpid() != process:  # the function forked, and this is the child returning
            os._exit(0)
        channel.send(msgspec.json.encode(answer))


def load(run: str) -> Evaluate:
    """The function named by "module:function"."""
    module, _, name = run.partition(":")
    function: Evaluate = getattr(importlib.import_module(module), name)
    return function


def answer_job(evaluate: Evaluate, spec: JobSpec, memory_mb: int | None) -> Answer:
    """Evaluate one job; never raises."""
    folder, threads = Path.cwd(), set(threading.enumerate())
    record, message, lacking, exhausted = None, "", "", False
    outcome: Outcome = "failed"
    known: dict[str, float | None] = {}
    reset_peak()
    start = time.perf_counter()
    try:
        with _limited(memory_mb):
            record = _checked(evaluate(spec), spec)
    except NotInstalled as error:
        outcome, message = "unsupported", one_line(str(error))
        lacking = message
    except Unsupported as error:
        outcome, message = "unsupported", one_line(str(error))
    except (DataNotAvailable, CorruptData, MethodLacking) as error:
        lacking = one_line(str(error))
    except MethodFailed as error:  # in a separate process, which is gone
        outcome, known = error.outcome, error.cost
        lacking = error.library and f"the library {error.library} is not installed"
        message = _out_of_memory(memory_mb, str(error)) if error.exhausted else str(error)
    except MemoryError as error:
        exhausted = True
        message = _out_of_memory(memory_mb, describe(error))
    except BaseException as error:
        message = describe(error)
    cost = {"wall_s": time.perf_counter() - start, "peak_mb": peak_mb(), **known}
    left = exhausted or set(threading.enumerate()) - threads or _has_children() or not _back_in(folder)
    return Answer(record, outcome, message, cost, reusable=not left, lacking=lacking)


def _out_of_memory(memory_mb: int | None, message: str) -> str:
    limit = "" if memory_mb is None else f" (limit {memory_mb} MB)"
    return f"out of memory{limit}: {message}"


def _checked(record: object, spec: JobSpec) -> Record:
    """The record as it will be read back, if it is a record of the right job."""
    if not isinstance(record, Record):
        raise TypeError(f"the function returned {type(record).__name__}, not a Record")
    if (record.task, record.key) != (spec.task, spec.key):
        raise ValueError(f"the function returned the record of another job, {tuple(record.key)}")
    return msgspec.json.decode(msgspec.json.encode(record, enc_hook=_plain), type=Record)


def _plain(value: Any) -> Any:
    """Numpy scalars as Python numbers."""
    if hasattr(value, "item"):
        return value.item()
    raise NotImplementedError(f"a record cannot hold {type(value).__name__}")


@contextmanager
def _limited(memory_mb: int | None) -> Iterator[None]:
    """Bound the writable private memory of the process, libraries included (Linux; no effect on macOS).

    Uses RLIMIT_DATA rather than RLIMIT_AS, since torch and BLAS reserve far more address space than they use. Only the
    soft limit is lowered, so that there is memory left to report that it was hit.
    """
    if memory_mb is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _back_in(folder: Path) -> bool:
    """Return to this folder; whether that succeeded."""
    try:
        os.chdir(folder)
    except OSError:
        return False
    return True


def _has_children() -> bool:
    """Whether the function left child processes, running or dead."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
