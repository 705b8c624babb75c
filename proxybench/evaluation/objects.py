"""Methods given as Python objects: functions, predictor classes and predictor objects, as text that workers understand.

What a worker can import is named, `my_module:my_proxy`. Anything else (what a notebook or the main program defines, a
lambda, a predictor with its parameters) is pickled by value with cloudpickle into a small module of its own, which the
workers of this run find in a folder that goes with the run.
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
    """The methods as `find_entrant` takes them; what was pickled for them is there until the context ends.

    Args:
        methods: text, functions from an ArchBatch to scores, predictor classes, or predictor objects.

    Raises:
        InvalidMethod: for anything else, an object that cannot be pickled, or two objects of one name.
    """
    with tempfile.TemporaryDirectory(prefix="proxybench-methods-") as folder:
        sys.path.insert(0, folder)
        try:
            yield [method if isinstance(method, str) else _text(method, Path(folder)) for method in methods]
        finally:
            sys.path.remove(folder)


def restored(module: str, title: str) -> Any:
    """The object that was pickled beside the file of its module; for that module alone.

    A predictor object becomes a class whose calls give copies of it with the random state that is asked for.
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
        raise InvalidMethod(f"{method!r} is no method; give a name, a function, or a predictor class or object")
    name = _registered(method) or _importable(method)
    return name or _pickled(method, folder)


def _is_object(thing: Any) -> bool:
    """Whether it is a predictor, not a class of predictors or a function."""
    return not inspect.isclass(thing) and hasattr(thing, "fit") and hasattr(thing, "predict")


def _registered(kind: Any) -> str | None:
    """The name under which `predictors` knows a class; None for others."""
    if not (inspect.isclass(kind) and kind.__module__.partition(".")[0] == "predictors"):
        return None
    return next((name for name in predictors.PREDICTORS if predictors.PREDICTORS[name] is kind), None)


def _changed(model: Any) -> dict[str, Any] | None:
    """The parameters of a registered predictor that are not the defaults; None where one cannot be written as text.

    The random state is left out: each repeat of an evaluation sets its own.
    """
    defaults = {name: one.default for name, one in inspect.signature(type(model)).parameters.items()}
    params = {name: value for name, value in model.get_params(deep=False).items() if name != "random_state"}
    changed = {name: value for name, value in params.items() if not _same(value, defaults.get(name))}
    plain = all(value is None or isinstance(value, (bool, int, float, str)) for value in changed.values())
    return changed if plain else None


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _importable(thing: Any) -> str | None:
    """`module:name` where a worker finds this object under it; None where it does not."""
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
    except Exception as error:  # an object of the user's may fail in any way
        raise InvalidMethod(f"{title} cannot be sent to a worker: {type(error).__name__}: {error}") from error
    if len(data) > MAX_BYTES:
        raise InvalidMethod(
            f"{title} takes {len(data) / 2**20:.0f} MB when pickled; at most {MAX_BYTES // 2**20} are sent"
        )
    module = f"proxybench_method_{hashlib.sha256(data).hexdigest()[:16]}"
    (folder / f"{module}.pickle").write_bytes(data)
    (folder / f"{module}.py").write_text(_MODULE.format(name=name, title=name if title == "<lambda>" else title))
    return f"{module}:{name}"


def _class_of_copies(model: Any, title: str, module: str) -> Any:
    data = cloudpickle.dumps(model)

    class Copies:
        """Calls give an unfitted copy of the object."""

        def __new__(cls, random_state: int | None = None) -> Any:
            copy = cloudpickle.loads(data)
            if "random_state" in getattr(copy, "get_params", dict)():
                copy.set_params(random_state=random_state)
            return copy

        fit = type(model).fit

    return _marked(Copies, title, module)
