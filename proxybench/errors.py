"""Errors of proxybench. Each message names the thing that failed, the cause and the next step.

All of them are ProxybenchErrors, which the command line prints as one line. `UnknownName` comes from `predictors`,
which does not depend on this package.
"""

from __future__ import annotations

from predictors.errors import UnknownName, unknown_name

__all__ = [
    "AmbiguousArchitecture",
    "CorruptData",
    "DataNotAvailable",
    "FetchFailed",
    "InvalidArchitecture",
    "InvalidSpace",
    "InvalidTable",
    "NotMeasured",
    "ProxybenchError",
    "UnknownName",
    "Unsupported",
    "unknown_name",
]


class ProxybenchError(Exception):
    """Base class of all errors that proxybench raises on purpose."""


class InvalidArchitecture(ProxybenchError, ValueError):
    """Text or a graph that is not an architecture of the space."""


class AmbiguousArchitecture(ProxybenchError, LookupError):
    """A digest shared by several architectures of a table."""


class DataNotAvailable(ProxybenchError, LookupError):
    """A table that is not on this machine; the message names the command that gets it."""


class NotMeasured(ProxybenchError, LookupError):
    """A value that the table does not have for this architecture."""


class CorruptData(ProxybenchError, ValueError):
    """A file that is damaged, unsafe, or not in the documented format."""


class InvalidSpace(ProxybenchError, TypeError):
    """A class of the user that cannot be loaded or is not a search space."""


class InvalidTable(ProxybenchError, ValueError):
    """Rows that cannot become a table; the message names row and column."""


class FetchFailed(ProxybenchError, OSError):
    """A source file that could not be obtained."""


class Unsupported(ProxybenchError):
    """A method that does not apply to a task, for example node statistics with a table that has none."""
