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
from proxybench.records import Cell, Record, Scalar, TaskIdentity
from proxybench.search import SEARCHERS, make_searcher
from proxybench.search.base import is_deterministic, options_of
from proxybench.search.groups import Run, RunBlock, short_run
from proxybench.search.history import run
from proxybench.search.metrics import metric_names
from proxybench.search.outcomes import SearchRecord, read_runs, search_record
from proxybench.search.population import find_problem
from proxybench.search.problem import InvalidProblem, Problem
from proxybench.search.regret import robot_findings
from proxybench.search.robot import RoBoT
from proxybench.tables.benchmark import Benchmark, load
from proxybench.tables.quantities import edition_with, quantities, sign_of

HINDSIGHT = "best in hindsight"  # ranking's "metrics": the single best metric, not known in advance


@dataclass(frozen=True)
class Setting:
    """The problem to search: the arguments of `find_problem` and the table's name."""

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
class Entry:
    """A searcher with arguments, `robot(proposals=random, scale=rank)`, as stored in records.

    A predictor is named as in `proxybench run`: `guided(predictor=gin(members=1, min_steps=60), every=5)`.
    """

    name: str
    options: dict[str, Scalar] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Entry:
        """Raises InvalidText if the text is not a call, and UnknownName for an unknown searcher."""
        call = parse_call(text)
        if call.name not in SEARCHERS:
            raise unknown_name("searcher", call.name, SEARCHERS)
        return cls(call.name, {name: recordable(value) for name, value in call.arguments.items()})

    @property
    def arguments(self) -> dict[str, Any]:
        """The options in the form that the searcher takes."""
        return {key: _argument(key, value) for key, value in self.options.items()}


class Posed:
    """A setting with its table: the problem, and its identity in records."""

    def __init__(self, setting: Setting) -> None:
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

    def _identity(self, setting: Setting) -> TaskIdentity:
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

    def run(self, entry: Entry, budget: int, seed: int) -> SearchRecord:
        """One run."""
        start = time.perf_counter()
        searcher = make_searcher(entry.name, self.problem, np.random.default_rng(seed), budget, **entry.arguments)
        history = run(searcher, self.problem, budget)
        return search_record(
            self.task,
            self.problem,
            history,
            searcher=entry.name,
            options=entry.options,
            budget=budget,
            seed=seed,
            report=str(self.report or ""),
            signs=(sign_of(self.objective), sign_of(self.report) if self.report else 1.0),
            findings=robot_findings(searcher, self.problem, budget) if isinstance(searcher, RoBoT) else None,
            wall_s=time.perf_counter() - start,
        )

    def run_block(self, entry: Entry, budget: int, seeds: Sequence[int]) -> RunBlock:
        """Runs of successive seeds as one record. A deterministic searcher runs once for all seeds."""
        start = time.perf_counter()
        if entry.options.get("metrics") == HINDSIGHT:
            best, metric = self._in_hindsight(entry, budget)
            runs, message = (best,) * len(seeds), f"metric {metric}"
        elif is_deterministic(SEARCHERS[entry.name]):
            runs, message = (self._short(entry, budget, seeds[0]),) * len(seeds), ""
        else:
            runs, message = tuple(self._short(entry, budget, seed) for seed in seeds), ""
        return RunBlock(
            task=self.task,
            method=entry.name,
            kind="search",
            outcome="ok",
            metrics={},
            params=entry.options,
            repeat=seeds[0],
            n_train=budget,
            cost={"wall_s": time.perf_counter() - start},
            message=message,
            provenance=provenance(),
            report=str(self.report or ""),
            optimum=sign_of(self.objective) * float(self.problem.values.max()),
            runs=runs,
        )

    def _short(self, entry: Entry, budget: int, seed: int) -> Run:
        searcher = make_searcher(entry.name, self.problem, np.random.default_rng(seed), budget, **entry.arguments)
        history = run(searcher, self.problem, budget)
        return short_run(self.problem, history, (sign_of(self.objective), sign_of(self.report) if self.report else 1.0))

    def _in_hindsight(self, entry: Entry, budget: int) -> tuple[Run, str]:
        """The run of the single metric with the least final regret, the first of several, and its name."""
        others = {name: value for name, value in entry.options.items() if name != "metrics"}
        runs = {
            name: self._short(Entry(entry.name, {**others, "metrics": name}), budget, 0)
            for name in metric_names(self.problem)
        }
        best = min(runs, key=lambda name: runs[name].regret)
        return runs[best], best

    def require(self, entry: Entry, budget: int) -> None:
        """Raise InvalidProblem, before anything has run, for options that the searcher does not take."""
        accepted = options_of(SEARCHERS[entry.name])
        for option in entry.options:
            if option not in accepted:
                raise InvalidProblem(f"{entry.name}: {unknown_name('option', option, accepted)}")
        try:
            make_searcher(entry.name, self.problem, np.random.default_rng(0), budget, **entry.arguments)
        except TypeError as error:
            raise InvalidProblem(f"{entry.name}: {error}") from error

    def cell(self, entry: Entry, budget: int, seed: int) -> Cell:
        """The identity of the run in a journal."""
        params = msgspec.json.encode(entry.options, order="sorted").decode()
        return Cell(self.task.name, entry.name, params, budget, seed)


