"""proxybench ranks neural architectures without training them, and measures how well that works.

    import proxybench as pb

    bench = pb.load("nasbench201")
    bench.query(284, dataset="cifar10", metric="test_acc", epochs=200, seed="mean")

Everything is loaded on first use; importing this package does not import any numerical library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from predictors.errors import naming_the_extra

if TYPE_CHECKING:
    from proxybench import proxies, search, stats
    from proxybench.errors import (
        AmbiguousArchitecture,
        CorruptData,
        DataNotAvailable,
        FetchFailed,
        InvalidArchitecture,
        InvalidTable,
        NotMeasured,
        ProxybenchError,
        UnknownName,
    )
    from proxybench.evaluation.checks import check_proxy
    from proxybench.evaluation.entrants import entrant
    from proxybench.front_door import evaluate
    from proxybench.oneshot.one_shot import OneShot
    from proxybench.proxies.score import score
    from proxybench.ranking.metrics import rank_metrics
    from proxybench.results import Results
    from proxybench.scores.reference import percentiles
    from proxybench.spaces import SearchSpace, get_space
    from proxybench.spaces.check import check_space
    from proxybench.sweeps.front import compute
    from proxybench.tables.benchmark import Benchmark, load
    from proxybench.tables.catalogue import list_benchmarks
    from proxybench.tables.own.table import remove_table, table

_PUBLIC = {
    "AmbiguousArchitecture": "proxybench.errors",
    "Benchmark": "proxybench.tables.benchmark",
    "CorruptData": "proxybench.errors",
    "DataNotAvailable": "proxybench.errors",
    "FetchFailed": "proxybench.errors",
    "InvalidArchitecture": "proxybench.errors",
    "InvalidTable": "proxybench.errors",
    "NotMeasured": "proxybench.errors",
    "OneShot": "proxybench.oneshot.one_shot",
    "ProxybenchError": "proxybench.errors",
    "Results": "proxybench.results",
    "SearchSpace": "proxybench.spaces",
    "UnknownName": "proxybench.errors",
    "check_proxy": "proxybench.evaluation.checks",
    "check_space": "proxybench.spaces.check",
    "compute": "proxybench.sweeps.front",
    "entrant": "proxybench.evaluation.entrants",
    "evaluate": "proxybench.front_door",
    "get_space": "proxybench.spaces",
    "list_benchmarks": "proxybench.tables.catalogue",
    "load": "proxybench.tables.benchmark",
    "percentiles": "proxybench.scores.reference",
    "proxies": "proxybench.proxies",
    "rank_metrics": "proxybench.ranking.metrics",
    "remove_table": "proxybench.tables.own.table",
    "score": "proxybench.proxies.score",
    "search": "proxybench.search",
    "stats": "proxybench.stats",
    "table": "proxybench.tables.own.table",
}
__all__ = [
    "AmbiguousArchitecture",
    "Benchmark",
    "CorruptData",
    "DataNotAvailable",
    "FetchFailed",
    "InvalidArchitecture",
    "InvalidTable",
    "NotMeasured",
    "OneShot",
    "ProxybenchError",
    "Results",
    "SearchSpace",
    "UnknownName",
    "check_proxy",
    "check_space",
    "compute",
    "entrant",
    "evaluate",
    "get_space",
    "list_benchmarks",
    "load",
    "percentiles",
    "proxies",
    "rank_metrics",
    "remove_table",
    "score",
    "search",
    "stats",
    "table",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'proxybench' has no attribute {name!r}")
    with naming_the_extra(name):
        module = importlib.import_module(_PUBLIC[name])
        return module if _PUBLIC[name] == f"proxybench.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
