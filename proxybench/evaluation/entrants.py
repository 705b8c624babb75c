"""Entrants: what a method name stands for, and how it scores architectures.

A method is a score column of the table (`synflow`), a score that this project computed (`synflow@proxybench`), a cost
(`params`, `flops`), the random control, an accuracy early in training (`val_acc@1`), a predictor of `predictors`
(`gbdt`, or `gbdt(columns=false)` with constructor arguments), or an object of the user's own as "module:name": a
function from an ArchBatch to scores, or a predictor class.

A method of one's own is trusted code: it runs in a process of its own, so that its mistakes cost no other method
anything, but with all rights of the user who runs it. Do not run methods of people you do not trust.
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
from proxybench.grammar import parse_call, recordable
from proxybench.records import Kind, Scalar

COSTS = ("params", "flops")
LABELLED = (
    "epe_nas",
    "eznas_a",
    "fisher",
    "grad_norm",
    "gradsign",
    "grasp",
    "l_swag",
    "plain",
    "snip",
    "zico",
)  # need the labels of a batch of images
CONTROL = "random"
ALWAYS = (*COSTS, CONTROL)
COLUMNS = "columns"
PREDICTORS = "predictors"
COMPUTED = "@proxybench"  # a score that this project computed itself, beside the published one of the same name
EARLY = re.compile(r"val_acc@[1-9][0-9]*")  # on tasks whose methods are told it
_NAME = re.compile(r"\w[\w.+-]*")
T = TypeVar("T")


class InvalidMethod(ProxybenchError, ValueError):
    """A method that names no usable entrant."""


@dataclass(frozen=True)
class Entrant:
    """A method with its parameters.

    Attributes:
        name: under which it is ranked.
        kind: pool of the leaderboard.
        params: constructor arguments, where the method takes any.
        target: "module:name" of a user's object, empty otherwise.
        learns: whether it is told targets of training architectures.
        code: SHA-256 of the file that a user's object stands in, so that a changed one is scored again.
        network: whether the user's object is a proxy, which scores networks, and not a scorer of architectures.
        scores: the file of a network proxy's scores, once they are computed.
    """

    name: str
    kind: Kind
    params: dict[str, Scalar] = field(default_factory=dict)
    target: str = ""
    learns: bool = False
    code: str = ""
    network: bool = False
    scores: str = ""


class OwnMethod(msgspec.Struct, frozen=True):
    """What a user's object is.

    Attributes:
        name: under which it is ranked.
        learns: whether it has a method `fit`.
        source: the file that it stands in; empty where there is none.
        network: whether it is a proxy, which scores networks.
        labelled: whether that proxy needs labels.
    """

    name: str
    learns: bool
    source: str
    network: bool = False
    labelled: bool = False


DECLARED: dict[str, Any] = {}
"""What `entrant` decorated in this process, by file and qualified name; a module that is imported again replaces it."""


def entrant(name: str | None = None, *, floors: Mapping[str, float] | None = None) -> Callable[[T], T]:
    """Decorator that gives a scoring function or a predictor class of one's own the name it is ranked under.

    @entrant("my_proxy")
    def score(batch):  # an ArchBatch
        return [len(arch.edges) for arch in batch]

    Args:
        name: default: that of the function or class.
        floors: by task, the Kendall's tau below which `pytest --proxybench-suite` fails.

    Raises:
        InvalidMethod: for a name that cannot be written on a command line.
    """
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise InvalidMethod(f"@entrant takes a name of letters, digits and any of . _ + - in brackets, not {name!r}")

    def mark(thing: T) -> T:
        marked: Any = thing
        marked.__proxybench_name__ = name or marked.__name__
        marked.__proxybench_floors__ = dict(floors or {})
        file = getattr(sys.modules.get(marked.__module__), "__file__", None)
        DECLARED[f"{file or marked.__module__}:{marked.__qualname__}"] = thing
        return thing

    return mark


def find_entrant(method: str) -> Entrant:
    """What `method` stands for.

    Raises:
        InvalidText: for text that is no call.
        InvalidMethod: for a user's module or object that cannot be loaded; says why.
    """
    call = parse_call(method)
    name, params = call.name, {argument: recordable(value) for argument, value in call.arguments.items()}
    if ":" in name:
        own = _own(name)
        free: Kind = "training-free with labels" if own.labelled else "training-free"
        kind: Kind = "predictor" if own.learns else free
        return Entrant(own.name, kind, params, name, own.learns, _sha256(own.source), own.network)
    if name in predictors.PREDICTORS:
        return Entrant(name, "predictor", params, learns=True)
    if params:
        raise InvalidMethod(
            f"method {method!r}: only predictors take arguments; known: {', '.join(predictors.available())}"
        )
    return Entrant(name, _kind(name))


def load_object(target: str) -> Any:
    """The user's object at "module:name", looked up from the current folder too.

    Raises:
        InvalidMethod: when the module or the name is not there, or importing the module fails.
    """
    module, _, name = target.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        thing = getattr(importlib.import_module(module), name)
    except Exception as error:  # a user's module may fail in any way
        raise InvalidMethod(f"cannot load {target!r}: {type(error).__name__}: {error}") from error
    if not callable(thing):
        raise InvalidMethod(f"{target!r} is neither a scoring function nor a predictor class")
    return thing


def look_at(target: str) -> OwnMethod:
    """What the user's object at "module:name" is. Raises InvalidMethod as `load_object` does."""
    thing = load_object(target)
    if is_proxy(thing):
        return OwnMethod(thing.name, False, _source_of(thing.function), True, "labels" in thing.needs)
    name = getattr(thing, "__dict__", {}).get("__proxybench_name__", target.partition(":")[2])
    return OwnMethod(str(name), hasattr(thing, "fit"), _source_of(thing))


