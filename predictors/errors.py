"""The errors and warnings raised by `predictors`, and messages that suggest the nearest valid name."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

DISTRIBUTION = "nas-proxybench"  # what pip installs; it brings the packages `predictors` and `proxybench`


class UnknownName(LookupError):
    """A name that is not in the list of valid names; the message lists them and suggests the nearest."""


class NotFitted(ValueError, AttributeError):
    """A predictor was used before `fit`."""


class MissingInput(ValueError):
    """Architectures lack input that a predictor needs, such as node arrays."""


class LibraryMissing(ModuleNotFoundError):
    """An optional library is not installed; the message has the command that installs it."""


class InvalidValues(ValueError, TypeError):
    """Values that are not real numbers, that float64 cannot hold, or that do not fit the rows they belong to."""


class IndexIgnored(UserWarning):
    """A pandas index is ignored although it contradicts the order in which values are taken."""


class ConstantPredictions(UserWarning):
    """A fitted predictor predicts the same value for every architecture, though their targets differ."""


class InvalidGraph(ValueError):
    """An architecture graph whose operations, edges or attributes contradict each other."""


def unknown_name(kind: str, name: object, valid: Iterable[object], within: str = "") -> UnknownName:
    """Build the error for an unknown `name` of this `kind`; `within` adds the context, such as "of suite X"."""
    import difflib  # only wrong names need it

    choices = [str(choice) for choice in valid]
    near = difflib.get_close_matches(str(name), choices, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(choices[:40]) + (", ..." if len(choices) > 40 else "")
    return UnknownName(f"unknown {kind} {name!r}{within and f' {within}'}.{hint} Valid: {shown or 'none'}.")


def how_to_install(extra: str) -> str:
    """The command that installs an extra of this project, whose distribution is named differently from its packages."""
    return f"run: pip install '{DISTRIBUTION}[{extra}]'"


@contextmanager
def naming_the_extra(user: str) -> Iterator[None]:
    """Within it, the failed import of an optional library says that `user` needs it, and how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _EXTRA_OF or isinstance(error, LibraryMissing):
            raise
        raise LibraryMissing(f"{user} needs {library}; {how_to_install(_EXTRA_OF[library])}", name=library) from error


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn at the calling line outside this project, so that Python's default filter shows it once per line."""
    frame, level = sys._getframe(1), 3
    while frame.f_back is not None and frame.f_back.f_globals.get("__name__", "").partition(".")[0] in _OWN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


_OWN = ("predictors", "proxybench")
_EXTRA_OF = {"torch": "torch", "torch_geometric": "torch", "PIL": "torch", "optuna": "search", "pymoo": "search"}
