"""Entrants: what a method name refers to, and how the method scores architectures.

A method is a score column of the table (`synflow`), an estimate with the weights of a supernet
(`oneshot:few-shot`), a score that this project computed (`synflow@proxybench`), a published one on a task where plain
names are this project's (`synflow@published`), a cost
(`params`, `flops`), the random control, an accuracy early in training (`val_acc@1`), a predictor of `predictors`
(`gbdt`, or `gbdt(columns=false)` with constructor arguments), or a user's own object as "module:name": a
function from an ArchBatch to scores, or a predictor class.

A user's own method is trusted code: it runs in a separate process, so that its mistakes affect no other method, but
with all rights of the user who runs it. Do not run methods from people you do not trust.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

import predictors
from proxybench.errors import ProxybenchError
from proxybench.grammar import current_arguments, parse_call, recordable, recorded_arguments
from proxybench.proxies import LABELLED
from proxybench.records import Kind, Scalar
from proxybench.scores.source_names import OWN, PUBLISHED

COSTS = ("params", "flops")
CONTROL = "random"
ALWAYS = (*COSTS, CONTROL)
ONE_SHOT = "oneshot:"  # start of the columns of estimates with the weights of a supernet
BY_LOSS = "-loss"  # end of those by loss instead of accuracy, where a supernet gives both
COLUMNS = "columns"
PREDICTORS = "predictors"
COMPUTED = OWN  # a score computed by this project, as opposed to the published one of the same name
EARLY = re.compile(r"val_acc@[1-9][0-9]*")  # on tasks that give it to methods
_NAME = re.compile(r"\w[\w.+-]*")
T = TypeVar("T")


class InvalidMethod(ProxybenchError, ValueError):
    """A method name that refers to no usable entrant."""


@dataclass(frozen=True)
class Entrant:
    """A method with its parameters.

    Attributes:
        name: the name it is ranked under.
        kind: pool of the leaderboard.
        params: constructor arguments, if the method takes any, named as in records.
        target: "module:name" of a user's object, empty otherwise.
        learns: whether it is trained on the targets of training architectures.
        code: SHA-256 of the file that defines a user's object, so that a changed one is scored again.
        network: whether the user's object is a proxy, which scores networks, rather than a scorer of architectures.
        scores: file of a network proxy's scores, once they are computed; or of scores computed elsewhere.
        column: column of that file with scores computed elsewhere.
    """

    name: str
    kind: Kind
    params: dict[str, Scalar] = field(default_factory=dict)
    target: str = ""
    learns: bool = False
    code: str = ""
    network: bool = False
    scores: str = ""
    column: str = ""


class OwnMethod(msgspec.Struct, frozen=True):
    """What a user's object is.

    Attributes:
        name: the name it is ranked under.
        learns: whether it has a method `fit`.
        source: the file that defines it; empty if no file does.
        network: whether it is a proxy, which scores networks.
        labelled: whether that proxy needs labels.
    """

    name: str
    learns: bool
    source: str
    network: bool = False
    labelled: bool = False


DECLARED: dict[str, Any] = {}
"""Objects decorated with `entrant` in this process, by file and qualified name; importing a module again replaces."""


def entrant(name: str | None = None, *, floors: Mapping[str, float] | None = None) -> Callable[[T], T]:
    """Decorator that sets the name under which a user's own scoring function or predictor class is ranked.

        @entrant("my_proxy")
        def score(batch):  # an ArchBatch
            return [len(arch.edges) for arch in batch]

    Args:
        name: default: the name of the function or class.
        floors: by task, the Kendall's tau below which `pytest --proxybench-suite` fails.

    Raises:
        InvalidMethod: if the name cannot be written on a command line.
    """
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise InvalidMethod(f"@entrant needs a name of letters, digits and . _ + - in parentheses, not {name!r}")

    def mark(thing: T) -> T:
        marked: Any = thing
        marked.__proxybench_name__ = name or marked.__name__
        marked.__proxybench_floors__ = dict(floors or {})
        file = getattr(sys.modules.get(marked.__module__), "__file__", None)
        DECLARED[f"{file or marked.__module__}:{marked.__qualname__}"] = thing
        return thing

    return mark


def find_entrant(method: str) -> Entrant:
    """The entrant that `method` refers to.

    Raises:
        InvalidText: if the text is not a call.
        InvalidMethod: if a user's module or object cannot be loaded; says why.
    """
    call = parse_call(method)
    name, params = call.name, {argument: recordable(value) for argument, value in call.arguments.items()}
    if ":" in name and not name.startswith(ONE_SHOT):
        own = _own(name)
        free: Kind = "training-free with labels" if own.labelled else "training-free"
        kind: Kind = "predictor" if own.learns else free
        return Entrant(own.name, kind, params, name, own.learns, _sha256(own.source), own.network)
    if name in predictors.PREDICTORS:
        return Entrant(name, "predictor", recorded_arguments(name, params), learns=True)
    if params:
        raise InvalidMethod(
            f"method {method!r}: only predictors take arguments; known: {', '.join(predictors.available())}"
        )
    return Entrant(name, _kind(name))


def load_object(target: str, expected: str = "a scoring function or a predictor class") -> Any:
    """The user's object at "module:name"; the current folder is searched too.

    Args:
        target: "module:name".
        expected: what the object should be, for the error.

    Raises:
        InvalidMethod: if the module or the name does not exist, or importing the module fails.
    """
    module, _, name = target.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        thing = getattr(importlib.import_module(module), name)
    except Exception as error:  # a user's module may fail in any way
        raise InvalidMethod(f"cannot load {target!r}: {type(error).__name__}: {error}") from error
    if not callable(thing):
        raise InvalidMethod(f"{target!r} is not {expected}")
    return thing


def look_at(target: str) -> OwnMethod:
    """Describe the user's object at "module:name". Raises InvalidMethod like `load_object`."""
    thing = load_object(target)
    if is_proxy(thing):
        return OwnMethod(thing.name, False, _source_of(thing.function), True, "labels" in thing.needs)
    name = getattr(thing, "__dict__", {}).get("__proxybench_name__", target.partition(":")[2])
    return OwnMethod(str(name), hasattr(thing, "fit"), _source_of(thing))


