"""`check_proxy`: checks that a user's own proxy or scorer keeps its contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchBatch, Ragged
from predictors.checks import ContractBroken, example_batch
from proxybench.evaluation.entrants import is_proxy

__all__ = ["ContractBroken", "check_proxy"]

Floats = NDArray[np.float64]


def check_proxy(thing: Any, batch: ArchBatch | None = None, **on_network: Any) -> None:
    """Check that a proxy or a scorer keeps its contract.

    A scorer returns one number per architecture, depending on that architecture alone. A proxy, made with
    `proxybench.proxies.proxy`, returns one number for a network and leaves the network unchanged. By definition larger
    is better and NaN means no answer; neither can be checked.

    Args:
        thing: a scorer, a function from an ArchBatch of n architectures to n numbers; or a proxy.
        batch: for a scorer: at least two architectures to score; by default 40 small graphs with columns "cost:params"
            and "proxy:noise". A function that reads other columns or node arrays needs a batch with them.
        on_network: for a proxy: `network`, `images` and `labels`, as in `proxies.checks.check_network_proxy`.

    Raises:
        ContractBroken: if the contract is violated; names the first violation.
    """
    if is_proxy(thing):
        from proxybench.proxies.checks import check_network_proxy

        check_network_proxy(thing, **on_network)
        return
    _check_scorer(thing, batch)


def _check_scorer(score: Callable[[ArchBatch], Any], batch: ArchBatch | None) -> None:
    batch = example_batch(40)[0] if batch is None else batch
    if len(batch) < 2:
        raise ValueError("a check needs at least two architectures")
    given = _copy(batch)
    scores = _scores(score, given, "a batch")
    _require(_unchanged(batch, given), "modifies the batch it is given")
    again = _scores(score, _copy(batch), "a batch for the second time")
    _require(np.array_equal(scores, again, equal_nan=True), "gives different scores for the same batch the second time")
    order = np.random.default_rng(0).permutation(len(batch))
    shuffled = _scores(score, _copy(batch[order]), "a shuffled batch")
    _require(_same(shuffled, scores[order]), "gives scores that depend on the order of the batch")
    for part in (slice(None, len(batch) // 2), slice(len(batch) // 2, None)):
        _require(
            _same(_scores(score, _copy(batch[part]), "half of a batch"), scores[part]),
            "gives scores that depend on the other architectures of the batch",
        )
    for row in range(len(batch)):
        alone = _scores(score, _copy(batch[row : row + 1]), "a single architecture")
        _require(_same(alone, scores[row : row + 1]), "scores an architecture differently when it is the only one")


def _scores(score: Callable[[ArchBatch], Any], batch: ArchBatch, what: str) -> Floats:
    """The scores of a batch, float64[n]."""
    try:
        found = np.asarray(score(batch))
    except Exception as error:
        _require("read-only" not in str(error), f"modifies the batch it is given ({error})")
        raise ContractBroken(f"the scorer fails on {what}: {type(error).__name__}: {error}") from error
    n = len(batch)
    _require(found.shape == (n,), f"gives shape {found.shape} for {what} of {n}; expected one number each")
    _require(found.dtype.kind in "biuf", f"gives {found.dtype} for {what}, not real numbers; NaN means no answer")
    values = found.astype(np.float64)
    _require(not np.isinf(values).any(), "gives infinite scores; NaN means no answer")
    return values


def _copy(batch: ArchBatch) -> ArchBatch:
    """A copy of the batch with its own arrays."""
    nodes = {name: Ragged(ragged.values.copy(), ragged.offsets.copy()) for name, ragged in batch.nodes.items()}
    return ArchBatch(list(batch.archs), {name: values.copy() for name, values in batch.columns.items()}, nodes)


def _unchanged(batch: ArchBatch, given: ArchBatch) -> bool:
    one, other = _arrays(batch), _arrays(given)
    return (
        list(batch.archs) == list(given.archs)
        and one.keys() == other.keys()
        and all(np.array_equal(values, other[name], equal_nan=True) for name, values in one.items())
    )


def _arrays(batch: ArchBatch) -> dict[tuple[str, str], NDArray[Any]]:
    columns = {("column", name): values for name, values in batch.columns.items()}
    values = {("values", name): ragged.values for name, ragged in batch.nodes.items()}
    return columns | values | {("offsets", name): ragged.offsets for name, ragged in batch.nodes.items()}


def _same(one: Floats, other: Floats) -> bool:
    """Equal except for the last digits, where sums of different lengths may differ."""
    return bool(np.allclose(one, other, rtol=1e-7, atol=1e-12, equal_nan=True))


def _require(kept: bool, what: str) -> None:
    if not kept:
        raise ContractBroken(f"the scorer {what}")
