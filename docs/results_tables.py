"""Writes the tables of docs/results from the committed records and CSV files; none is typed by hand.

The files are those of leaderboard/, and the CSV files of docs/results, which scripts of experiments/ write.

    python docs/results_tables.py

A page holds a table between `<!-- table: NAME -->` and `<!-- end of table -->`; its content is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from statistics import fmean

from board_csv import PAGES, Row, read, results, table
from board_tables import board_benchmarks, board_labels, board_proxies, board_top
from experiment_tables import (
    calibration,
    gbdt_nas_whole,
    predictors_reached,
    proxies_reached,
    robot_new_ranks,
    robot_new_tables,
)
from one_shot_tables import (
    one_shot_claims,
    one_shot_costs,
    one_shot_inherited,
    one_shot_methods,
    one_shot_options,
    one_shot_published,
)
from ranking_costs import ranking_front, write_picture

from proxybench.evaluation.suites import suite_tasks
from proxybench.results import Results
from proxybench.tables.sources.registry import load_registry

_TABLE = re.compile(r"(<!-- table: ([a-z0-9-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)

NB201 = [78, 156, 469, 781, 1563]
NB101 = [100, 172, 424, 4236]
NB201_TASKS = {
    "CIFAR-10": "nasbench201-cifar10-predict-all-columns",
    "CIFAR-100": "nasbench201-cifar100-predict-all-columns",
    "ImageNet16-120": "nasbench201-imagenet16-predict-all-columns",
}
PUBLISHED = {
    "NAS-Bench-201, CIFAR-10": "nasbench201-cifar10-test",
    "NAS-Bench-201, ImageNet16-120": "nasbench201-imagenet16-test",
    "TransNAS-Bench-101 micro, scenes": "transnas101-micro-class_scene",
    "TransNAS-Bench-101 micro, jigsaw": "transnas101-micro-jigsaw",
    "NAS-Bench-101, 292 cells": "nasbench101-suite-zero-val",
}
TRAINED = {
    load_registry().benchmark(task.benchmark).title.partition(" trained by ")[0]: task.benchmark
    for task in suite_tasks("trained")
}
PARTS = {
    "squared error": "",
    "DiffKendall (`loss=diffkendall`)": "loss=diffkendall",
    "pairwise hinge (`loss=hinge`)": "loss=hinge",
    "ListMLE (`loss=listmle`)": "loss=listmle",
    "a perceptron instead of the mixer (`mixing=mlp`)": "mixing=mlp",
    "no Bayesian layers (`bayesian=false`)": "bayesian=false",
    "no node statistics, only their sums (`segment=0`)": "segment=0",
}
ROBOT = [
    "robot",
    "robot refit=false",
    "robot operations=false",
    "robot climb=false",
    "robot proposals=mixed",
    "robot-paper",
    "robot-paper proposals=random",
    "ranking metrics=best in hindsight",
    "gp",
    "bananas",
    "guided every=5",
    "guided acquisition=greedy every=5 predictor=gin[members=1,min_steps=60]",
    "local",
    "mcts",
    "evolution",
]


def label(row: Row) -> str:
    """The method of a row with its parameters, as `Results` names it: `gbdt(columns=false)`."""
    if not row["params"]:
        return row["method"]
    given = [f"{key}={_plain(value)}" for key, value in json.loads(row["params"]).items()]
    return f"{row['method']}({', '.join(given)})"


def _plain(value: object) -> str:
    return json.dumps(value) if isinstance(value, (bool, int, float)) or value == "" else str(value)


def tau_of(task: str, method: str, size: int) -> str:
    """Kendall's tau-b and the half of its 95 % interval over splits, of a method with `size` training architectures."""
    for row in read(task):
        if label(row) == method and row["n_train"] == str(size) and row["kendall_tau_b_low_over_splits"]:
            low, high = float(row["kendall_tau_b_low_over_splits"]), float(row["kendall_tau_b_high_over_splits"])
            return f"{float(row['kendall_tau_b']):.3f} ± {(high - low) / 2:.3f}"
    return ""


@cache
def on_task(task: str) -> Results:
    """The records of one task."""
    return Results(record for record in results().records if record.task.name == task)


@cache
def gains_of(task: str, method: str, base: str) -> dict[int, str]:
    """By training size, the mean difference in tau-b between two methods on the same splits, and its 95 % interval."""
    if not {method, base} <= methods_on(task):
        return {}
    return {
        row["n_train"]: f"{row['difference']:+.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        for row in on_task(task).compare(method, base).to_dict("records")
        if row["splits"] > 2
    }


@cache
def methods_on(task: str) -> frozenset[str]:
    """The methods that have records on a task, with their parameters."""
    return frozenset(on_task(task).frame()["method"])


def gain_of(task: str, method: str, base: str, size: int) -> str:
    """`gains_of` for one training size; empty if there is no difference."""
    return gains_of(task, method, base).get(size, "")


