"""The tables of docs/results/one-shot.md: estimates with the weights of supernets against trainings of each cell.

From files in docs/results: one-shot.csv, gradients.csv and inherited-columns.csv, which experiments/one_shot.py,
gradient_variance.py and inherited_columns.py write; and from the records of published estimates in leaderboard/.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from statistics import mean

from board_csv import PAGES, Row, results, table, written

from proxybench.ranking.repeats import half_interval
from proxybench.records import Record

METHODS = {  # by name in one-shot.csv
    "spos": "`spos`: single paths drawn uniformly",
    "fairnas": "`fairnas`: every operation once a step",
    "few-shot": "`few-shot`: one edge split, six supernets",
    "gm": "`gm`: two edges split by gradients, four supernets",
    "gm-arbitrary": "`gm(by_gradients=false)`: two arbitrary splits",
    "pada": "`pada`: paths and images by gradient norms",
    "distinct": "`distinct`: without isomorphs",
}
OPTIONS = {  # in words: the name, and the statistics of batch normalisation
    "`spos`, 30 epochs": ("spos", "own"),
    "10 epochs": ("spos-10", "own"),
    "90 epochs": ("spos-90", "own"),
    "weights averaged over the last 5 epochs": ("spos-averaged", "own"),
    "no isomorphs drawn (`distinct`)": ("distinct", "own"),
    "statistics of the training (`own_statistics=False`)": ("spos", "shared"),
}
UNMEASURED = "not measured"


def measured(name: str) -> tuple[Row, ...]:
    """The rows of a file of docs/results; none if it is not measured yet."""
    return written(name) if (PAGES / f"{name}.csv").is_file() else ()


def _figures(name: str, column: str, by: str = "accuracy", statistics: str = "own") -> dict[str, float]:
    """A figure of a supernet by seed; empty if it is not measured."""
    return {
        row["seed"]: float(row[column])
        for row in measured("one-shot")
        if (row["name"], row["by"], row["statistics"]) == (name, by, statistics)
    }


def _mean(values: Sequence[float], digits: int = 3) -> str:
    """A mean, and half of its 95 % interval over seeds."""
    if not values:
        return UNMEASURED
    half = half_interval(list(values))
    return f"{mean(values):.{digits}f}" + ("" if half is None else f" ± {half:.{digits}f}")


def one_shot_methods() -> str:
    """How well each method's estimates agree with the test accuracies, and what they cost."""
    head = ["", "cells", "tau by accuracy", "tau by loss", "rho by loss", "P@5 %", "P@10 %", "P@20 %", "best of 10"]
    rows = []
    for name, words in METHODS.items():
        if not _figures(name, "kendall"):
            continue
        cells = [f"{min(_figures(name, 'cells').values()):.0f}"]
        cells += [_mean(list(_figures(name, "kendall", by).values())) for by in ("accuracy", "loss")]
        cells.append(_mean(list(_figures(name, "spearman", "loss").values())))
        cells += [
            _mean(list(_figures(name, f"precision_at_{share}_percent", "loss").values()), 2) for share in (5, 10, 20)
        ]
        rows.append([words, *cells, f"{mean(_figures(name, 'best_rank_at_10', 'loss').values()):.1f}"])
    return table(head, rows)


def one_shot_costs() -> str:
    """What each method's supernet and its 500 estimates cost."""
    head = ["", "paths trained", "training, minutes", "500 estimates, minutes", "peak memory, MB"]
    rows = []
    for name, words in METHODS.items():
        if _figures(name, "train_s"):
            minutes = [f"{mean(_figures(name, cost).values()) / 60:.1f}" for cost in ("train_s", "estimate_s")]
            paths, memory = (f"{mean(_figures(name, cost).values()):,.0f}" for cost in ("paths", "peak_mb"))
            rows.append([words, paths, *minutes, memory])
    return table(head, rows)


def one_shot_options() -> str:
    """What the options of the training and the estimate are worth, compared with SPOS on the same seeds."""
    head = ["", "tau by accuracy", "tau by loss", "P@5 % by loss", "tau by loss, compared with `spos`"]
    rows = []
    for words, (name, statistics) in OPTIONS.items():
        cells = [
            _mean(list(_figures(name, column, by, statistics).values()), digits)
            for column, by, digits in (
                ("kendall", "accuracy", 3),
                ("kendall", "loss", 3),
                ("precision_at_5_percent", "loss", 2),
            )
        ]
        gain = _difference(_figures(name, "kendall", "loss", statistics), _figures("spos", "kendall", "loss"))
        rows.append([words, *cells, "" if (name, statistics) == ("spos", "own") else gain.text])
    return table(head, rows)


