"""The tables of docs/results/search.md and generation.md."""

from __future__ import annotations

from collections import defaultdict
from statistics import mean

from board_csv import read, table, written

from proxybench.ranking.repeats import half_interval
from proxybench.search.experiments.summary import median_interval

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
PUBLISHED_RATIOS = {"random": "22", "evolution": "8", "mcts": "6"}
CELLS = 423_624
RIVALS = {
    "random": "random search",
    "robot-paper proposals=random": "random weights",
    "ranking metrics=best in hindsight": "best metric in hindsight",
    "evolution": "evolution",
    "gp": "Gaussian process",
}


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
