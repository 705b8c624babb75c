"""An experiment: searchers on a problem over several seeds; runs are records in a journal, so a rerun resumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np

from predictors.errors import unknown_name
from proxybench.errors import CorruptData
from proxybench.evaluation.entrants import find_entrant, make_predictor
from proxybench.grammar import Quantity, parse_call, parse_recorded, recordable
from proxybench.jobs.journal import Journal
from proxybench.jobs.provenance import provenance
from proxybench.records import JobKey, Record, Scalar, TaskIdentity
from proxybench.search import SEARCHERS, make_searcher
from proxybench.search.core.base import Searcher, is_deterministic, options_of
from proxybench.search.core.history import run
from proxybench.search.core.metrics import metric_names
from proxybench.search.core.population import find_problem
from proxybench.search.core.problem import InvalidProblem, Problem
from proxybench.search.experiments.regret import robot_findings
from proxybench.search.experiments.run_groups import RunBlock, RunSummary, run_summary
from proxybench.search.experiments.run_records import SearchRecord, read_runs, search_record
from proxybench.search.searchers.robot import RoBoT
from proxybench.tables.benchmark import Benchmark, load
from proxybench.tables.quantities import edition_with, quantities, sign_of

HINDSIGHT = "best in hindsight"  # ranking's "metrics": the single best metric, not known in advance


@dataclass(frozen=True)
class ProblemSetting:
    """The description of a problem on a table: the table's name and the arguments of `find_problem`."""

    benchmark: str
    dataset: str | None = None
    objective: str | None = None
    report: str | None = None
    where: tuple[str, ...] = ()
    distinct: Literal["digest", "index"] = "digest"
    columns_of: str | None = None
    fidelities: bool = False
    computed: bool = False


@dataclass(frozen=True)
class ConfiguredSearcher:
    """A searcher with arguments, `robot(proposals=random, scale=rank)`, as stored in records.

    A predictor is named as in `proxybench run`: `guided(predictor=gin(members=1, min_steps=60), every=5)`.
    """

    name: str
    options: dict[str, Scalar] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> ConfiguredSearcher:
        """Raises InvalidText if the text is not a call, and UnknownName for an unknown searcher."""
        call = parse_call(text)
        if call.name not in SEARCHERS:
            raise unknown_name("searcher", call.name, SEARCHERS)
        return cls(call.name, {name: recordable(value) for name, value in call.arguments.items()})

    @property
    def arguments(self) -> dict[str, Any]:
        """The options in the form that the searcher takes."""
        return {key: _argument(key, value) for key, value in self.options.items()}


class TableSearch:
    """A problem on a table, with its identity in records, and runs of searchers on it."""

    def __init__(self, setting: ProblemSetting) -> None:
        named = (setting.objective, setting.report)
        self.bench: Benchmark = edition_with(load(setting.benchmark), setting.dataset, named, setting.where)
        self.dataset, objective, report = quantities(self.bench, setting.dataset, setting.objective, setting.report)
        self.objective: Quantity = objective
        self.report: Quantity | None = report
        self.problem: Problem = find_problem(
            self.bench,
            self.dataset,
            str(objective),
            str(report) if report else None,
            where=setting.where,
            distinct=setting.distinct,
            columns_of=setting.columns_of,
            fidelities=setting.fidelities,
            computed=setting.computed,
        )
        self.task = self._identity(setting)

    def _identity(self, setting: ProblemSetting) -> TaskIdentity:
        kind = "one of each digest" if setting.distinct == "digest" else "every row"
        where = f", with {', '.join(setting.where)}" if setting.where else ""
        shorter = ", with the answers at fewer epochs" if setting.fidelities else ""
        columns = f", columns of {setting.columns_of}" if setting.columns_of else ""
        computed = ", with this project's own proxies" if setting.computed else ""
        population = f"{kind}{where}{shorter}{columns}{computed}"
        return TaskIdentity(
            name=f"search {self.bench.name} {self.dataset} {self.objective} {self.report or ''} ({population})",
            version=1,
            benchmark=self.bench.name,
            dataset=self.dataset,
            population=population,
            size=len(self.problem),
            split="whole population",
            target=str(self.objective),
            table=self.bench.recipe_with("computed" if setting.computed else "none"),
        )

    def run(self, configured: ConfiguredSearcher, budget: int, seed: int) -> SearchRecord:
        """One run."""
        start = time.perf_counter()
        searcher = self._searcher(configured, budget, seed)
        history = run(searcher, self.problem, budget)
        return search_record(
            self.task,
            self.problem,
            history,
            searcher=configured.name,
            options=configured.options,
            budget=budget,
            seed=seed,
            report=str(self.report or ""),
            signs=self._signs,
            findings=robot_findings(searcher, self.problem, budget) if isinstance(searcher, RoBoT) else None,
            wall_s=time.perf_counter() - start,
        )

    def run_block(self, configured: ConfiguredSearcher, budget: int, seeds: Sequence[int]) -> RunBlock:
        """Runs of successive seeds as one record. A deterministic searcher runs once for all seeds."""
        start = time.perf_counter()
        if configured.options.get("metrics") == HINDSIGHT:
            best, metric = self._in_hindsight(configured, budget)
            runs, message = (best,) * len(seeds), f"metric {metric}"
        elif is_deterministic(SEARCHERS[configured.name]):
            runs, message = (self._summary(configured, budget, seeds[0]),) * len(seeds), ""
        else:
            runs, message = tuple(self._summary(configured, budget, seed) for seed in seeds), ""
        return RunBlock(
            task=self.task,
            method=configured.name,
            kind="search",
            outcome="ok",
            metrics={},
            params=configured.options,
            repeat=seeds[0],
            n_train=budget,
            cost={"wall_s": time.perf_counter() - start},
            message=message,
            provenance=provenance(),
            report=str(self.report or ""),
            optimum=sign_of(self.objective) * float(self.problem.values.max()),
            runs=runs,
        )

    @property
    def _signs(self) -> tuple[float, float]:
        """The signs of the objective and of the reported quantity, -1 if smaller is better in the table."""
        return sign_of(self.objective), sign_of(self.report) if self.report else 1.0

    def _searcher(self, configured: ConfiguredSearcher, budget: int, seed: int) -> Searcher:
        return make_searcher(configured.name, self.problem, np.random.default_rng(seed), budget, **configured.arguments)

    def _summary(self, configured: ConfiguredSearcher, budget: int, seed: int) -> RunSummary:
        history = run(self._searcher(configured, budget, seed), self.problem, budget)
        return run_summary(self.problem, history, self._signs)

    def _in_hindsight(self, configured: ConfiguredSearcher, budget: int) -> tuple[RunSummary, str]:
        """The run of the single metric with the least final regret, the first of several, and its name."""
        others = {name: value for name, value in configured.options.items() if name != "metrics"}
        runs = {
            name: self._summary(ConfiguredSearcher(configured.name, {**others, "metrics": name}), budget, 0)
            for name in metric_names(self.problem)
        }
        best = min(runs, key=lambda name: runs[name].regret)
        return runs[best], best

    def require(self, configured: ConfiguredSearcher, budget: int) -> None:
        """Raise InvalidProblem, before anything has run, for options that the searcher does not take."""
        accepted = options_of(SEARCHERS[configured.name])
        for option in configured.options:
            if option not in accepted:
                raise InvalidProblem(f"{configured.name}: {unknown_name('option', option, accepted)}")
        try:
            self._searcher(configured, budget, 0)
        except TypeError as error:
            raise InvalidProblem(f"{configured.name}: {error}") from error

    def key(self, configured: ConfiguredSearcher, budget: int, seed: int) -> JobKey:
        """The identity of the run in a journal."""
        params = msgspec.json.encode(configured.options, order="sorted").decode()
        return JobKey(self.task.name, configured.name, params, budget, seed)


