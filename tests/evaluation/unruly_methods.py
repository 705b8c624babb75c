"""Methods of a user that misbehave, for `test_method_process`. Each is loaded by a process of its own."""

from __future__ import annotations

import builtins
import ctypes
import gc
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np

from predictors.arch import ArchBatch


def honest(batch: ArchBatch):
    return [float(len(arch.edges)) for arch in batch]


def state(batch: ArchBatch):
    """What a method before this one could have changed, as one number for each architecture."""
    known = [
        sys.getrecursionlimit(),
        len(warnings.filters),
        int("UNRULY" in os.environ),
        int(signal.getsignal(signal.SIGTERM) == signal.SIG_IGN),
        threading.active_count(),
        int(Path.cwd() == Path("/")),
        random.Random(len(batch)).randint(0, 99),
        float(batch.columns["cost:params"].sum()),
        max([1, 2]),
    ]
    return np.resize(known, len(batch))


def changes_everything(batch: ArchBatch):
    sys.setrecursionlimit(200)
    warnings.simplefilter("ignore")
    os.environ["UNRULY"] = "1"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=time.sleep, args=(60,)).start()
    os.chdir("/")
    for values in batch.columns.values():
        values.setflags(write=True)
        values[:] = 0
    builtins.max = min
    return honest(batch)


def forgets_modules(batch: ArchBatch):
    sys.modules.clear()
    return honest(batch)


def floods(batch: ArchBatch):
    for descriptor in (1, 2):
        os.write(descriptor, b"x" * 5_000_000)
    return honest(batch)


def exits(batch: ArchBatch):
    os._exit(0)


def dies(batch: ArchBatch):
    os.kill(os.getpid(), signal.SIGKILL)


def leaves(batch: ArchBatch):
    sys.exit("enough")


def interrupts(batch: ArchBatch):
    raise KeyboardInterrupt


class Mute(BaseException):
    def __str__(self) -> str:
        raise SystemExit


def raises_mute(batch: ArchBatch):
    raise Mute


def closes_all(batch: ArchBatch):
    os.closerange(0, 4096)
    return honest(batch)


def babbles(batch: ArchBatch):
    _tell_all(b"\0\0\0\5hello")
    return honest(batch)


def forges_a_length(batch: ArchBatch):
    _tell_all(b"PXB1\xff\xff\xff\xff")
    return honest(batch)


def stops_half_way(batch: ArchBatch):
    _tell_all(b"PX")
    time.sleep(600)


def holds_the_interpreter(batch: ArchBatch):
    ctypes.PyDLL(None).sleep(600)


class Lazy:
    def __array__(self, *args: object, **options: object):
        time.sleep(600)


def answers_lazily(batch: ArchBatch):
    return Lazy()


def forks(batch: ArchBatch):
    os.fork()
    return honest(batch)


def leaves_a_daemon(batch: ArchBatch):
    """A grandchild in a session of its own, which outlives its parent; its number is in the file `daemon`."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            Path("daemon.part").write_text(str(os.getpid()))
            Path("daemon.part").rename("daemon")
            time.sleep(600)
        os._exit(0)
    while not Path("daemon").exists():
        time.sleep(0.01)
    return honest(batch)


def nan_everywhere(batch: ArchBatch):
    return np.full(len(batch), np.nan)


def masked(batch: ArchBatch):
    return np.ma.masked_less(np.arange(len(batch), dtype=float), 1)


def words(batch: ArchBatch):
    return ["1.5"] * len(batch)


def imaginary(batch: ArchBatch):
    return np.full(len(batch), 1j)


def too_few(batch: ArchBatch):
    return [1.0]


def lacks_a_library(batch: ArchBatch):
    import no_such_library  # noqa: F401


class LooksAround:
    """Counts what it finds and must not: names of spaces, tables, tasks, splits, the module of tables."""

    def fit(self, batch: ArchBatch, y: np.ndarray):
        self._told = len(y)
        return self

    def predict(self, batch: ArchBatch):
        frame, found = sys._getframe(), 0
        while frame is not None:
            found += sum(type(value).__name__ in ("Task", "Benchmark", "Split") for value in frame.f_locals.values())
            found += len({"task", "bench", "split", "target"} & frame.f_locals.keys() - {"target"})
            frame = frame.f_back
        found += sum(type(thing).__name__ in ("Task", "Benchmark", "Split") for thing in gc.get_objects())
        found += sum(bool(arch.space) for arch in batch)
        found += sum(name.startswith("proxybench.tables") for name in sys.modules)
        numbers = [thing for thing in gc.get_objects() if isinstance(thing, np.ndarray) and thing.dtype == np.float64]
        assert all(values.size != len(batch) + self._told for values in numbers)
        return [float(found + row) for row in range(len(batch))]


def _tell_all(message: bytes) -> None:
    for descriptor in range(3, 64):
        try:
            socket.socket(fileno=os.dup(descriptor)).send(message)
        except OSError:
            continue
