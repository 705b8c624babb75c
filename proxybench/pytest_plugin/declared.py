"""The entrants declared with `@proxybench.entrant` in this process, as attributes of this module.

"proxybench.pytest_plugin.declared:NAME" thus finds one even if its own module cannot be imported by name, for example
because several files are called conftest.py.
"""

from __future__ import annotations

from typing import Any

from proxybench.evaluation.entrants import DECLARED, InvalidMethod


def declared() -> dict[str, Any]:
    """The declared entrants, by the name they are ranked under.

    Raises:
        InvalidMethod: if two are declared under one name.
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
