"""The selection of architectures and proxies for a sweep."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from predictors.arch import ArchGraph
from proxybench.errors import DataNotAvailable, ProxybenchError, UnknownName
from proxybench.spaces import EnumerableSpace, SearchSpace

if TYPE_CHECKING:
    from proxybench.proxies.base import Proxy

ALL = "all"


def whole_space(space: SearchSpace) -> Iterable[ArchGraph]:
    """All architectures of an enumerable space. Raises ProxybenchError for other spaces."""
    if not isinstance(space, EnumerableSpace):
        raise ProxybenchError(
            f"{space.name} cannot be enumerated; select architectures: --sample N, --benchmark NAME or --archs FILE"
        )
    return space


def of_file(space: SearchSpace, path: Path) -> list[ArchGraph]:
    """The architectures of a text file, one per line; empty lines are skipped.

    Raises:
        DataNotAvailable: if the file does not exist.
        InvalidArchitecture: if a line is not an architecture; describes the format.
    """
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        raise DataNotAvailable(f"{path} does not exist; --archs needs a text file, one architecture per line") from None
    return [space.parse(line) for line in lines if line.strip()]


def items_of(archs: Iterable[ArchGraph], space: SearchSpace, digests: Sequence[str] | None = None) -> pa.Table:
    """Columns `digest` and `arch`: one architecture per digest of the space, sorted by digest.

    Digests are practically random, so a part of the work is a random sample of all of it. The architecture is the
    one with the most operations `none`, so that it has no unused weights; the first if there are several.

    Args:
        archs: architectures of the space.
        space: decides which architectures are isomorphic.
        digests: `space.digest` of each, if known.
    """
    archs = list(archs)
    if digests is None:
        digests = space.digests(archs)
    chosen: dict[str, ArchGraph] = {}
    for digest, arch in zip(digests, archs, strict=True):
        if digest not in chosen or arch.ops.count("none") > chosen[digest].ops.count("none"):
            chosen[digest] = arch
    order = sorted(chosen)
    texts = [space.format(chosen[digest]) for digest in order]
    return pa.table({"digest": pa.array(order, pa.string()), "arch": pa.array(texts, pa.string())})


def choose_proxies(names: Sequence[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The identity of each proxy by name: target, version, and the digest of a user's own file.

    Args:
        names: names in proxybench.proxies.PROXIES, "module:attribute" for your own Proxy, or "all" registered ones.

    Returns:
        The identities, and a line for each proxy in "all" that cannot be loaded.

    Raises:
        UnknownName: for an unknown proxy; suggests the nearest.
        ProxybenchError: if a target cannot be loaded or is not a Proxy, or a name occurs twice.
    """
    from proxybench.proxies import available

    chosen: dict[str, dict[str, Any]] = {}
    left_out = []
    for name in names:
        for target in available() if name == ALL else [name]:
            try:
                proxy = load_proxy(target)
            except ProxybenchError as error:
                if name != ALL:
                    raise
                left_out.append(str(error))
                continue
            if chosen.get(proxy.name, {"target": target})["target"] != target:
                raise ProxybenchError(f"two proxies are called {proxy.name!r}; rename yours")
            chosen[proxy.name] = {"target": target, "version": proxy.version} | _code(target, proxy)
    if not chosen:
        raise ProxybenchError(f"no proxy to compute; choose from: {', '.join(available())}")
    return chosen, left_out


def load_proxy(target: str) -> Proxy:
    """A proxy by its registered name or as "module:attribute". Raises like `choose_proxies`."""
    from proxybench.proxies.base import Proxy
    from proxybench.proxies.score import choose

    module, _, attribute = target.partition(":")
    if attribute and "" not in sys.path:
        sys.path.insert(0, "")  # the current folder, as with python -m
    try:
        found = getattr(import_module(module), attribute) if attribute else choose([target], labelled=True)[0]
    except UnknownName:
        raise
    except Exception as error:  # a user's module may fail in any way
        raise ProxybenchError(f"cannot load proxy {target!r}: {type(error).__name__}: {error}") from error
    if not isinstance(found, Proxy):
        raise ProxybenchError(f"{target!r} is not a Proxy; decorate it with @proxybench.proxies.base.proxy(...)")
    return found


def _code(target: str, proxy: Proxy) -> dict[str, str]:
    code = code_digest(proxy.function) if ":" in target else ""
    return {"code": code} if code else {}


def code_digest(thing: Any) -> str:
    """SHA-256 of the file that defines a function or class of the user; empty if no file does.

    A notebook and the main program have no such file; the target of their objects holds the digest of the pickle.
    """
    file = inspect.getsourcefile(thing)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file and Path(file).is_file() else ""
