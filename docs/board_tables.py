"""The tables of docs/results/board.md: what the leaderboard says about training-free methods, and about labels."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from statistics import mean

from board_csv import BOARD, read, table

SUFFIX = "-full-size"
CHANCE, COSTS = "random", ("flops", "params")
OF_TRANSFORMERS = (
    *("auto_prox_a", "auto_prox_p", "dss", "head_confidence", "head_importance", "head_softmax_confidence"),
    *("l2_norm", "lpzero", "w_pca"),
)
LABELS = {  # a population whose proxies this project computed, and the task that trains on validation accuracies there
    "nasbench201-cifar10-1000": "nasbench201-cifar10-predict-all-columns",
    "nasbench101-2000": "nasbench101-predict-all-columns",
    "trained-nasbench101-test": "trained-nasbench101-predict-curve",
    "trained-nasbench201-test": "trained-nasbench201-predict-curve",
}
ONE_SHOT = "one-shot"  # trained supernets, which are another family


@cache
def full_size_tasks() -> dict[str, list[str]]:
    """The tasks with scores of networks at their published size, by benchmark."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(BOARD.glob(f"*{SUFFIX}.csv")):
        if not path.stem.startswith("suite-"):
            found[read(path.stem)[0]["benchmark"]].append(path.stem)
    return dict(found)


def ours(task: str, column: str = "kendall_tau_b") -> dict[str, float]:
    """A figure of this project's scores on a task, by proxy; without scores that others stored."""
    return {
        row["method"]: float(row[column])
        for row in read(task)
        if row[column] and row["kind"] != ONE_SHOT and "@" not in row["method"]
    }


def _by_benchmark() -> dict[str, dict[str, float]]:
    """Means over a benchmark's tasks, of methods that have all of them."""
    found = {}
    for benchmark, tasks in full_size_tasks().items():
        figures = [ours(task) for task in tasks]
        names = set.intersection(*(set(one) for one in figures))
        found[benchmark] = {name: mean(one[name] for one in figures) for name in names}
    return found


def board_benchmarks() -> str:
    """By benchmark: how many architectures, the best proxy, FLOPs, how many proxies are ahead of FLOPs or useless."""
    lines = []
    for benchmark, taus in _by_benchmark().items():
        tasks = full_size_tasks()[benchmark]
        proxies = {name: tau for name, tau in taus.items() if name not in (CHANCE, *COSTS)}
        best = max(proxies, key=lambda name: (proxies[name], name))
        lows = [ours(task, "kendall_tau_b_low_over_architectures") for task in tasks]
        helpless = sum(all(low.get(name, 0.0) <= 0 for low in lows) for name in proxies)
        costs = [f"{taus[name]:.2f}" if name in taus else "constant" for name in COSTS]
        ahead = sum(tau > taus["flops"] for tau in proxies.values())
        size = read(tasks[0])[0]["population_size"]
        lines.append(
            [
                benchmark,
                size,
                str(len(tasks)),
                f"`{best}` {proxies[best]:.2f}",
                *costs,
                f"{ahead} of {len(proxies)}",
                f"{helpless} of {len(proxies)}",
            ]
        )
    head = ["", "architectures", "tasks", "best proxy", "`flops`", "`params`", "ahead of `flops`", "not above 0"]
    return table(head, lines)


def board_proxies() -> str:
    """The ten best training-free methods by mean tau over benchmarks, and how far they fall."""
    benchmarks = _by_benchmark()
    names = set.intersection(*(set(taus) for taus in benchmarks.values()))
    over_all = {name: [taus[name] for taus in benchmarks.values()] for name in names}
    ranked = sorted(names, key=lambda name: (-mean(over_all[name]), name))
    rows = []
    for name in [*ranked[:10], CHANCE]:
        worst = min(benchmarks, key=lambda benchmark: benchmarks[benchmark][name])
        ahead = sum(taus[name] > taus["flops"] for taus in benchmarks.values())
        rows.append(
            [
                f"`{name}`",
                f"{mean(over_all[name]):.2f}",
                f"{benchmarks[worst][name]:.2f} ({worst})",
                f"{ahead} of {len(benchmarks)}",
            ]
        )
    return table(["", "mean tau over benchmarks", "worst", "ahead of `flops` on"], rows)


def board_transformers() -> str:
    """Proxies made for transformers, and those that need no pass, on the benchmarks of vision transformers."""
    benchmarks = {name: taus for name, taus in _by_benchmark().items() if name.startswith("vit-bench")}
    names = [name for name in (*COSTS, *OF_TRANSFORMERS) if all(name in taus for taus in benchmarks.values())]
    ranked = sorted(names, key=lambda name: -mean(taus[name] for taus in benchmarks.values()))
    return table(
        ["", *benchmarks], [[f"`{name}`", *(f"{taus[name]:.2f}" for taus in benchmarks.values())] for name in ranked]
    )


def board_top() -> str:
    """Tau of the best methods of NAS-Bench-201 over all, and within the true top 20 percent."""
    tasks = full_size_tasks()["nasbench201"]
    whole = [ours(task) for task in tasks]
    top = [ours(task, "kendall_top_20_percent") for task in tasks]
    names = set.intersection(*(set(one) for one in (*whole, *top)))
    taus = {name: mean(one[name] for one in whole) for name in names}
    ranked = sorted(names, key=lambda name: (-taus[name], name))[:8]
    rows = [[f"`{name}`", f"{taus[name]:.2f}", f"{mean(one[name] for one in top):.2f}"] for name in ranked]
    return table(["", "all", "true top 20 %"], rows)


def board_labels() -> str:
    """The smallest recorded number of labels with which `gbdt` is ahead of every proxy, by the features it reads."""
    rows = []
    for population, task in LABELS.items():
        scores = {
            name.removesuffix("@proxybench"): tau
            for name, tau in _taus(population).items()
            if name.partition("@")[0] != CHANCE
        }
        best = max(scores, key=lambda name: (scores[name], name))
        for kind in ('{"columns":false}', ""):
            by_size = _sizes(task, "gbdt", kind)
            ahead = [size for size, tau in by_size.items() if tau > scores[best]]
            name = "`gbdt`, the graph alone" if kind else "`gbdt`, with columns"
            if by_size:
                smallest = min(ahead) if ahead else max(by_size)
                shown = f"{smallest:,}" if ahead else f"more than {smallest:,}"
                rows.append([population, f"`{best}` {scores[best]:.2f}", name, shown, f"{by_size[smallest]:.2f}"])
    return table(["", "best proxy", "predictor", "labels", "its tau"], rows)


def _taus(task: str) -> dict[str, float]:
    return {row["method"]: float(row["kendall_tau_b"]) for row in read(task) if row["kendall_tau_b"]}


def _sizes(task: str, method: str, params: str) -> dict[int, float]:
    return {
        int(row["n_train"]): float(row["kendall_tau_b"])
        for row in read(task)
        if row["method"] == method and re.sub(r"\s", "", row["params"]) == params and row["kendall_tau_b"]
    }