def scores_of_proxies(tasks: dict[str, str]) -> str:
    """Kendall's tau-b of every proxy, cost and control on tasks without a training part.

    The best is first, by the mean difference from a column's mean: not every method has a figure in every column.
    """
    taus: dict[str, dict[str, float]] = {}
    for column, task in tasks.items():
        for row in read(task):
            if row["kendall_tau_b"]:
                taus.setdefault(label(row).replace("@proxybench", " (ours)"), {})[column] = float(row["kendall_tau_b"])
    complete = {name: found for name, found in taus.items() if len(found) > 1}
    means = {column: fmean(found[column] for found in complete.values() if column in found) for column in tasks}
    ranked = sorted(complete, key=lambda name: -fmean(tau - means[at] for at, tau in complete[name].items()))
    cells = [[f"{taus[name][column]:.3f}" if column in taus[name] else "" for column in tasks] for name in ranked]
    return table(["", *tasks], [[f"`{name}`", *row] for name, row in zip(ranked, cells, strict=True)])


def proxies_published() -> str:
    """Tau-b of published scores on published tables."""
    return scores_of_proxies(PUBLISHED)


def proxies_trained() -> str:
    """Tau-b of this project's scores on the tables that come with the project."""
    found = scores_of_proxies({name: f"{task}-test" for name, task in TRAINED.items()})
    return found.replace(" (ours)", "")


def by_size(rows: dict[str, tuple[str, str]], sizes: Sequence[int], corner: str) -> str:
    """Tau-b with intervals, a row for each (task, method), a column for each training size."""
    cells = ([name, *(tau_of(task, method, size) for size in sizes)] for name, (task, method) in rows.items())
    return table([corner, *(f"{size:,}" for size in sizes)], cells)


def predictors_nasbench201() -> str:
    """`ensemble` on three data sets."""
    return by_size({name: (task, "ensemble") for name, task in NB201_TASKS.items()}, NB201, "cells trained on")


def predictors_parts() -> str:
    """What graph and columns contribute on NAS-Bench-201, CIFAR-10."""
    task = NB201_TASKS["CIFAR-10"]
    rows = {
        "`ensemble`, graph and columns": (task, "ensemble"),
        "`gbdt`, graph and columns": (task, "gbdt"),
        "`gbdt(columns=false)`, the graph alone": (task, "gbdt(columns=false)"),
        "`gbdt(encodings=columns)`, columns alone": (task, "gbdt(encodings=columns)"),
        "`parzc`": (task, "parzc"),
    }
    return by_size(rows, NB201, "cells trained on")


def predictors_nasbench101() -> str:
    """Predictors on NAS-Bench-101 with all columns."""
    methods = {
        "`ensemble(graphs=2)`": "ensemble(graphs=2)",
        "`gbdt`, graph and columns": "gbdt",
        "`gbdt(columns=false)`, the graph alone": "gbdt(columns=false)",
        "`gbdt(encodings=columns)`, columns alone": "gbdt(encodings=columns)",
        "`parzc`": "parzc",
    }
    rows = {name: ("nasbench101-predict-all-columns", method) for name, method in methods.items()}
    return by_size(rows, NB101, "cells trained on")


def predictors_trained() -> str:
    """Mean rank and tau-b of every predictor on the tables that come with the project."""
    rows = read("suite-trained-predictors")
    pools = sorted({row["pool"] for row in rows if row["n_train"] != "0"}, key=lambda pool: int(pool.split()[-1]))
    found = []
    for pool in pools:
        for row in rows:
            if row["pool"] == pool and row["average_rank"]:
                tau = f"{float(row['kendall_tau_b']):.3f}" if row["kendall_tau_b"] else ""
                found.append([pool.split()[-1], f"`{label(row)}`", row["average_rank"], tau, row["compared_on"]])
    return table(["trained on", "method", "mean rank", "mean tau-b", "tasks"], found)


def parzc_against() -> str:
    """How far others are ahead of ParZC, split by split."""
    rows = []
    tasks = {**{f"NAS-Bench-201, {name}": task for name, task in NB201_TASKS.items()}}
    tasks["NAS-Bench-101"] = "nasbench101-predict-all-columns"
    tasks |= {f"ours, {name}": f"{task}-predict-all-columns" for name, task in TRAINED.items()}
    for name, task in tasks.items():
        for size in sorted({int(row["n_train"]) for row in read(task)}):
            tau = tau_of(task, "parzc", size)
            gains = [gain_of(task, other, "parzc", size) for other in ("gbdt", "ensemble", "ensemble(graphs=2)")]
            if tau:
                rows.append([name, f"{size:,}", tau, *gains])
    return table(["table", "trained on", "`parzc`", "`gbdt`", "`ensemble`", "`ensemble(graphs=2)`"], rows)


