"""The large comparison of searchers on all tables, and its verdict.

    python experiments/searches.py compare RUNS.jsonl SECONDS [--seeds 200] [--budgets 20 100] [--searchers NAME ...]
        [--benchmarks NAME ...]
    python experiments/searches.py verdict RUNS.jsonl ... [--csv FILE] [--folder leaderboard] [--name compared]
        [--baselines SEARCHER ...]

`compare` spends SECONDS on runs that RUNS.jsonl does not hold yet; several processes may share the file.
`--searchers guided` and `--searchers graph` stand for the learned searchers, which are the slowest.
`verdict` says on how many problems each searcher is significantly better than random search and than RoBoT's random
weights, or than the searchers that --baselines names. It writes a row for each searcher and problem to FILE, and the
results that the leaderboard shows to FOLDER/searches/NAME.jsonl, where other problems and searchers stay.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from proxybench.jobs.journal import Journal
from proxybench.leaderboard.searches.records import SEARCHES, merge_searches
from proxybench.leaderboard.searches.verdicts import BASELINES, searcher_tests, searches_csv, totals, verdict_lines
from proxybench.search.experiments.comparison import BUDGETS, COMPARED, GRAPH, GUIDED, compare, settings
from proxybench.search.experiments.experiment import TableSearch
from proxybench.search.experiments.run_groups import read_groups
from proxybench.search.experiments.summary import searched_problems

SHORT = {"guided": GUIDED, "graph": GRAPH}


def comparison(
    runs: Path, seconds: float, seeds: int, budgets: list[int], searchers: list[str], benchmarks: list[str]
) -> None:
    chosen = [name for text in searchers for name in SHORT.get(text, (text,))] or list(COMPARED)
    journal = Journal(runs)
    start = time.process_time()
    searched = [TableSearch(setting) for setting in settings() if setting.benchmark in benchmarks or not benchmarks]
    done = compare(journal, searched, searchers=chosen, budgets=budgets, seeds=seeds, seconds=seconds)
    spent = time.process_time() - start
    state = "all done" if done else "call again to go on"
    print(f"{len(journal.recorded())} blocks of runs recorded, {spent:.0f} s of a processor; {state}")


def verdict(runs: list[Path], table: Path | None, folder: Path | None, name: str, baselines: list[str]) -> None:
    problems = searched_problems(read_groups(runs))
    print("\n".join(verdict_lines(totals(searcher_tests(problems, baselines or BASELINES)))))
    if table is not None:
        table.write_bytes(searches_csv(problems))
    if folder is not None:
        path = merge_searches(folder / SEARCHES / f"{name}.jsonl", problems)
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB; run: proxybench leaderboard build --folder {folder}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    forms = parser.add_subparsers(dest="form", required=True)
    form = forms.add_parser("compare")
    form.add_argument("runs", type=Path)
    form.add_argument("seconds", type=float)
    form.add_argument("--seeds", type=int, default=200)
    form.add_argument("--budgets", type=int, nargs="*", default=BUDGETS)
    form.add_argument("--searchers", nargs="*", default=[])
    form.add_argument("--benchmarks", nargs="*", default=[], help="the problems of these benchmarks only")
    form = forms.add_parser("verdict")
    form.add_argument("runs", type=Path, nargs="+")
    form.add_argument("--csv", type=Path)
    form.add_argument("--folder", type=Path)
    form.add_argument("--name", default="compared")
    form.add_argument("--baselines", nargs="+", default=[])
    given = parser.parse_args()
    if given.form == "compare":
        comparison(given.runs, given.seconds, given.seeds, given.budgets, given.searchers, given.benchmarks)
    else:
        verdict(given.runs, given.csv, given.folder, given.name, given.baselines)


if __name__ == "__main__":
    main()