def run_experiment(
    posed: Posed,
    entries: Sequence[Entry],
    budget: int,
    seeds: Iterable[int],
    journal: Journal | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> list[SearchRecord]:
    """Run the unrecorded searches, seed by seed, and return all requested runs, in the order of entries and seeds.

    Several processes may share a journal; a run done by two of them is recorded once.

    Raises:
        InvalidProblem: if the budget is below one training, or a searcher does not take an option.
        CorruptData: if the journal holds anything else, or runs on another version of the table.
    """
    numbers = list(seeds)
    done = {} if journal is None else _recorded(journal, posed)
    if on_record is not None:
        for entry, seed in _product(entries, numbers):
            if (cell := posed.cell(entry, budget, seed)) in done:
                on_record(done[cell])
    for one in run_missing(posed, entries, budget, numbers, done.keys()):
        done[one.cell] = one
        if journal is not None:
            journal.append_if_absent(one)
        if on_record is not None:
            on_record(one)
    return [done[posed.cell(entry, budget, seed)] for entry in entries for seed in numbers]


def _recorded(journal: Journal, posed: Posed) -> dict[Cell, SearchRecord]:
    """The runs of a journal on this problem. Raises CorruptData for runs on another version of it."""
    found = {one.cell: one for one in read_runs(journal.path) if one.task.name == posed.task.name}
    for one in found.values():
        if one.task != posed.task:
            raise CorruptData(
                f"{journal.path} holds runs of {one.method} on another version of {posed.bench.name}; "
                "choose another file with --output"
            )
        if not one.found:
            raise CorruptData(
                f"{journal.path} holds runs of {one.method} in blocks, which only a comparison of searchers continues; "
                "choose another file with --output"
            )
    return found


def run_missing(
    posed: Posed, entries: Sequence[Entry], budget: int, seeds: Sequence[int], recorded: Container[Cell]
) -> Iterator[SearchRecord]:
    """The unrecorded runs, one after the other, seed by seed. Errors as in `run_experiment`."""
    if budget < 1:
        raise InvalidProblem(f"a budget of {budget} does not pay for one training")
    for entry in entries:
        posed.require(entry, budget)
    for entry, seed in _product(entries, seeds):
        if posed.cell(entry, budget, seed) not in recorded:
            yield posed.run(entry, budget, seed)


def _product(entries: Sequence[Entry], seeds: Sequence[int]) -> list[tuple[Entry, int]]:
    return [(entry, seed) for seed in seeds for entry in entries]


def _argument(key: str, value: Scalar) -> Any:
    if key == "metrics" and isinstance(value, str):
        return value.split("+")
    if key == "predictor" and isinstance(value, str) and (entrant := find_entrant(str(parse_recorded(value)))).learns:
        return make_predictor(entrant, random_state=0)
    return value
