"""Jobs and answers as values that can be sent to another process or machine, and the protocol of the stores of jobs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec

from proxybench.errors import ProxybenchError
from proxybench.records import Outcome

JobFunction = Callable[[bytes], bytes]


class WorkerFailed(ProxybenchError, RuntimeError):
    """Workers cannot start, cannot load the function, or keep dying."""


class Job(msgspec.Struct, frozen=True):
    """One job: its name, by which it is claimed, and the input of the function."""

    name: str
    content: bytes


class Program(msgspec.Struct, frozen=True):
    """The function of all jobs of a store.

    Attributes:
        loader: "module:function" of this project; takes `setup` and returns the function of one job.
        setup: what all jobs have in common.
        name: what is loaded, for messages.
    """

    loader: str
    setup: bytes
    name: str

    def load(self) -> JobFunction:
        """The function that does a job. Any exception of the loaded module propagates."""
        function: JobFunction = imported(self.loader)(self.setup)
        return function


class Answer(msgspec.Struct, frozen=True):
    """The outcome of a job.

    Attributes:
        result: what the function returned; None if there is no result, as described by `outcome` and `message`.
        cost: `wall_s` and `peak_mb`, measured where the job ran.
        reusable: False if the job may have left something behind that would affect the next one.
        lacking: what is missing on this machine: the table or the method (the job was not run and there is no
            message), or a library, which another machine may have.
        died: whether the process ended before it answered, which may be no fault of the job.
        provenance: software, machine and time.
    """

    result: bytes | None
    outcome: Outcome = "ok"
    message: str = ""
    cost: dict[str, float | None] = {}
    reusable: bool = True
    lacking: str = ""
    died: bool = False
    provenance: dict[str, str] = {}


class JobStore(AbstractContextManager[Any], Protocol):
    """What is to be done and has been done, on disk; several runs may share it.

    A context manager: on exit, jobs handed out but not recorded are released for other runs.
    """

    @property
    def program(self) -> Program:
        """The function of the jobs."""

    def __len__(self) -> int:
        """The number of jobs not known to be done: waiting, or handed out here or elsewhere."""

    def take(self) -> Job | None:
        """Claim the next job and hand it out; None while all remaining ones are in progress, here or elsewhere."""

    def give_back(self, job: Job) -> None:
        """Return a job that was handed out but could not be started."""

    def leave_out(self, job: Job, reason: str) -> None:
        """Drop a job that was handed out but cannot be run, because something is missing here."""

    def record(self, job: Job, answer: Answer) -> None:
        """Save the outcome of a job that was handed out. Saving it again changes nothing."""

    def refuse(self, machines: dict[str, str]) -> None:
        """Take note of the machines of a cluster that get no jobs, with the reason."""


def imported(place: str) -> Any:
    """The object at "module:name". Any exception of the module propagates."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
