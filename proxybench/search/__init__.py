"""Search on tabular benchmarks: ask/tell searchers, runs with budgets, and curves of the best architecture found.

    from proxybench.search import find_problem, make_searcher, run

    problem = find_problem(pb.load("nasbench201"), dataset="cifar10", objective="val_acc@12", report="test_acc@200")
    history = run(make_searcher("robot", problem, np.random.default_rng(0), budget=20), problem, budget=20)

`proxybench.search(...)`, the module called as a function, runs several searchers over several seeds on a table; see
`proxybench.search.experiments.search`. Everything is loaded on first use.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from predictors.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from proxybench.search.core.base import Query, Searcher
    from proxybench.search.core.history import History, run
    from proxybench.search.core.population import find_problem
    from proxybench.search.core.problem import Problem
    from proxybench.search.experiments.results import SearchResults

SEARCHERS = Registry(
    "searcher",
    {
        "asha": "proxybench.search.searchers.asha:ASHA",
        "bananas": "proxybench.search.searchers.bananas:Bananas",
        "diffusion": "proxybench.search.searchers.diffusion:DiffusionSearch",
        "evolution": "proxybench.search.searchers.evolution:RegularisedEvolution",
        "gbdt-nas": "proxybench.search.searchers.gbdt_nas:GBDTNAS",
        "gp": "proxybench.search.searchers.gp:GaussianProcessSearch",
        "guided": "proxybench.search.searchers.guided:ModelGuided",
        "hyperband": "proxybench.search.searchers.hyperband:Hyperband",
        "local": "proxybench.search.searchers.local:LocalSearch",
        "mcts": "proxybench.search.searchers.mcts:TreeSearch",
        "random": "proxybench.search.searchers.random_search:RandomSearch",
        "ranking": "proxybench.search.searchers.ranking:MetricRanking",
        "robot": "proxybench.search.searchers.robot:RoBoT",
        "robot-paper": "proxybench.search.searchers.robot_paper:PaperRoBoT",
    },
)
"""Searchers with one objective."""

TWO_OBJECTIVE_SEARCHERS = Registry(
    "searcher with two objectives",
    {
        "nsga2": "proxybench.search.searchers.nsga2:NSGA2",
        "random": "proxybench.search.searchers.random_search:RandomSearch",
    },
)
"""Searchers that accept two values per answer."""

_PUBLIC = {
    "History": "proxybench.search.core.history",
    "Problem": "proxybench.search.core.problem",
    "Query": "proxybench.search.core.base",
    "SearchResults": "proxybench.search.experiments.results",
    "Searcher": "proxybench.search.core.base",
    "find_problem": "proxybench.search.core.population",
    "run": "proxybench.search.core.history",
}
__all__ = [
    "SEARCHERS",
    "TWO_OBJECTIVE_SEARCHERS",
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
        from proxybench.search.experiments.search import search

        return search(*arguments, **named)


sys.modules[__name__].__class__ = _Search
