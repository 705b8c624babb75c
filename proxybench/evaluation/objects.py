"""Methods given as Python objects (functions, predictor classes, predictor objects), as text that workers understand.

Objects that a worker can import are named, as `my_module:my_proxy`. Anything else (defined in a notebook or the main
program, a lambda, a predictor with its parameters) is pickled by value with cloudpickle into a small module, which the
workers of this run find in a temporary folder.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cloudpickle

import predictors
from proxybench.evaluation.entrants import InvalidMethod, is_proxy
from proxybench.grammar import Call

MAX_BYTES = 256 * 2**20  # of a pickled object
_MODULE = '''"""An object that was given to proxybench.evaluate; this file goes with its run."""

from proxybench.evaluation.objects import restored

{name} = restored(__file__, {title!r})
'''


@contextmanager
def methods_as_text(methods: Sequence[Any]) -> Iterator[list[str]]:
    """The methods in a form that `find_entrant` accepts; their pickles exist until the context ends.

    Args:
        methods: text, functions from an ArchBatch to scores, predictor classes, or predictor objects.

    Raises:
        InvalidMethod: for anything else, an object that cannot be pickled, or two objects with one name.
    """
    with tempfile.TemporaryDirectory(prefix="proxybench-methods-") as folder:
        sys.path.insert(0, folder)
        try:
            yield [method if isinstance(method, str) else _text(method, Path(folder)) for method in methods]
        finally:
            sys.path.remove(folder)


def restored(module: str, title: str) -> Any:
    """The object pickled next to the file of its module; called by that module only.

    A predictor object becomes a class whose calls return copies of it with the requested random state.
    """
    thing = cloudpickle.loads(Path(module).with_suffix(".pickle").read_bytes())
    if _is_object(thing):
        return _class_of_copies(thing, title, module)
    if is_proxy(thing):
        return thing
    if inspect.isclass(thing):
        return _marked(thing, title, module)
    return _marked(lambda batch, **arguments: thing(batch, **arguments), title, module)


def _marked(thing: Any, title: str, module: str) -> Any:
    thing.__proxybench_name__, thing.__proxybench_source__ = title, module
    return thing


def _text(method: Any, folder: Path) -> str:
    if _is_object(method):
        registered = _registered(type(method))
        params = _changed(method) if registered else None
        return _pickled(method, folder) if registered is None or params is None else str(Call(registered, params))
    if not callable(method):
        raise InvalidMethod(f"{method!r} is not a method; give a name, a function, or a predictor class or object")
    name = _registered(method) or _importable(method)
    return name or _pickled(method, folder)


def _is_object(thing: Any) -> bool:
    """Whether it is a predictor object, as opposed to a predictor class or a function."""
    return not inspect.isclass(thing) and hasattr(thing, "fit") and hasattr(thing, "predict")


def _registered(kind: Any) -> str | None:
    """The name under which `predictors` registers a class; None for others."""
    if not (inspect.isclass(kind) and kind.__module__.partition(".")[0] == "predictors"):
        return None
    return next((name for name in predictors.PREDICTORS if predictors.PREDICTORS[name] is kind), None)


def _changed(model: Any) -> dict[str, Any] | None:
    """The non-default parameters of a registered predictor; None if one cannot be written as text.

    The random state is omitted: each repeat of an evaluation sets its own.
    """
    defaults = {name: one.default for name, one in inspect.signature(type(model)).parameters.items()}
    params = {name: value for name, value in model.get_params(deep=False).items() if name != "random_state"}
    changed = {name: value for name, value in params.items() if not _same(value, defaults.get(name))}
    plain = all(value is None or isinstance(value, (bool, int, float, str)) for value in changed.values())
    return changed if plain else None


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _importable(thing: Any) -> str | None:
    """`module:name` if a worker finds this object there, otherwise None."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    if is_proxy(thing):
        module, name = thing.function.__module__, thing.function.__name__
    if not module or module == "__main__" or not name.isidentifier():
        return None
    loaded = sys.modules.get(module)
    if loaded is None or getattr(loaded, name, None) is not thing or getattr(loaded, "__file__", None) is None:
        return None
    try:
        found = find_spec(module)
    except (ImportError, ValueError):
        return None
    return f"{module}:{name}" if found is not None and found.origin == loaded.__file__ else None


def _pickled(thing: Any, folder: Path) -> str:
    named = thing.name if is_proxy(thing) else getattr(thing, "__name__", type(thing).__name__)
    title = str(getattr(thing, "__proxybench_name__", None) or named)
    name = re.sub(r"\W", "_", title) if title != "<lambda>" else "scorer"
    try:
        data = cloudpickle.dumps(thing)
    except Exception as error:  # a user's object may fail in any way
        raise InvalidMethod(f"{title} cannot be sent to a worker: {type(error).__name__}: {error}") from error
    if len(data) > MAX_BYTES:
        raise InvalidMethod(
            f"{title} takes {len(data) / 2**20:.0f} MB when pickled; the limit is {MAX_BYTES // 2**20} MB"
        )
    module = f"proxybench_method_{hashlib.sha256(data).hexdigest()[:16]}"
    (folder / f"{module}.pickle").write_bytes(data)
    (folder / f"{module}.py").write_text(_MODULE.format(name=name, title=name if title == "<lambda>" else title))
    return f"{module}:{name}"


def _class_of_copies(model: Any, title: str, module: str) -> Any:
    data = cloudpickle.dumps(model)

    class Copies:
        """Calls return an unfitted copy of the object."""

        def __new__(cls, random_state: int | None = None) -> Any:
            copy = cloudpickle.loads(data)
            if "random_state" in getattr(copy, "get_params", dict)():
                copy.set_params(random_state=random_state)
            return copy

        fit = type(model).fit

    return _marked(Copies, title, module)
