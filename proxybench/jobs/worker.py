"""The worker: a process that loads one function and does jobs with it, one after the other.

It receives jobs and sends answers. Anything the function does short of ending the process (raise, exhaust its memory,
print, change the folder, call sys.exit) becomes an answer. If it may have left something behind (threads, child
processes, full memory), the answer requests a fresh worker.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from pathlib import Path

import msgspec

from proxybench.errors import CorruptData, DataNotAvailable, Unsupported
from proxybench.jobs.channel import Channel, ChannelBroken
from proxybench.jobs.failure import MethodFailed, MethodLacking, NotInstalled, describe, one_line
from proxybench.jobs.process_control import (
    adopt_orphans,
    has_children,
    limited_memory,
    peak_mb,
    reset_peak,
    silence,
)
from proxybench.jobs.store import Answer, JobFunction, Program
from proxybench.records import Outcome


class Greeting(msgspec.Struct, frozen=True):
    """The first message of a worker: it is ready, or it could not load the function."""

    error: str = ""


def main(descriptor: int, memory_mb: int | None) -> None:
    """Serve the parent at the other end of the socket until it closes it; the Program is the standard input."""
    os.set_inheritable(descriptor, False)
    adopt_orphans()
    channel = Channel(socket.socket(fileno=descriptor))
    try:
        function = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Program).load()
    except BaseException as error:
        channel.send(msgspec.msgpack.encode(Greeting(describe(error))))
        return
    silence()
    channel.send(msgspec.msgpack.encode(Greeting()))
    process = os.getpid()
    while True:
        try:
            content = channel.receive()
        except ChannelBroken:
            return
        answer = answer_job(function, content, memory_mb)
        if os.getpid() != process:  # the function forked, and this is the child returning
            os._exit(0)
        channel.send(msgspec.msgpack.encode(answer))


def answer_job(function: JobFunction, content: bytes, memory_mb: int | None) -> Answer:
    """Do one job; never raises."""
    folder, threads = Path.cwd(), set(threading.enumerate())
    result, message, lacking, exhausted = None, "", "", False
    outcome: Outcome = "failed"
    known: dict[str, float | None] = {}
    reset_peak()
    start = time.perf_counter()
    try:
        with limited_memory(memory_mb):
            result = function(content)
        outcome = "ok"
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
    left = exhausted or set(threading.enumerate()) - threads or has_children() or not _back_in(folder)
    return Answer(result, outcome, message, cost, reusable=not left, lacking=lacking)


def _out_of_memory(memory_mb: int | None, message: str) -> str:
    limit = "" if memory_mb is None else f" (limit {memory_mb} MB)"
    return f"out of memory{limit}: {message}"


def _back_in(folder: Path) -> bool:
    """Return to this folder; whether that succeeded."""
    try:
        os.chdir(folder)
    except OSError:
        return False
    return True
