"""Which architectures and which proxies a sweep computes."""

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
    """All architectures of an enumerable space. Raises ProxybenchError for another one."""
    if not isinstance(space, EnumerableSpace):
        raise ProxybenchError(
            f"{space.name} cannot be enumerated; say which architectures: --sample N, --benchmark NAME or --archs FILE"
        )
    return space


def of_file(space: SearchSpace, path: Path) -> list[ArchGraph]:
    """The architectures of a text file, one a line; empty lines are left out.

    Raises:
        DataNotAvailable: when the file is not there.
        InvalidArchitecture: for a line that is no architecture; says what is.
    """
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        raise DataNotAvailable(f"{path} is not there; --archs takes a text file with one architecture a line") from None
    return [space.parse(line) for line in lines if line.strip()]


def items_of(archs: Iterable[ArchGraph], space: SearchSpace, digests: Sequence[str] | None = None) -> pa.Table:
    """Columns `digest` and `arch`: one architecture of each digest of the space, by digest.

    A digest is as good as random, so a part of the work is a random sample of all of it. The architecture is the one
    with the most operations `none`, so that it has no weights that nothing reads; the first where there are several.

    Args:
        archs: of the space.
        space: which says what is isomorphic.
        digests: `space.digest` of each, where known.
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
        names: of proxybench.proxies.PROXIES, "module:attribute" of a Proxy of one's own, or "all" of the former.

    Returns:
        The identities, and a line for each proxy of "all" that cannot be loaded.

    Raises:
        UnknownName: for a name that is no proxy's, with the nearest one.
        ProxybenchError: for a target that cannot be loaded or is no Proxy, or a name that is there twice.
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
        raise ProxybenchError(f"no proxy to compute; name some of: {', '.join(available())}")
    return chosen, left_out


def load_proxy(target: str) -> Proxy:
    """A proxy by its registered name or as "module:attribute". Raises as `choose_proxies`."""
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
        raise ProxybenchError(f"{target!r} is no Proxy; put @proxybench.proxies.base.proxy(...) before the function")
    return found


def _code(target: str, proxy: Proxy) -> dict[str, str]:
    if ":" not in target:
        return {}
    file = inspect.getsourcefile(proxy.function)
    return {"code": hashlib.sha256(Path(file).read_bytes()).hexdigest()} if file else {}
