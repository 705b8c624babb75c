"""The generator inside searches: as the source of proposals in Bayesian optimisation, and guided by other data sets.

    python experiments/generated_search.py bo RUNS.jsonl --seconds 600 [--seeds 20] [--budgets 100]
    python experiments/generated_search.py transfer RUNS.jsonl --seconds 600 [--seeds 20] [--methods ...]
    python experiments/generated_search.py table RUNS.jsonl ...

`bo`: NAS-Bench-201 on its three data sets, NAS-Bench-101 and MnasNet; one record for each run, which
`experiments/searches.py verdict` can test for significance too. `transfer`: on each data set of NAS-Bench-201 and of
TransNAS-Bench-101 micro, where the results on all the others are known, the number of queries until one is within
.1 percent of the best (of a share or loss, within .001), by validation result and, where the table has it, by test
result. Both stop after the given seconds, record each run at once and continue when called again; several processes may
share a file.

`table` prints for `bo` the mean regret with 95 percent intervals after 20, 50 and 100 trainings and the median rank at
the end (`diffusion` chooses among generated candidates and the neighbours of the best, `near=false` only among the
former); for `transfer` the median number of queries with its interval, and the mean ratio of the queries of other
methods to those of `meta`, without an interval, since none is known to cover. A run that was stopped before it found
one counts as if it had found one then, so that its ratio is too small; the number of such runs is printed.

Methods of `transfer`
    random, evolution, gp, bananas     know nothing of other data sets
    gp-sources                         Gaussian process that sees the other data sets' results as columns
    rank-average                       in the order of the mean rank on the other data sets
    meta                               TransferSearch: guided by the meta-predictor, with equal weights of data sets
    meta-facts                         the same, weighted by similarity in the number of classes and the resolution
    meta-order                         every architecture in the order of the meta-predictor, without generation
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
from scipy.stats import rankdata

import proxybench as pb
from proxybench.jobs.journal import Journal
from proxybench.jobs.provenance import provenance
from proxybench.records import JobKey, Record, read_records
from proxybench.search import Query, make_searcher
from proxybench.search.core.history import STALLED
from proxybench.search.experiments.curves import best_so_far, half_width
from proxybench.search.experiments.experiment import ConfiguredSearcher, ProblemSetting, TableSearch, run_missing
from proxybench.search.experiments.run_groups import groups_of
from proxybench.search.experiments.run_records import SearchRecord, read_runs
from proxybench.search.experiments.summary import median_interval
from proxybench.tables.quantities import quantities
from proxybench.tables.store.schema import metric_of

ENTRIES = ("random", "evolution", "local", "gp", "guided", "bananas", "diffusion", "diffusion(near=false)")
PROBLEMS = (
    *(ProblemSetting("nasbench201", one, columns_of="cifar10") for one in ("cifar10", "cifar100", "ImageNet16-120")),
    ProblemSetting("nasbench101", "cifar10", "val_acc@108", where=("proxy:zen",)),
    ProblemSetting("accel-nasbench"),
)
AFTER = (20, 50, 100)
TABLES = {"nasbench201": "cifar10", "transnas101-micro": "class_scene"}  # whose training-free columns all share
METHODS = ("random", "evolution", "rank-average", "meta", "meta-facts", "meta-order", "gp", "gp-sources", "bananas")
FIXED = ("rank-average",)  # the same for all seeds
MOST = {"gp": 400, "gp-sources": 400, "bananas": 400}  # architectures after which a run is stopped
FACTS = {  # known before anything is trained
    "cifar10": {"log_classes": 1.0, "side": 32.0},
    "cifar100": {"log_classes": 2.0, "side": 32.0},
    "ImageNet16-120": {"log_classes": float(np.log10(120)), "side": 16.0},
    **{task: {"answer_a_pixel": 0.0} for task in ("class_object", "class_scene", "jigsaw", "room_layout")},
    **{task: {"answer_a_pixel": 1.0} for task in ("autoencoder", "normal", "segmentsemantic")},
}
REFERENCE = "meta"
PUBLISHED = "published (DiffusionNAG, ICLR 2024, abstract): up to 35 x faster than the baselines in transferable NAS"


class Transfer:
    """A data set to search, with what the others of its table say."""

    def __init__(self, table: str, dataset: str) -> None:
        from proxybench.generation.meta import alike
        from proxybench.search.searchers.transfer import with_sources

        self.table_search = TableSearch(ProblemSetting(table, dataset, columns_of=TABLES[table]))
        bench, self.plain = self.table_search.bench, self.table_search.problem
        others = [one for one in bench.datasets if one != dataset]
        asked = {one: quantities(bench, one, None, None)[1] for one in others}
        sources = {one: quantity.values(bench, one)[self.plain.rows] for one, quantity in asked.items()}
        self.informed = with_sources(self.plain, sources)
        ranks = np.mean([rankdata(values) for values in sources.values()], axis=0)
        self.by_rank = np.argsort(-ranks, kind="stable")
        self.weights = alike({one: FACTS[one] for one in others}, FACTS[dataset])
        name = self.table_search.task.name.replace("search", "transfer", 1)
        self.task = msgspec.structs.replace(self.table_search.task, name=name)

    def searcher(self, method: str, seed: int):
        rng = np.random.default_rng(seed)
        if method == "rank-average":
            return InOrder(self.by_rank)
        if method.startswith("meta"):
            from proxybench.search.searchers.transfer import TransferSearch

            weights = self.weights if method == "meta-facts" else None
            return TransferSearch(self.informed, rng, 0, weights=weights, generated=method != "meta-order")
        if method in ("gp", "gp-sources"):
            problem = self.informed if method == "gp-sources" else self.plain
            return make_searcher("gp", problem, rng, 100, start=10, every=2)
        options = {"bananas": {"start": 10}}.get(method, {})
        return make_searcher(method, self.plain, rng, 100, **options)

    def run(self, method: str, seed: int) -> Record:
        """The number of distinct queries up to the first that is good enough; None where the run was stopped."""
        begun = time.process_time()
        wanted = {"value": self.plain.values, "reported": self.plain.reported}
        quantities_of = {"value": self.table_search.objective, "reported": self.table_search.report}
        missing = {
            name: values >= values.max() - (0.1 if metric_of(quantities_of[name].metric).unit == "percent" else 0.001)
            for name, values in wanted.items()
            if values is not None
        }
        good = {name: float(one.sum()) for name, one in missing.items()}
        most = min(MOST.get(method, len(self.plain)), len(self.plain))
        found: dict[str, float | None] = dict.fromkeys(missing)
        searcher, asked, repeats = self.searcher(method, seed), set(), 0
        while missing and len(asked) < most and repeats < STALLED:
            query = searcher.ask()
            if query is None:
                break
            repeats = repeats + 1 if query.candidate in asked else 0
            asked.add(query.candidate)
            searcher.tell(query, self.plain.answer(query))
            for name in [name for name, one in missing.items() if one[query.candidate]]:
                found[name] = float(len(asked))
                del missing[name]
        return Record(
            task=self.task,
            method=method,
            kind="search",
            outcome="ok",
            metrics=found,
            repeat=seed,
            n_train=most,
            cost={"cpu_s": time.process_time() - begun, **{f"good_{name}": count for name, count in good.items()}},
            provenance=provenance(),
        )

    def key(self, method: str, seed: int) -> JobKey:
        return JobKey(self.task.name, method, "{}", min(MOST.get(method, len(self.plain)), len(self.plain)), seed)


class InOrder:
    """Candidates in an order."""

    def __init__(self, order) -> None:
        self._order = iter(order.tolist())

    def ask(self) -> Query | None:
        candidate = next(self._order, None)
        return None if candidate is None else Query(candidate)

    def tell(self, query: Query, value: float) -> None:
        pass


def search(journal: Journal, entries: list[str], budgets: list[int], seeds: int, end: float) -> bool:
    """Run what is missing, seed by seed over all problems, until the time is up; whether all is done."""
    table_search = [TableSearch(setting) for setting in PROBLEMS]
    chosen = [ConfiguredSearcher.parse(text) for text in entries]
    for seed in range(seeds):
        for problem in table_search:
            for budget in budgets:
                for record in run_missing(problem, chosen, budget, [seed], journal.recorded()):
                    journal.append_if_absent(record)
                    if time.monotonic() > end:
                        return False
    return True


def transfer(journal: Journal, methods: list[str], seeds: int, end: float) -> bool:
    """As `search`, for the methods that may know other data sets."""
    problems = [Transfer(table, dataset) for table in TABLES for dataset in pb.load(table).datasets]
    for seed in range(seeds):
        for problem in problems:
            for method in methods:
                if problem.key(method, seed) in journal.recorded() or (method in FIXED and seed):
                    continue
                journal.append_if_absent(problem.run(method, seed))
                if time.monotonic() > end:
                    return False
    return True


def search_lines(runs: list[SearchRecord]) -> list[str]:
    lines = []
    for group in groups_of(runs):
        name = group.searcher if not group.params else f"{group.searcher} {group.options}"
        found = best_so_far(group, "trainings", [point for point in AFTER if point <= group.budget])
        rank, low, high = median_interval(np.array([run.rank for run in group.runs.values()], dtype=float))
        regrets = [] if found is None else np.abs(group.optimum - found.values)
        points = [] if found is None else found.at.astype(int)
        curve = "  ".join(
            f"{at}: {one.mean():.3f} +- {half_width(one):.3f}" for at, one in zip(points, regrets, strict=True)
        )
        seconds = f"{np.mean(group.wall_s):.1f} s a run"
        lines.append(
            f"{group.task.benchmark:14s} {group.task.dataset:15s} T={group.budget:<4d}{name:12s}"
            f"{len(group.runs):4d} runs  regret at {curve}  rank {rank:g} {limits(low, high)}  {seconds}"
        )
    return lines


def transfer_lines(records: list[Record]) -> list[str]:
    """A block for each problem and quantity, and the geometric means of the ratios over problems."""
    asked: dict[tuple[str, str], dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in sorted(records, key=lambda one: one.repeat):
        for quantity in record.metrics:
            asked[(f"{record.task.benchmark} {record.task.dataset}", quantity)][record.method].append(record)
    lines, logs = [], defaultdict(list)
    for (problem, quantity), methods in sorted(asked.items()):
        one = next(iter(methods.values()))[0]
        good = f"{one.cost[f'good_{quantity}']:g} of {one.task.size} are good enough"
        lines.append(f"{problem}, {quantity}: {good}")
        for method in (name for name in METHODS if name in methods):
            values = counts(methods[method], quantity)
            median, low, high = median_interval(values)
            stopped = sum(run.metrics[quantity] is None for run in methods[method])
            line = f"    {method:13s}{len(values):4d} runs  median {median:6g} {limits(low, high)}"
            line += f"  mean {values.mean():7.1f}"
            if REFERENCE in methods and method != REFERENCE:
                ratio = values.mean() / counts(methods[REFERENCE], quantity).mean()
                line += f"  {ratio:6.2f} x {REFERENCE}"
                logs[(quantity, one.task.benchmark, method)].append(np.log(ratio))
            lines.append(line + (f"  {stopped} stopped before it found one" if stopped else ""))
    for (quantity, benchmark, method), parts in logs.items():
        ratio = np.exp(np.mean(parts))
        lines.append(
            f"geometric mean over {len(parts)} of {benchmark}, {quantity}: {method} asks {ratio:.2f} x {REFERENCE}"
        )
    return [*lines, PUBLISHED] if lines else []


def counts(runs: list[Record], quantity: str):
    """The number of queries of each run up to its end, float64[runs]."""
    found = [run.metrics[quantity] for run in runs]
    return np.array([run.n_train if one is None else one for run, one in zip(runs, found, strict=True)], dtype=float)


def limits(low: float | None, high: float | None) -> str:
    return "" if low is None else f"[{low:g}, {high:g}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    forms = parser.add_subparsers(dest="form", required=True)
    for name, choices, default in (("bo", "entries", ENTRIES), ("transfer", "methods", METHODS)):
        form = forms.add_parser(name)
        form.add_argument("runs", type=Path)
        form.add_argument("--seconds", type=float, default=float("inf"))
        form.add_argument("--seeds", type=int, default=20)
        form.add_argument(f"--{choices}", nargs="+", default=list(default))
        if name == "bo":
            form.add_argument("--budgets", nargs="+", type=int, default=[100])
    forms.add_parser("table").add_argument("runs", type=Path, nargs="+")
    given = parser.parse_args()
    if given.form == "table":
        records = [record for record in read_records(given.runs) if record.task.name.startswith("transfer ")]
        runs = [one for path in given.runs for one in read_runs(path) if not one.task.name.startswith("transfer ")]
        print("\n".join([*search_lines(runs), *transfer_lines(records)]))
        return
    journal, end = Journal(given.runs), time.monotonic() + given.seconds
    if given.form == "bo":
        done = search(journal, given.entries, given.budgets, given.seeds, end)
    else:
        done = transfer(journal, given.methods, given.seeds, end)
    print(f"{len(journal.recorded())} runs recorded; {'all done' if done else 'call again to go on'}")


if __name__ == "__main__":
    main()
