"""Measures searches on NAS-Bench-201: a run of RoBoT, and what a step of each searcher costs.

    python tests/bench/bench_search.py [SEEDS]
    python tests/bench/bench_search.py compare RUNS.jsonl SECONDS [--seeds 200] [--budgets 20 100] [--entries NAME ...]
        [--problems 4]
    python tests/bench/bench_search.py verdict RUNS.jsonl ... [--csv FILE] [--folder leaderboard] [--name compared]
        [--beside SEARCHER ...]

`compare` is the large comparison: it spends SECONDS on what RUNS.jsonl does not hold yet; several processes may share
the file. `--entries guided` and `--entries graph` stand for the learned searchers, which cost most of all.
`verdict` says on how many problems each searcher is significantly better than random search and than RoBoT's random
weights (or the searchers that --beside names), and writes a row for each searcher and problem to FILE, and what the
leaderboard shows to FOLDER/searches.

The first form: processor time of one thread, 20 queries a run, CIFAR-10 validation accuracy after 12 epochs, 6,466
candidates. What is shared by all runs on a problem (parsing, normalised metrics) is paid before. Fails where 200 runs
of RoBoT, default or published, would take more than 60 s on two cores.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import proxybench as pb
from proxybench.jobs.journal import Journal
from proxybench.leaderboard.searches.records import SEARCHES, write_searches
from proxybench.leaderboard.searches.verdicts import BASELINES, compared, searches_csv, totals, verdict_lines
from proxybench.search import find_problem, make_searcher, run
from proxybench.search.experiments.comparison import BUDGETS, ENTRIES, GRAPH, GUIDED, compare, settings
from proxybench.search.experiments.experiment import ConfiguredSearcher
from proxybench.search.experiments.run_groups import read_groups
from proxybench.search.experiments.summary import searched_problems

BUDGET, RUNS, CORES, NEEDED_S = 20, 200, 2, 60.0
MEASURED = ("robot", "robot-paper")
OTHERS = ("random", "evolution", "local", "mcts", "ranking", "robot(proposals=mixed)", "gp", "bananas")
SHORT = {"guided": GUIDED, "graph": GRAPH}


def seconds_of_a_run(problem, text: str, seeds: int) -> float:
    entry = ConfiguredSearcher.parse(text)
    start = 0.0
    for seed in range(-1, seeds):  # one run before the clock starts
        if seed == 0:
            start = time.process_time()
        searcher = make_searcher(entry.name, problem, np.random.default_rng(seed + 1), BUDGET, **entry.arguments)
        run(searcher, problem, BUDGET)
    return (time.process_time() - start) / seeds


def measure(seeds: int) -> None:
    problem = find_problem(pb.load("nasbench201"), "cifar10", "val_acc@12", "test_acc@200")
    slow = []
    for text in MEASURED:
        seconds = seconds_of_a_run(problem, text, seeds)
        total = seconds * RUNS / CORES
        print(f"{text:26s} {1000 * seconds:8.1f} ms a run; {RUNS} on {CORES} cores {total:.1f} s, allowed {NEEDED_S:g}")
        slow += [text] if total > NEEDED_S else []
    for text in OTHERS:
        seconds = seconds_of_a_run(problem, text, max(2, seeds // 5))
        print(f"{text:26s} {1000 * seconds:8.1f} ms a run, {1000 * seconds / BUDGET:6.2f} ms a query")
    sys.exit(f"too slow: {', '.join(slow)}" if slow else 0)


def comparison(
    runs: Path, seconds: float, seeds: int, budgets: list[int], entries: list[str], problems: int | None
) -> None:
    chosen = [name for text in entries for name in SHORT.get(text, (text,))] or list(ENTRIES)
    journal = Journal(runs)
    start = time.process_time()
    done = compare(journal, settings()[:problems], entries=chosen, budgets=budgets, seeds=seeds, seconds=seconds)
    spent = time.process_time() - start
    state = "all done" if done else "call again to go on"
    print(f"{len(journal.cells())} blocks of runs recorded, {spent:.0f} s of a processor; {state}")


def verdict(runs: list[Path], table: Path | None, folder: Path | None, name: str, beside: list[str]) -> None:
    problems = searched_problems(read_groups(runs))
    print("\n".join(verdict_lines(totals(compared(problems, beside or BASELINES)))))
    if table is not None:
        table.write_bytes(searches_csv(problems))
    if folder is not None:
        path = write_searches(folder / SEARCHES / f"{name}.jsonl", problems)
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB; run: proxybench leaderboard build --folder {folder}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    forms = parser.add_subparsers(dest="form", required=True)
    form = forms.add_parser("compare")
    form.add_argument("runs", type=Path)
    form.add_argument("seconds", type=float)
    form.add_argument("--seeds", type=int, default=200)
    form.add_argument("--budgets", type=int, nargs="*", default=BUDGETS)
    form.add_argument("--entries", nargs="*", default=[])
    form.add_argument("--problems", type=int, help="the first of the problems only")
    form = forms.add_parser("verdict")
    form.add_argument("runs", type=Path, nargs="+")
    form.add_argument("--csv", type=Path)
    form.add_argument("--folder", type=Path)
    form.add_argument("--name", default="compared")
    form.add_argument("--beside", nargs="+", default=[])
    given = parser.parse_args()
    if given.form == "compare":
        comparison(given.runs, given.seconds, given.seeds, given.budgets, given.entries, given.problems)
    else:
        verdict(given.runs, given.csv, given.folder, given.name, given.beside)


if __name__ == "__main__" and (len(sys.argv) < 2 or sys.argv[1].isdigit()):
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
elif __name__ == "__main__":
    main()