def is_proxy(thing: Any) -> bool:
    """Whether an object is a `proxybench.proxies.Proxy`; found without importing torch for those that are not."""
    module = sys.modules.get("proxybench.proxies.base")
    return module is not None and isinstance(thing, module.Proxy)


def code_of(thing: Any) -> str:
    """SHA-256 of the file that an object stands in; empty where there is none."""
    return _sha256(_source_of(thing))


def make_predictor(entrant: Entrant, random_state: int) -> Any:
    """An unfitted predictor of an entrant that learns; `random_state` is passed where the constructor takes it."""
    build = load_object(entrant.target) if entrant.target else predictors.PREDICTORS[entrant.name]
    return construct(build, entrant.name, entrant.params, random_state)


def construct(build: Any, name: str, params: Mapping[str, Scalar], random_state: int) -> Any:
    """An object of the class `build`; `random_state` is passed where the constructor takes it.

    Raises:
        InvalidMethod: for arguments that the constructor of `name` does not take.
    """
    accepted = inspect.signature(build).parameters
    seeded = {"random_state": random_state} if "random_state" in accepted else {}
    try:
        return build(**{**seeded, **params})
    except TypeError as error:
        raise InvalidMethod(f"{name}: {error}; it takes {', '.join(accepted) or 'no arguments'}") from error


def _own(target: str) -> OwnMethod:
    """What the user's object is. A module that this process has imported is looked at here, any other one apart.

    Importing a module executes it, and what it changes would reach every worker that this process starts.
    """
    module = target.partition(":")[0]
    if module in sys.modules or module.partition(".")[0] == __name__.partition(".")[0]:
        return look_at(target)
    return _own_apart(target, os.getcwd(), tuple(sys.path))  # noqa: PTH109 - part of a key


@cache
def _own_apart(target: str, folder: str, path: tuple[str, ...]) -> OwnMethod:
    """As `look_apart`, asked once for each folder and search path."""
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
    if name in COSTS:
        return "cost"
    if EARLY.fullmatch(name):
        return "predictor"  # it costs trainings, as its rivals do
    return "training-free with labels" if name.removesuffix(COMPUTED) in LABELLED else "training-free"


def random_scores(digests: Sequence[str], salt: str) -> NDArray[np.float64]:
    """Scores in [0, 1) that depend on nothing but the architecture's digest and `salt`, on every machine the same."""
    hashes = [hashlib.blake2b(f"{salt}:{digest}".encode(), digest_size=8).digest() for digest in digests]
    return np.array([int.from_bytes(value, "big") / 2**64 for value in hashes])