def is_proxy(thing: Any) -> bool:
    """Whether an object is a `proxybench.proxies.Proxy`; does not import torch if it is not."""
    module = sys.modules.get("proxybench.proxies.base")
    return module is not None and isinstance(thing, module.Proxy)


def code_of(thing: Any) -> str:
    """SHA-256 of the file that defines an object; empty if no file does."""
    return _sha256(_source_of(thing))


def make_predictor(entrant: Entrant, random_state: int) -> Any:
    """An unfitted predictor of an entrant that learns; `random_state` is passed if the constructor takes it."""
    if entrant.target:
        return construct(load_object(entrant.target), entrant.name, entrant.params, random_state)
    params = current_arguments(entrant.name, entrant.params)
    return construct(predictors.PREDICTORS[entrant.name], entrant.name, params, random_state)


def construct(build: Any, name: str, params: Mapping[str, Scalar], random_state: int) -> Any:
    """An object of the class `build`; `random_state` is passed if the constructor takes it.

    Raises:
        InvalidMethod: if the constructor of `name` does not take the arguments.
    """
    accepted = inspect.signature(build).parameters
    seeded = {"random_state": random_state} if "random_state" in accepted else {}
    try:
        return build(**{**seeded, **params})
    except TypeError as error:
        raise InvalidMethod(f"{name}: {error}; it takes {', '.join(accepted) or 'no arguments'}") from error


def _own(target: str) -> OwnMethod:
    """Describe the user's object. A module already imported here is inspected here, any other in a separate process.

    Importing a module executes it, and its side effects would reach every worker that this process starts.
    """
    module = target.partition(":")[0]
    if module in sys.modules or module.partition(".")[0] == __name__.partition(".")[0]:
        return look_at(target)
    return _own_apart(target, os.getcwd(), tuple(sys.path))  # noqa: PTH109 - part of a key


@cache
def _own_apart(target: str, folder: str, path: tuple[str, ...]) -> OwnMethod:
    """Like `look_apart`, but cached for each folder and search path."""
    from proxybench.evaluation.method_process import look_apart  # which imports this module

    return look_apart(target)


def _source_of(thing: Any) -> str:
    try:
        if pickled := getattr(thing, "__proxybench_source__", ""):  # see harness/objects.py
            return f"{Path(pickled).with_suffix('.pickle')}"
        source = inspect.getsourcefile(thing)
    except TypeError:  # built into the interpreter or an extension
        source = None
    return str(Path(source).absolute()) if source else ""


def _sha256(source: str) -> str:
    return hashlib.sha256(Path(source).read_bytes()).hexdigest() if source and Path(source).is_file() else ""


def _kind(name: str) -> Kind:
    if name == CONTROL:
        return "control"
    if name.startswith(ONE_SHOT):
        return "one-shot"
    if name in COSTS:
        return "cost"
    if EARLY.fullmatch(name):
        return "predictor"  # it costs trainings, like the methods it competes with
    proxy = name.removesuffix(COMPUTED).removesuffix(PUBLISHED)
    return "training-free with labels" if proxy in LABELLED else "training-free"


def random_scores(digests: Sequence[str], salt: str) -> NDArray[np.float64]:
    """Scores in [0, 1) that depend only on the architecture's digest and `salt`, and are equal on every machine."""
    hashes = [hashlib.blake2b(f"{salt}:{digest}".encode(), digest_size=8).digest() for digest in digests]
    return np.array([int.from_bytes(value, "big") / 2**64 for value in hashes])