class _Gain:
    """The mean of differences on the same seeds, and its 95 % interval."""

    def __init__(self, differences: Sequence[float], digits: int = 3) -> None:
        self.half = half_interval(list(differences)) if differences else None
        self.mean = mean(differences) if differences else 0.0
        self.measured = self.half is not None
        self.text = (
            f"{self.mean:+.{digits}f} [{self.mean - self.half:.{digits}f}, {self.mean + self.half:.{digits}f}]"
            if self.half is not None
            else UNMEASURED
        )

    @property
    def verdict(self) -> str:
        """Whether the difference is above 0, as claimed."""
        if self.half is None:
            return UNMEASURED
        if self.mean - self.half > 0:
            return "confirmed"
        return "not confirmed" if self.mean + self.half < 0 else "not decidable here"


def _difference(ours: dict[str, float], base: dict[str, float], digits: int = 3) -> _Gain:
    return _Gain([ours[seed] - base[seed] for seed in sorted(ours.keys() & base.keys())], digits)


def _better(name: str, base: str, column: str = "kendall", by: str = "loss") -> tuple[str, str]:
    """The figures of two supernets and the verdict on a claim that the first is better."""
    ours, theirs = _figures(name, column, by), _figures(base, column, by)
    gain = _difference(ours, theirs)
    if not gain.measured:
        return "", UNMEASURED
    return f"{mean(theirs.values()):.3f} → {mean(ours.values()):.3f}: {gain.text}", gain.verdict


def _by_loss() -> tuple[str, str]:
    by_loss, by_accuracy = (_figures("spos", "kendall", by) for by in ("loss", "accuracy"))
    gain = _difference(by_loss, by_accuracy)
    if not gain.measured:
        return "", UNMEASURED
    return f"{mean(by_accuracy.values()):.3f} → {mean(by_loss.values()):.3f}: {gain.text}", gain.verdict


def _own_statistics() -> tuple[str, str]:
    own, shared = (_figures("spos", "kendall", "loss", kind) for kind in ("own", "shared"))
    gain = _difference(own, shared)
    if not gain.measured:
        return "", UNMEASURED
    return f"{mean(shared.values()):.3f} → {mean(own.values()):.3f}: {gain.text}", gain.verdict


def _variance() -> tuple[str, str]:
    """The variance of gradients with PA&DA's draws on its weights, as a ratio of that of SPOS on its own."""
    variances = {(row["seed"], row["weights"], row["draws"]): float(row["variance"]) for row in measured("gradients")}
    seeds = sorted({seed for seed, _, _ in variances})
    ratios = [variances[seed, "pada", "pada"] / variances[seed, "spos", "spos"] for seed in seeds]
    draws = [variances[seed, "spos", "pada"] / variances[seed, "spos", "spos"] for seed in seeds]
    lower = _Gain([1 - ratio for ratio in ratios], 2)
    if not lower.measured:
        return "", UNMEASURED
    return (
        f"{mean(ratios):.2f} ± {lower.half:.2f} times the variance; {mean(draws):.2f} times with the weights of `spos`",
        lower.verdict,
    )


@cache
def _published(task: str) -> dict[str, Record]:
    return {record.method: record for record in results().records if record.task.name == task}


def _reproduced(task: str, metric: str, stated: dict[str, float], tolerance: float) -> tuple[str, str]:
    """Figures computed from published estimates, against what the publication states, by method."""
    found = [_published(task)[method].metrics[metric] for method in stated if method in _published(task)]
    computed = [value for value in found if value is not None]
    if len(computed) < len(stated):
        return "", UNMEASURED
    same = all(abs(ours - theirs) <= tolerance for ours, theirs in zip(computed, stated.values(), strict=True))
    texts = [" → ".join(map(str, stated.values())), " → ".join(f"{value:.4f}" for value in computed)]
    return f"{texts[0]} stated, {texts[1]} computed", "confirmed" if same else "not confirmed"


def _mixtures() -> tuple[str, str]:
    """Four supernets against one on the 36 pooling configurations, from the published estimates."""
    found = _published("resnet20-pooling-test")
    one, four = (found[f"oneshot:mixture-{models}"] for models in (1, 4))
    intervals = [record.intervals["kendall"] for record in (one, four)]
    texts = [
        f"{record.metrics['kendall']:.3f} [{low:.3f}, {high:.3f}]"
        for record, (low, high) in zip((one, four), intervals, strict=True)
    ]
    ends = intervals[0][1], intervals[1][0]
    apart = None not in ends and ends[0] < ends[1]
    return f"{texts[0]} → {texts[1]}", "confirmed" if apart else "not decidable here"


