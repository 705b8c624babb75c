"""The entrants that `@proxybench.entrant` declared in this process, each an attribute of this module.

So "proxybench.pytest_plugin.declared:NAME" finds one even where its own module cannot be imported by name, as with
several files called conftest.py.
"""

from __future__ import annotations

from typing import Any

from proxybench.evaluation.entrants import DECLARED, InvalidMethod


def declared() -> dict[str, Any]:
    """What was declared, by the name it is ranked under.

    Raises:
        InvalidMethod: when two are declared under one name.
    """
    places: dict[str, str] = {}
    for place, thing in DECLARED.items():
        name = thing.__proxybench_name__
        if name in places:
            raise InvalidMethod(f"two entrants are called {name}: {places[name]} and {place}; rename one of them")
        places[name] = place
    return {name: DECLARED[place] for name, place in places.items()}


def target(name: str) -> str:
    """The method "module:name" of a declared entrant."""
    return f"{__name__}:{name}"


def __getattr__(name: str) -> Any:
    found = {} if name.startswith("__") else declared()
    if name not in found:
        raise AttributeError(f"no entrant {name!r} is declared")
    return found[name]
