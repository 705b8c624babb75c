"""How many cells GBDT-NAS and other searchers query to find the best of all 423,624 cells of NAS-Bench-101.

    python experiments/gbdt_nas.py prepare CELLS.pickle
    python experiments/gbdt_nas.py run CELLS.pickle RUNS.csv SECONDS [--runs 100] [--searchers NAME ...]
    python experiments/gbdt_nas.py show RUNS.csv ...

`prepare` encodes the cells once for all processes. `run` spends SECONDS on runs that RUNS.csv does not hold yet, seed
by seed, and can be called again; a run that has begun is finished. `show` joins files, writes
docs/results/gbdt-nas-whole.csv and prints medians and ratios.

As in the paper (Luo et al., arXiv 2007.04785), the value of a cell is its mean test accuracy after 108 epochs, and a
run ends when it has queried the best cell. GBDT-NAS starts with N = 1,000 random cells and queries the K = 1,000 best
predicted of all others in each iteration; as in the published code, it does not learn from cells below 85 percent. Only
new cells count as queries. A mutation of regularised evolution is a random neighbour that has not been queried, or a
random cell if there is no such neighbour, since it would otherwise stay among a few hundred cells that it knows.
"""

from __future__ import annotations

import argparse
import csv
import pickle
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from proxybench.search import find_problem, make_searcher
from proxybench.search.experiments.summary import median_interval
from proxybench.search.searchers.gbdt_nas import choice_rows
from proxybench.search.searchers.mcts import sorted_choices
from proxybench.spaces.nasbench101_neighbours import neighbour_table
from proxybench.tables.benchmark import load

PAGE = Path(__file__).parents[1] / "docs" / "results" / "gbdt-nas-whole.csv"
COLUMNS = ("searcher", "seed", "queries", "seconds")
FLOOR = 85.0
SEARCHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "random": ("random", {}),
    "gbdt-nas": ("gbdt-nas", {"floor": FLOOR}),
    "mcts": ("mcts", {}),
    "evolution": ("evolution", {}),
    "gbdt-nas-s": ("gbdt-nas", {"floor": FLOOR, "pruning": "first"}),
}
PUBLISHED_RATIOS = {"random": 22, "evolution": 8, "mcts": 6}


class Cells:
    """What these searchers ask of a problem, from what `prepare` wrote."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            known = pickle.load(file)
        encoding, rows = known["choice_rows"]
        self.values: np.ndarray = known["values"]
        self.queried = np.zeros(len(self.values), dtype=bool)
        self._starts, self._others = known["neighbours"]
        self._known = {choice_rows: (encoding, rows), sorted_choices: known["sorted_choices"]}

    def __len__(self) -> int:
        return len(self.values)

    def cached(self, function: Callable[..., Any]) -> Any:
        return self._known[function]

    def neighbours(self, candidate: int) -> np.ndarray:
        """The neighbours that this run has not queried."""
        near = self._others[self._starts[candidate] : self._starts[candidate + 1]]
        return near[~self.queried[near]].tolist()


def prepare(path: Path) -> None:
    """Write the arrays that `Cells` reads; takes minutes."""
    problem = find_problem(load("nasbench101"), "cifar10", "test_acc@108")
    encoding, rows = choice_rows(problem)
    order, choices = sorted_choices(problem)
    known = {
        "values": problem.values,
        "choice_rows": (encoding, rows.astype(np.uint8)),
        "sorted_choices": (order.astype(np.int32), choices.astype(np.int16)),
        "neighbours": neighbour_table(problem.archs),
    }
    with path.open("wb") as file:
        pickle.dump(known, file)


def queries_to_the_best(cells: Cells, searcher: str, seed: int) -> int:
    """How many cells a run has queried when it reaches the best one."""
    name, options = SEARCHERS[searcher]
    cells.queried[:] = False
    search = make_searcher(name, cells, np.random.default_rng(seed), len(cells), **options)
    best, count = cells.values.max(), 0
    while True:
        query = search.ask()
        value = float(cells.values[query.candidate])
        if not cells.queried[query.candidate]:
            cells.queried[query.candidate] = True
            count += 1
        if value == best:
            return count
        search.tell(query, value)


def run(prepared: Path, path: Path, seconds: float, runs: int, first: int, searchers: list[str]) -> None:
    end = time.monotonic() + seconds
    cells = Cells(prepared)
    done = {(row["searcher"], int(row["seed"])) for row in recorded([path])}
    if not done:
        path.write_text(",".join(COLUMNS) + "\n")
    for seed, searcher in ((seed, searcher) for seed in range(first, runs) for searcher in searchers):
        if time.monotonic() > end:
            print("time is up; call again to go on")
            return
        if (searcher, seed) not in done:
            start = time.process_time()
            count = queries_to_the_best(cells, searcher, seed)
            with path.open("a") as file:
                file.write(f"{searcher},{seed},{count},{time.process_time() - start:.1f}\n")
    print("all done")


def recorded(paths: list[Path]) -> list[dict[str, str]]:
    """The rows of files, without those that do not exist."""
    return [row for path in paths if path.exists() for row in csv.DictReader(path.read_text().splitlines())]


def show(paths: list[Path]) -> None:
    order = list(SEARCHERS)
    rows = sorted(recorded(paths), key=lambda row: (order.index(row["searcher"]), int(row["seed"])))
    PAGE.write_text("\n".join([",".join(COLUMNS), *(",".join(row[name] for name in COLUMNS) for row in rows), ""]))
    found: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        found[row["searcher"]].append(int(row["queries"]))
    for searcher, queries in found.items():
        median, low, high = median_interval(np.array(queries, dtype=float))
        ratio = np.mean(queries) / np.mean(found["gbdt-nas"])
        print(
            f"{searcher:12s} {len(queries):4d} runs; mean {np.mean(queries):8.0f}, "
            f"median {median:8.0f} [{low}, {high}]; {ratio:5.2f} times gbdt-nas, "
            f"published {PUBLISHED_RATIOS.get(searcher, 1)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    forms = parser.add_subparsers(dest="form", required=True)
    form = forms.add_parser("prepare")
    form.add_argument("cells", type=Path)
    form = forms.add_parser("run")
    form.add_argument("cells", type=Path)
    form.add_argument("runs_file", type=Path)
    form.add_argument("seconds", type=float)
    form.add_argument("--runs", type=int, default=100)
    form.add_argument("--first", type=int, default=0)
    form.add_argument("--searchers", nargs="+", choices=SEARCHERS, default=list(SEARCHERS))
    form = forms.add_parser("show")
    form.add_argument("runs_files", type=Path, nargs="+")
    given = parser.parse_args()
    if given.form == "prepare":
        prepare(given.cells)
    elif given.form == "run":
        run(given.cells, given.runs_file, given.seconds, given.runs, given.first, given.searchers)
    else:
        show(given.runs_files)


if __name__ == "__main__":
    main()