def parzc_parts() -> str:
    """What a change of ParZC gains or costs, on five tables."""
    columns = {
        "NAS-Bench-201, 156": (NB201_TASKS["CIFAR-10"], 156),
        "NAS-Bench-101, 172": ("nasbench101-predict-all-columns", 172),
        "our NAS-Bench-201, 200": ("trained-nasbench201-predict-all-columns", 200),
        "our NAS-Bench-101, 200": ("trained-nasbench101-predict-all-columns", 200),
        "our DARTS, 200": ("trained-nds-darts-predict-all-columns", 200),
    }
    rows = [["`parzc`, squared error", *(tau_of(task, "parzc", size) for task, size in columns.values())]]
    changes = {name: f"parzc({setting})" for name, setting in PARTS.items() if setting}
    changes["node statistics alone"] = 'parzc(encoding="", totals=false)'
    changes["LightGBM on statistics of the nodes"] = "gbdt(encodings=nodes)"
    changes["LightGBM on sums over nodes"] = "gbdt(encodings=totals)"
    for name, method in changes.items():
        rows.append([name, *(gain_of(task, method, "parzc", size) for task, size in columns.values())])
    return table(["", *columns], rows)


def robot_verdicts() -> str:
    """On how many problems a searcher is significantly better and worse than random search and random weights."""
    rows = []
    for name in ROBOT:
        cells = []
        for budget in ("20", "100"):
            for base in ("random", "robot-paper proposals=random"):
                found = [
                    row[f"verdict vs {base}"]
                    for row in read("searches")
                    if row["searcher"] == name and row["budget"] == budget and row[f"verdict vs {base}"]
                ]
                cells.append(f"{found.count('better')} / {found.count('worse')} of {len(found)}" if found else "")
        rows.append([f"`{name}`", *cells])
    head = ["", "random search, 20", "random weights, 20", "random search, 100", "random weights, 100"]
    return table(head, rows)


def search_ranks() -> str:
    """The median rank of what each searcher returns after 100 trainings, for each problem."""
    names = ["random", "evolution", "local", "gp", "bananas", "robot"]
    problems: dict[str, dict[str, str]] = {}
    for row in read("searches"):
        if row["budget"] == "100" and row["searcher"] in names and "(" not in row["problem"]:
            problems.setdefault(row["problem"], {})[row["searcher"]] = f"{float(row['median_rank']):g}"
    rows = [[problem, *(found.get(name, "") for name in names)] for problem, found in problems.items()]
    return table(["problem", *(f"`{name}`" for name in names)], rows)


def search_generated() -> str:
    """Mean regret of searchers whose candidates a diffusion model proposes, after 100 trainings."""
    names = ["diffusion near=false", "diffusion", "bananas", "gp", "evolution", "random"]
    problems: dict[str, dict[str, str]] = {}
    for row in read("searches"):
        if row["budget"] == "100" and row["searcher"] in names:
            regret = float(row["optimum"]) - float(row["value_mean"])
            problems.setdefault(row["problem"], {})[row["searcher"]] = f"{regret:.2f} ({row['runs']})"
    chosen = {problem: found for problem, found in problems.items() if "diffusion" in found}
    rows = [[problem, *(found.get(name, "") for name in names)] for problem, found in chosen.items()]
    return table(["problem", *(f"`{name}`" for name in names)], rows)


def generation() -> str:
    """True ranks of generated cells."""
    rows = [
        [
            f"`{row['method']}`",
            f"{int(row['calls']):,}",
            f"{float(row['mean_rank']):,.0f} ± {float(row['half']):.0f}",
            f"{float(row['mean_rank_percent']):.1f} %",
            f"{float(row['median']):.2f}",
            f"{float(row['best_of_ten_median']):.2f}",
            row["note"],
        ]
        for row in read("generation")
    ]
    return table(["method", "predictions", "mean rank", "of all", "median accuracy", "best of ten", "what it is"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "board-benchmarks": board_benchmarks,
    "board-proxies": board_proxies,
    "board-top": board_top,
    "board-labels": board_labels,
    "predictors-reached": predictors_reached,
    "one-shot-claims": one_shot_claims,
    "one-shot-costs": one_shot_costs,
    "one-shot-inherited": one_shot_inherited,
    "one-shot-methods": one_shot_methods,
    "one-shot-options": one_shot_options,
    "one-shot-published": one_shot_published,
    "proxies-published": proxies_published,
    "proxies-reached": proxies_reached,
    "proxies-trained": proxies_trained,
    "predictors-nasbench201": predictors_nasbench201,
    "predictors-parts": predictors_parts,
    "predictors-nasbench101": predictors_nasbench101,
    "predictors-trained": predictors_trained,
    "ranking-front": ranking_front,
    "parzc-against": parzc_against,
    "parzc-parts": parzc_parts,
    "robot-verdicts": robot_verdicts,
    "search-ranks": search_ranks,
    "search-generated": search_generated,
    "gbdt-nas-whole": gbdt_nas_whole,
    "robot-new-tables": robot_new_tables,
    "robot-new-ranks": robot_new_ranks,
    "calibration": calibration,
    "generation": generation,
}


def with_tables(text: str) -> str:
    """A page with its tables made again. Raises KeyError for a table that this script does not know."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", text)


def main() -> None:
    """Rewrite the tables of all pages, and the picture."""
    for path in sorted(PAGES.glob("*.md")):
        path.write_text(with_tables(path.read_text()))
    write_picture()


if __name__ == "__main__":
    main()
