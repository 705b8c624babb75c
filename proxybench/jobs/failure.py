"""Failures in one line for a record: of a method, or the description of any exception."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path
from types import TracebackType

from proxybench.errors import ProxybenchError, Unsupported
from proxybench.records import Outcome

MAX_MESSAGE = 500
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_MACHINERY = {
    str(Path(__file__).parents[1] / name)
    for name in ("jobs/worker.py", "jobs/job_spec.py", "evaluation/method_job.py", "evaluation/method_process.py")
}
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


class MethodFailed(ProxybenchError):
    """A method gave no scores that can be ranked; the message is recorded verbatim.

    Attributes:
        outcome: outcome for the record.
        exhausted: whether memory ran out.
        library: the missing library; empty if that was not the reason.
        cost: known costs of the attempt.
    """

    def __init__(
        self,
        message: str,
        outcome: Outcome = "failed",
        *,
        exhausted: bool = False,
        library: str = "",
        cost: dict[str, float | None] | None = None,
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.exhausted = exhausted
        self.library = library
        self.cost = cost or {}


class MethodLacking(ProxybenchError):
    """The method is not present on this machine as planned; not a failure of the method."""


class NotInstalled(Unsupported):
    """A method of this project needs a library that is not installed."""


def describe(error: BaseException) -> str:
    """`TypeName: message (file:line in function)`, on one line; the frame is the innermost of the user's own code."""
    try:
        text = str(error)
    except BaseException as broken:  # __str__ of an exception may itself raise anything
        text = f"(no message, its __str__ raised {type(broken).__name__})"
    frame = _innermost_frame(error.__traceback__)
    what = one_line(f"{type(error).__name__}: {text}" if text else type(error).__name__)
    return f"{what} ({frame})" if frame else what


def one_line(text: str) -> str:
    """At most MAX_MESSAGE characters, on one line, encodable, without memory addresses, which differ between runs."""
    line = " ".join(text[: 4 * MAX_MESSAGE].encode(errors="replace").decode().split())
    line = _ADDRESS.sub("", line)
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 3] + "..."


def _innermost_frame(trace: TracebackType | None) -> str:
    """File, line and function of the innermost frame outside libraries and the harness, or of the innermost frame."""
    innermost = own = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        innermost = f"{Path(code.co_filename).name}:{trace.tb_lineno} in {code.co_name}"
        if not code.co_filename.startswith((*_LIBRARIES, "<frozen")) and code.co_filename not in _MACHINERY:
            own = innermost
        trace = trace.tb_next
    return own or innermost
