"""The errors a caller of `predictors` can meet, and the wording that suggests the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterable


class UnknownName(LookupError):
    """A name that is not in the list of valid names; the message lists them and suggests the nearest."""


class NotFitted(ValueError, AttributeError):
    """A predictor that was asked for predictions before `fit`."""


class MissingInput(ValueError):
    """Architectures that lack what a predictor reads, such as node arrays."""


class InvalidGraph(ValueError):
    """An architecture graph whose operations, edges or attributes contradict each other."""


def unknown_name(kind: str, name: object, valid: Iterable[object], within: str = "") -> UnknownName:
    """Build the error for `name`, a `kind` of thing that is none of `valid`; `within` adds of what, as "of suite X"."""
    import difflib  # only wrong names need it

    choices = [str(choice) for choice in valid]
    near = difflib.get_close_matches(str(name), choices, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(choices[:40]) + (", ..." if len(choices) > 40 else "")
    return UnknownName(f"unknown {kind} {name!r}{within and f' {within}'}.{hint} Valid: {shown or 'none'}.")


def how_to_install(extra: str, *libraries: str) -> str:
    """The commands that bring libraries: the extra, from a checkout of this project, or the libraries themselves.

    The extra is not named as `proxybench[EXTRA]`, since on PyPI that name belongs to another project.
    """
    alone = " ".join(libraries)
    return f"run: python -m pip install -e '.[{extra}]' in a checkout of this project, or pip install {alone}"