CLAIMS: dict[tuple[str, str], Callable[[], tuple[str, str]]] = {  # by who claims what
    ("few-shot NAS", "six supernets rank better than one: tau, our trainings"): lambda: _better("few-shot", "spos"),
    ("few-shot NAS", "the same, published estimates of all cells of NAS-Bench-201"): lambda: _reproduced(
        "nasbench201-cifar10-supernets", "kendall", {"oneshot:one-shot": 0.485, "oneshot:few-shot": 0.551}, 0.001
    ),
    ("GM", "splits by gradients rank better than arbitrary ones: tau"): lambda: _better("gm", "gm-arbitrary"),
    ("GM", "splits by gradients rank better than one supernet: tau"): lambda: _better("gm", "spos"),
    ("FairNAS", "strict fairness ranks better than uniform draws: tau"): lambda: _better("fairnas", "spos"),
    ("PA&DA", "gradients vary less than with uniform draws"): _variance,
    ("PA&DA", "ranks better than uniform draws: tau"): lambda: _better("pada", "spos"),
    ("Ning et al.", "without isomorphs more of the top is found: P@5 %"): lambda: _better(
        "distinct", "spos", "precision_at_5_percent"
    ),
    ("Ning et al.", "the loss ranks better than the accuracy: tau"): _by_loss,
    ("Ning et al.", "averaged weights rank better than the last: tau"): lambda: _better("spos-averaged", "spos"),
    ("Pourchot et al.", "statistics of each path rank better than shared ones: tau"): _own_statistics,
    ("Balanced Mixture", "four supernets rank the 36 poolings better than one: tau, published estimates"): _mixtures,
    ("BossNAS", "rho on NATS-Bench size, published losses of blocks"): lambda: _reproduced(
        "natsbench-size-supernets", "spearman", {"oneshot:bossnas": 0.73}, 0.005
    ),
    ("BossNAS", "rho on NATS-Bench size, a training of ours"): lambda: ("", UNMEASURED),
    ("Balanced Mixture", "four supernets rank the 36 poolings better than one: tau, trainings of ours"): lambda: (
        "",
        UNMEASURED,
    ),
    ("ShiftNAS", "less bias towards medium sizes than uniform draws"): lambda: ("", UNMEASURED),
    ("BigNAS", "less bias towards medium sizes than uniform draws"): lambda: ("", UNMEASURED),
    ("Mixture-of-Supernets", "a smaller gap to the accuracy of separate trainings"): lambda: ("", UNMEASURED),
}


def one_shot_claims() -> str:
    """Each claim with its figures here: confirmed, not confirmed, not decidable here, or not measured."""
    rows = []
    for (source, claim), judge in CLAIMS.items():
        figures, verdict = judge()
        rows.append([source, claim, figures, verdict])
    return table(["of", "claim", "figures here", "verdict"], rows)


def one_shot_published() -> str:
    """How well the estimates that others published agree with the accuracies, over all architectures and at the top."""
    rows = []
    for task in ("nasbench201-cifar10-supernets", "natsbench-size-supernets", "resnet20-pooling-test"):
        for method, record in _published(task).items():
            if record.kind == "one-shot":
                low, high = record.intervals["kendall"]
                top = [_fixed(record.metrics[name]) for name in ("kendall_top_20_percent", "precision_at_10_percent")]
                overall = f"{_fixed(record.metrics['kendall'])} [{_fixed(low)}, {_fixed(high)}]"
                size = f"{record.task.size:,}"
                name = method.removeprefix("oneshot:")
                rows.append(
                    [f"`{name}`", record.task.benchmark, size, overall, _fixed(record.metrics["spearman"]), *top]
                )
    return table(["estimate", "benchmark", "architectures", "tau", "rho", "tau in the top 20 %", "P@10 %"], rows)


def _fixed(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def one_shot_inherited() -> str:
    """What inherited accuracies and losses are worth as columns of `ensemble`, on the same splits."""
    rows = []
    for words, columns in (("the architecture alone", "training-free"), ("and all proxies", "all")):
        taus = {
            name: {row["split"]: float(row["tau"]) for row in measured("inherited-columns") if _is(row, columns, name)}
            for name in ("none", "one supernet", "all supernets")
        }
        gains = [_difference(taus[name], taus["none"]).text for name in ("one supernet", "all supernets")]
        rows.append([words, _mean(list(taus["none"].values())), *gains])
    return table(["columns", "without estimates", "with those of one supernet", "with those of all supernets"], rows)


def _is(row: Row, columns: str, inherited: str) -> bool:
    return (row["columns"], row["inherited"]) == (columns, inherited)