def run_experiment(
    table_search: TableSearch,
    searchers: Sequence[ConfiguredSearcher],
    budget: int,
    seeds: Iterable[int],
    journal: Journal | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> list[SearchRecord]:
    """Run the unrecorded searches, seed by seed, and return all requested runs, in the order of searchers and seeds.

    Several processes may share a journal; a run done by two of them is recorded once.

    Raises:
        InvalidProblem: if the budget is below one training, or a searcher does not take an option.
        CorruptData: if the journal holds anything else, or runs on another version of the table.
    """
    numbers = list(seeds)
    done = {} if journal is None else _recorded(journal, table_search)
    if on_record is not None:
        for configured, seed in _product(searchers, numbers):
            if (key := table_search.key(configured, budget, seed)) in done:
                on_record(done[key])
    for one in run_missing(table_search, searchers, budget, numbers, done.keys()):
        done[one.key] = one
        if journal is not None:
            journal.append_if_absent(one)
        if on_record is not None:
            on_record(one)
    return [done[table_search.key(configured, budget, seed)] for configured in searchers for seed in numbers]


def _recorded(journal: Journal, table_search: TableSearch) -> dict[JobKey, SearchRecord]:
    """The runs of a journal on this problem. Raises CorruptData for runs on another version of it."""
    found = {one.key: one for one in read_runs(journal.path) if one.task.name == table_search.task.name}
    for one in found.values():
        if one.task != table_search.task:
            raise CorruptData(
                f"{journal.path} holds runs of {one.method} on another version of {table_search.bench.name}; "
                "choose another file with --output"
            )
        if not one.found:
            raise CorruptData(
                f"{journal.path} holds runs of {one.method} in blocks, which only a comparison of searchers continues; "
                "choose another file with --output"
            )
    return found


def run_missing(
    table_search: TableSearch,
    searchers: Sequence[ConfiguredSearcher],
    budget: int,
    seeds: Sequence[int],
    recorded: Container[JobKey],
) -> Iterator[SearchRecord]:
    """The unrecorded runs, one after the other, seed by seed. Errors as in `run_experiment`."""
    if budget < 1:
        raise InvalidProblem(f"a budget of {budget} does not pay for one training")
    for configured in searchers:
        table_search.require(configured, budget)
    for configured, seed in _product(searchers, seeds):
        if table_search.key(configured, budget, seed) not in recorded:
            yield table_search.run(configured, budget, seed)


def _product(searchers: Sequence[ConfiguredSearcher], seeds: Sequence[int]) -> list[tuple[ConfiguredSearcher, int]]:
    return [(configured, seed) for seed in seeds for configured in searchers]


def _argument(key: str, value: Scalar) -> Any:
    if key == "metrics" and isinstance(value, str):
        return value.split("+")
    if key == "predictor" and isinstance(value, str) and (entrant := find_entrant(str(parse_recorded(value)))).learns:
        return make_predictor(entrant, random_state=0)
    return value
