"""Measures predictors by published protocols, next to the published figures.

    python experiments/predictor_figures.py run figures.csv --methods auto "gp(kernel=joint)" --splits 10
    python experiments/predictor_figures.py table figures.csv --out docs/results/predictors-reached.csv

`run` adds a row for each task, training size, method and split to the file and skips those it has. Methods learn the
training target of the task's first architectures in hash order, as in the leaderboard, and rank the test accuracy of
all others, or of `--scored` of them at random, which adds about .002 to the standard deviation of a figure. Seconds are
of processor time. `table` writes the mean of each figure over splits, with a 95 % interval (Student's t).
"""

from __future__ import annotations

import argparse
import csv
import fcntl
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictors.ranks import tau_b
from proxybench.evaluation.entrants import find_entrant, make_predictor
from proxybench.evaluation.evaluate import population
from proxybench.evaluation.splits import hash_split
from proxybench.evaluation.tasks import load_tasks
from proxybench.ranking.repeats import half_interval
from proxybench.tables.benchmark import load

NB101, NB201 = "nasbench101-predict-test", "nasbench201-{}-predict-all-columns"
CIFAR10, CIFAR100, IMAGENET = (NB201.format(name) for name in ("cifar10-valid", "cifar100", "imagenet16"))
_FORMER, _PINAT = "NN-Former, CVPR 2025", "PINAT, AAAI 2023"
# The best published Kendall's tau of the protocol, its source, and the figure to reach.
PUBLISHED: dict[tuple[str, int], tuple[str, str, str]] = {
    (NB101, 100): ("0.717", _PINAT, "0.78"),
    (NB101, 172): ("0.765", _FORMER, "0.805"),
    (NB101, 424): ("0.812", _PINAT, "0.835"),
    (NB101, 4236): ("0.877", _FORMER, "0.882"),
    (CIFAR10, 78): ("0.549", _PINAT, "0.82"),
    (CIFAR10, 156): ("0.804", _FORMER, "0.845"),
    (CIFAR10, 469): ("0.706", _PINAT, "0.87"),
    (CIFAR10, 781): ("0.761", _PINAT, "0.877"),
    (CIFAR10, 1563): ("0.890", _FORMER, "0.885"),
    (CIFAR100, 78): ("", "", "0.82"),
    (CIFAR100, 156): ("", "", "0.85"),
    (CIFAR100, 781): ("0.847", "VKDNW + GRAF at 1,024, CVPR 2025", "0.885"),
    (IMAGENET, 78): ("", "", "0.80"),
    (IMAGENET, 156): ("", "", "0.83"),
    (IMAGENET, 781): ("0.842", "VKDNW + GRAF at 1,024, CVPR 2025", "0.88"),
}
FIELDS = ("task", "n_train", "method", "split", "scored", "tau", "fit_s", "predict_s")
SUMMARY = ("task", "n_train", "method", "splits", "scored", "tau", "half", "fit_s", "published", "source", "reach")


def run(options: argparse.Namespace) -> None:
    """Measure what the file lacks."""
    for name in options.tasks:
        task = load_tasks()[name]
        sizes = options.sizes or [size for known, size in PUBLISHED if known == name] or list(task.sizes)
        jobs = [
            (split, size, method) for split in range(options.splits) for size in sizes for method in options.methods
        ]
        for (split, size, method), (batch, targets, rows) in _with_data(name, jobs, options):
            train, test = rows
            model = make_predictor(find_entrant(method), split)
            start = time.process_time()
            model.fit(batch[train], targets[0][train])
            fitted = time.process_time()
            predicted = model.predict(batch[test])
            values = [
                f"{tau_b(targets[1][test], predicted):.5f}",
                f"{fitted - start:.1f}",
                f"{time.process_time() - fitted:.1f}",
            ]
            _add(options.file, [name, size, method, split, len(test), *values])
            for line in getattr(model, "report_", []):
                print("   ", line)


def _with_data(name: str, jobs: list[tuple[int, int, str]], options: argparse.Namespace) -> Iterator[tuple]:
    """Each job that the file lacks, with the batch, training and test targets, and the positions of its split."""
    task = load_tasks()[name]
    data = None
    for split, size, method in jobs:
        if (name, str(size), method, str(split)) in _known(options.file):
            continue
        if data is None:
            bench = task.edition(load(task.benchmark))
            rows = task.rows(bench)
            digests = [bench.digests[row] for row in rows.tolist()]
            targets = [one.values(bench, task.dataset)[rows] for one in (task.train_target, task.target)]
            data = population(task), digests, targets, task.parts(bench)
        batch, digests, targets, parts = data
        found = hash_split(name, split, digests, size, task.n_test, *parts)
        yield (split, size, method), (batch, targets, (found.train, _some(found.test, options.scored, split)))


def _some(test: NDArray[np.int64], count: int, split: int) -> NDArray[np.int64]:
    """At most `count` of the positions, drawn at random; all for 0."""
    if not 0 < count < len(test):
        return test
    return np.sort(np.random.default_rng(split).permutation(test)[:count])


def _known(file: Path) -> set[tuple[str, ...]]:
    return {tuple(row[field] for field in FIELDS[:4]) for row in _rows(file)}


def _rows(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened, FIELDS))


def _add(file: Path, values: list[object]) -> None:
    """Append a row; several processes may share the file."""
    with file.open("a", newline="") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        csv.writer(opened, lineterminator="\n").writerow(values)
    print(*values, flush=True)


def table(options: argparse.Namespace) -> None:
    """Summarise the file."""
    groups: dict[tuple[str, int, str, int], list[dict[str, str]]] = defaultdict(list)
    for row in _rows(options.file):
        groups[row["task"], int(row["n_train"]), row["method"], int(row["scored"])].append(row)
    lines = []
    for (task, size, method, scored), rows in sorted(groups.items()):
        taus = [float(row["tau"]) for row in rows]
        half = half_interval(taus)
        seconds = np.mean([float(row["fit_s"]) for row in rows])
        figures = [f"{np.mean(taus):.3f}", "" if half is None else f"{half:.3f}", f"{seconds:.0f}"]
        published = PUBLISHED.get((task, size), ("", "", ""))
        lines.append([task, size, method, len(rows), scored, *figures, *published])
    with options.out.open("w", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerows([SUMMARY, *lines])


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run")
    running.add_argument("file", type=Path)
    running.add_argument("--tasks", nargs="+", default=[NB101, CIFAR10, CIFAR100, IMAGENET])
    running.add_argument("--sizes", nargs="+", type=int, default=[])
    running.add_argument("--methods", nargs="+", default=["auto"])
    running.add_argument("--splits", type=int, default=10)
    running.add_argument("--scored", type=int, default=0, help="architectures that are scored; 0 for all")
    running.set_defaults(do=run)
    summarising = commands.add_parser("table")
    summarising.add_argument("file", type=Path)
    summarising.add_argument("--out", type=Path, default=Path("predictors-reached.csv"))
    summarising.set_defaults(do=table)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
