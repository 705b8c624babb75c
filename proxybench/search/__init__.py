"""Search on tabular benchmarks: ask/tell searchers, runs with budgets, and curves of the best architecture found.

    from proxybench.search import find_problem, make_searcher, run

    problem = find_problem(pb.load("nasbench201"), dataset="cifar10", objective="val_acc@12", report="test_acc@200")
    history = run(make_searcher("robot", problem, np.random.default_rng(0), budget=20), problem, budget=20)

`proxybench.search(...)`, the module called as a function, runs several searchers over several seeds on a table; see
`proxybench.search.front.search`. Everything is loaded on first use.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from predictors.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from proxybench.search.base import Query, Searcher
    from proxybench.search.history import History, run
    from proxybench.search.population import find_problem
    from proxybench.search.problem import Problem
    from proxybench.search.results import SearchResults

SEARCHERS = Registry(
    "searcher",
    {
        "asha": "proxybench.search.hyperband:ASHA",
        "bananas": "proxybench.search.model_guided:Bananas",
        "diffusion": "proxybench.search.generated:DiffusionSearch",
        "evolution": "proxybench.search.evolution:RegularisedEvolution",
        "gbdt-nas": "proxybench.search.gbdt_nas:GBDTNAS",
        "gp": "proxybench.search.model_guided:GaussianProcessSearch",
        "guided": "proxybench.search.model_guided:ModelGuided",
        "hyperband": "proxybench.search.hyperband:Hyperband",
        "local": "proxybench.search.local:LocalSearch",
        "mcts": "proxybench.search.mcts:TreeSearch",
        "random": "proxybench.search.random_search:RandomSearch",
        "ranking": "proxybench.search.ranking:MetricRanking",
        "robot": "proxybench.search.robot:RoBoT",
        "robot-paper": "proxybench.search.robot:PaperRoBoT",
    },
)

_PUBLIC = {
    "History": "proxybench.search.history",
    "Problem": "proxybench.search.problem",
    "Query": "proxybench.search.base",
    "SearchResults": "proxybench.search.results",
    "Searcher": "proxybench.search.base",
    "find_problem": "proxybench.search.population",
    "run": "proxybench.search.history",
}
__all__ = [
    "SEARCHERS",
    "History",
    "Problem",
    "Query",
    "SearchResults",
    "Searcher",
    "find_problem",
    "make_searcher",
    "run",
]


def make_searcher(name: str, problem: Problem, rng: np.random.Generator, budget: float, **options: Any) -> Searcher:
    """Create a searcher.

    Args:
        name: one of `SEARCHERS`.
        problem: the population to search.
        rng: its only source of randomness; equal generators give equal runs.
        budget: full trainings the run will pay for.
        options: arguments of the searcher, such as `predictor="gbdt"`.

    Raises:
        UnknownName: if the name is unknown; suggests the nearest.
        TypeError: if the searcher does not take an option.
    """
    searcher: Searcher = SEARCHERS[name](problem, rng, budget, **options)
    return searcher


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'proxybench.search' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


class _Search(ModuleType):
    """The class of this module, which makes it callable, so that the package and the function can share a name."""

    def __call__(self, *arguments: Any, **named: Any) -> SearchResults:
        from proxybench.search.front import search

        return search(*arguments, **named)


sys.modules[__name__].__class__ = _Search
