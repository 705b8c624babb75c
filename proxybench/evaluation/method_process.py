"""The process of a user's method: a new interpreter for each job.

Anything a method changes (modules, default types, the environment, signal handlers, random state, arrays, threads)
ends with its job, and anything it breaks (its interpreter, its descriptors, the channel) fails only that job. The
evaluating process starts it and keeps the targets and the metrics to itself. The job is passed in a file; the answer
comes back as numbers and text, so none of the method's code is executed here.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
import tempfile
import time

import msgspec
import numpy as np

from predictors.errors import MissingInput
from proxybench.errors import Unsupported
from proxybench.evaluation.entrants import InvalidMethod, OwnMethod, look_at
from proxybench.evaluation.method_job import MethodJob, MethodScores, do_job
from proxybench.jobs.channel import Channel, wait
from proxybench.jobs.child_process import ChildGone, ChildProcess
from proxybench.jobs.failure import MethodFailed, MethodLacking, describe, one_line
from proxybench.jobs.process_control import adopt_orphans, end_with_parent, peak_mb, silence
from proxybench.records import Outcome

POLL_S = 0.2
LOOK_S = 300.0


class _Answer(msgspec.Struct, frozen=True):
    """The answer sent back. One of `scores` and `message` is empty, or `own` describes the method.

    Attributes:
        scores: the bytes of float64[n].
        lacking: why this machine does not have the method as it was planned.
        library: the missing library, if that is why it failed.
    """

    scores: bytes = b""
    fit_s: float = 0.0
    score_s: float = 0.0
    peak_mb: float | None = None
    outcome: Outcome = "ok"
    message: str = ""
    exhausted: bool = False
    lacking: str = ""
    library: str = ""
    own: OwnMethod | None = None


def do_job_apart(job: MethodJob) -> MethodScores:
    """Do a job in a separate process, and wait for it.

    Raises:
        MethodLacking: like `do_job`.
        MethodFailed: if anything else goes wrong, with the message for the record.
    """
    answer = _ask(job, None)
    if answer.lacking:
        raise MethodLacking(answer.lacking)
    if answer.outcome != "ok":
        cost: dict[str, float | None] = {"peak_mb": answer.peak_mb}
        raise MethodFailed(
            answer.message, answer.outcome, exhausted=answer.exhausted, library=answer.library, cost=cost
        )
    if len(answer.scores) != 8 * len(job.batch):
        raise MethodFailed(f"{len(answer.scores)} bytes came back as the scores of {len(job.batch)} architectures")
    scores = np.frombuffer(answer.scores, dtype=np.float64).copy()
    return MethodScores(scores, answer.fit_s, answer.score_s, answer.peak_mb)


def look_apart(target: str) -> OwnMethod:
    """Describe the user's object at "module:name" by importing its module in a separate process.

    Raises:
        InvalidMethod: if it cannot be loaded; says why.
    """
    try:
        answer = _ask(target, LOOK_S)
    except MethodFailed as error:
        raise InvalidMethod(f"cannot load {target!r}: {error}") from error
    if answer.own is None:
        raise InvalidMethod(answer.message)
    return answer.own


def main(descriptor: int) -> None:
    """Entry point of the process: do the job in the file at descriptor 0, and answer through the other descriptor."""
    end_with_parent()
    adopt_orphans()
    os.set_inheritable(descriptor, False)
    channel = Channel(socket.socket(fileno=descriptor))
    request: MethodJob | str = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by the parent
    silence()
    process = os.getpid()
    # A method may leave any of these changed, which must not prevent the answer from being sent.
    getpid, leave, encode, rest = os.getpid, os._exit, msgspec.msgpack.encode, signal.pause
    answer = _look(request) if isinstance(request, str) else _answer(request)
    if getpid() != process:  # the method forked, and this is the child returning
        leave(0)
    channel.send(encode(answer))
    while True:  # until the parent kills it and its descendants
        rest()


def _look(target: str) -> _Answer:
    """Describe a method, or say why it cannot be loaded; never raises."""
    try:
        return _Answer(own=look_at(target))
    except InvalidMethod as error:
        return _Answer(message=one_line(str(error)))
    except BaseException as error:
        return _Answer(message=f"cannot load {target!r}: {describe(error)}")


def _answer(job: MethodJob) -> _Answer:
    """The result of a job; never raises."""
    try:
        done = do_job(job)
        return _Answer(done.scores.tobytes(), done.fit_s, done.score_s, peak_mb())
    except InvalidMethod as error:
        return _Answer(outcome="failed", message=str(error), peak_mb=peak_mb())
    except MethodLacking as error:
        return _Answer(lacking=one_line(str(error)))
    except MethodFailed as error:
        return _Answer(outcome=error.outcome, message=one_line(str(error)), peak_mb=peak_mb())
    except (Unsupported, MissingInput) as error:
        return _Answer(outcome="unsupported", message=one_line(str(error)), peak_mb=peak_mb())
    except ModuleNotFoundError as error:
        return _Answer(outcome="failed", message=describe(error), library=str(error.name), peak_mb=peak_mb())
    except MemoryError as error:
        return _Answer(outcome="failed", message=describe(error), exhausted=True, peak_mb=peak_mb())
    except BaseException as error:
        return _Answer(outcome="failed", message=describe(error), peak_mb=peak_mb())


def _ask(request: MethodJob | str, limit_s: float | None) -> _Answer:
    """Start the process and read its answer. Raises MethodFailed if none can arrive."""
    with tempfile.TemporaryFile() as given:
        pickle.dump(request, given, pickle.HIGHEST_PROTOCOL)
        process = ChildProcess("proxybench.evaluation.method_process:main", (), given)
    deadline = float("inf") if limit_s is None else time.monotonic() + limit_s
    try:
        while (message := process.poll()) is None:
            if time.monotonic() > deadline:
                raise MethodFailed(f"it took longer than {limit_s} s")
            wait([process.channel], POLL_S)
        return msgspec.msgpack.decode(message, type=_Answer)
    except ChildGone as error:
        disrupted = f"the method disrupted its answer channel: {error}"
        raise MethodFailed(f"{error} before the method gave its scores" if error.died else disrupted) from error
    except msgspec.DecodeError as error:
        raise MethodFailed("the method wrote to the channel on which its scores are sent") from error
    finally:
        process.stop()
