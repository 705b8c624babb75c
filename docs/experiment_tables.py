"""The tables of docs/results whose figures are in CSV files next to the pages, written by scripts of experiments/."""

from __future__ import annotations

from collections import defaultdict
from statistics import mean

from board_csv import table, written

from proxybench.ranking.repeats import half_interval
from proxybench.search.experiments.summary import median_interval

PUBLISHED_RATIOS = {"random": "22", "evolution": "8", "mcts": "6"}
CELLS = 423_624
RIVALS = {
    "random": "random search",
    "robot-paper proposals=random": "random weights",
    "ranking metrics=best in hindsight": "best metric in hindsight",
    "evolution": "evolution",
    "gp": "Gaussian process",
}

PROTOCOLS = {
    "nasbench101-predict-test": "NAS-Bench-101",
    "nasbench201-cifar10-valid-predict-all-columns": "NAS-Bench-201, CIFAR-10",
    "nasbench201-cifar100-predict-all-columns": "NAS-Bench-201, CIFAR-100",
    "nasbench201-imagenet16-predict-all-columns": "NAS-Bench-201, ImageNet16-120",
}


def proxies_reached() -> str:
    """Kendall's tau of our proxies on NAS-Bench-201 at the published size, and the published figures."""
    rows = [
        [
            f"`{row['proxy']}`",
            row["published"],
            f"{row['tau']} [{row['low']}, {row['high']}]",
            row["functions"],
            row["source"],
        ]
        for row in written("reached")
    ]
    return table(["", "published", "reached, 95 % interval", "functions", "published by"], rows)


def predictors_reached() -> str:
    """Predictors by published protocols, next to the best published figure."""
    rows = [
        [
            PROTOCOLS[row["task"]],
            f"{int(row['n_train']):,}",
            f"`{row['method']}`",
            f"{row['tau']} ± {row['half']}" if row["half"] else row["tau"],
            row["splits"],
            f"{int(row['scored']):,}",
            row["fit_s"],
            f"{row['published']}, {row['source']}" if row["published"] else "",
        ]
        for row in written("predictors-reached")
    ]
    head = ["", "trained on", "method", "tau-b", "splits", "scored", "fit, s of one core", "best published"]
    return table(head, rows)


def gbdt_nas_whole() -> str:
    """Cells queried until the best of NAS-Bench-101 is found."""
    queries: defaultdict[str, list[float]] = defaultdict(list)
    for row in written("gbdt-nas-whole"):
        queries[row["searcher"]].append(float(row["queries"]))
    own = mean(queries["gbdt-nas"])
    rows = []
    for name, found in queries.items():
        median, low, high = median_interval(found)  # type: ignore[arg-type]
        limits = "" if low is None else f" [{low:,.0f}, {high:,.0f}]"
        half = half_interval(found)
        average = f"{mean(found):,.0f}" + ("" if half is None else f" ± {half:,.0f}")
        ratio = f"{mean(found) / own:.1f}"
        rows.append(
            [f"`{name}`", str(len(found)), average, f"{median:,.0f}{limits}", ratio, PUBLISHED_RATIOS.get(name, "")]
        )
    expected = (CELLS + 1) / 2
    rows.append(["random, exactly", "", f"{expected:,.0f}", f"{expected:,.0f}", f"{expected / own:.1f}", "22"])
    return table(["", "runs", "mean queries", "median queries", "mean over `gbdt-nas`", "published"], rows)


def robot_new_tables() -> str:
    """On how many problems RoBoT is significantly better and worse than another searcher."""
    rows = []
    for budget in ("20", "100"):
        for searcher, name in RIVALS.items():
            found = [
                row
                for row in written("robot-new-tables")
                if row["searcher"] == searcher and row["budget"] == budget and row["robot_is"]
            ]
            if found:
                verdicts = [row["robot_is"] for row in found]
                wins = mean(float(row["robot_wins"]) for row in found)
                seeds = "-".join(dict.fromkeys(str(pick(int(row["runs"]) for row in found)) for pick in (min, max)))
                counts = f"{verdicts.count('better')} / {verdicts.count('worse')} of {len(found)}"
                rows.append([budget, name, counts, f"{wins:.0%}", seeds])
    return table(["trainings", "against", "better / worse", "seeds won, ties half", "seeds"], rows)


def robot_new_ranks() -> str:
    """The median rank of what each searcher returns, with 20 and with 100 trainings."""
    names = ["robot", *RIVALS]
    found: defaultdict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    for row in written("robot-new-tables"):
        found[f"{row['problem']} ({int(row['candidates']):,})"][row["searcher"], row["budget"]] = row["median_rank"]
    rows = []
    for problem, ranks in found.items():
        cells = [[_rank(ranks.get((name, budget))) for budget in ("20", "100")] for name in names]
        rows.append([problem, *(" / ".join(pair) if any(pair) else "" for pair in cells)])
    return table(["problem (candidates)", "`robot`", *RIVALS.values()], rows)


def _rank(text: str | None) -> str:
    return "" if text is None else f"{float(text):,g}"


def calibration() -> str:
    """What intervals cover on held-out architectures."""
    rows = []
    for row in written("calibration"):
        if row["intervals"] not in ("calibrated", "conformal"):
            continue
        name = f"{row['task'].removesuffix('-predict')}, {row['n_train']}"
        shares = [f"{100 * float(row[column]):.0f}" for column in ("covered_50%", "covered_80%", "covered_95%")]
        rows.append([name, f"`{row['method']}`", row["intervals"], *shares, f"{float(row['width_80%']):.2f}"])
    return table(["table, trained on", "", "intervals", "50 %", "80 %", "95 %", "width of 80 %"], rows)
