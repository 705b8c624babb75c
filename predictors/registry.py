"""Objects imported on first access: a registry of names, and the public names of a package."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from predictors.errors import naming_the_extra, unknown_name


class Registry(Mapping[str, Any]):
    """Names for objects of one `kind`, each given as "module:attribute".

    Listing names imports nothing; `registry[name]` imports the module and returns the object.

    Raises:
        UnknownName: if a name is not registered; suggests the nearest one.
        LibraryMissing: if the object needs an optional library; the message says how to install it.
        ValueError: if a name is registered twice with different targets.
    """

    def __init__(self, kind: str, targets: Mapping[str, str]) -> None:
        self.kind = kind
        self._targets = dict(targets)

    def register(self, name: str, target: str) -> None:
        """Add `name`; registering the same target again changes nothing."""
        if self._targets.setdefault(name, target) != target:
            raise ValueError(f"{self.kind} {name!r} is already registered as {self._targets[name]}")

    def modules(self) -> dict[str, str]:
        """The module of each registered attribute."""
        return {attribute: module for module, _, attribute in (one.partition(":") for one in self._targets.values())}

    def __getitem__(self, name: str) -> Any:
        if name not in self._targets:
            raise unknown_name(self.kind, name, self._targets)
        module, _, attribute = self._targets[name].partition(":")
        with naming_the_extra(f"{self.kind} {name}"):
            return getattr(importlib.import_module(module), attribute)

    def get(self, name: str, default: Any = None) -> Any:
        """The object, or `default` if the name is not registered."""
        if name not in self:
            return default
        return self[name]

    def __contains__(self, name: object) -> bool:
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)


def public_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package, which imports each public name from its module on first access.

    A missing optional library is reported as LibraryMissing, with the command that installs it.

    Args:
        package: name of the package.
        modules: the module of each public name.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with naming_the_extra(name):
            return getattr(importlib.import_module(modules[name]), name)

    return get
