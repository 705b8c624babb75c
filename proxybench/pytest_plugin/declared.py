"""The entrants of a run that are declared with `@proxybench.entrant`, as attributes of this module.

"proxybench.pytest_plugin.declared:NAME" thus finds one even if its own module cannot be imported by name, for example
because several files are called conftest.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxybench.evaluation.entrants import DECLARED, InvalidMethod

_NAMED: dict[str, Any] = {}  # the entrants of this run


def declared(objects: Iterable[Any]) -> dict[str, Any]:
    """The declared entrants among some objects, by the name they are ranked under; `target` finds these from then on.

    Args:
        objects: of any kind, such as everything that the test modules of a run define or import. An entrant that was
            declared elsewhere in this process, for example in a library that is imported, does not take part.

    Raises:
        InvalidMethod: if two are declared under one name.
    """
    present = {id(thing) for thing in objects}
    places: dict[str, str] = {}
    for place, thing in DECLARED.items():
        if id(thing) not in present:
            continue
        name = thing.__proxybench_name__
        if name in places:
            raise InvalidMethod(f"two entrants are called {name}: {places[name]} and {place}; rename one of them")
        places[name] = place
    _NAMED.clear()
    _NAMED.update({name: DECLARED[place] for name, place in places.items()})
    return dict(_NAMED)


def target(name: str) -> str:
    """The method "module:name" of a declared entrant."""
    return f"{__name__}:{name}"


def __getattr__(name: str) -> Any:
    if name not in _NAMED:
        raise AttributeError(f"no entrant {name!r} is declared")
    return _NAMED[name]
