"""Kendall's tau of rankings against the processor time that they cost, from docs/results/ranking-costs.csv."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from board_csv import PAGES, Row, table, written

from proxybench.leaderboard.page.heat_chart import Spec
from proxybench.leaderboard.page.pictures import GRID, INK, QUIET, draw, is_current, picture

FILE = "ranking-costs"  # written by experiments/ranking_costs.py
PICTURE = PAGES / "ranking-costs.svg"
WIDTH, HEIGHT = 760, 430  # pixels
LOWEST = 0.0  # tau; rankings below are not shown
CROWDED = 1.1  # a ranking of the front has no name if a better one costs less than this many times as much
COLOURS = {
    "zero-cost proxy": "#0b57a4",
    "one-shot": "#8a6d00",
    "predictor": "#b4500b",
    "early stopping": "#1a7a3c",
    "training": "#545c66",
}


def ranking_front() -> str:
    """The Pareto front: rankings that are better than all that cost no more, cheapest first."""
    rows = []
    for row in front():
        name = f"`{row['method']}`" + (f" trained on {row['trained']} cells" if row["family"] == "predictor" else "")
        tau = f"{float(row['tau']):.3f} [{float(row['low']):.3f}, {float(row['high']):.3f}]"
        rows.append([row["family"], name, f"{float(row['seconds']) / 60:.2g}", tau])
    return table(["", "ranking", "processor minutes", "tau"], rows)


def front() -> list[Row]:
    """The rankings of the Pareto front."""
    chosen: list[Row] = []
    for row in sorted(written(FILE), key=lambda row: (float(row["seconds"]), -float(row["tau"]))):
        if not chosen or float(row["tau"]) > float(chosen[-1]["tau"]):
            chosen.append(row)
    return chosen


def specification() -> Spec:
    """A dot for each ranking with its interval, in the colour of its family, and the Pareto front as a line."""
    values = [_dot(row) for row in written(FILE) if float(row["tau"]) >= LOWEST]
    best = [_dot(row) for row in front() if float(row["tau"]) >= LOWEST]
    for one, better in pairwise(best):
        if better["minutes"] < CROWDED * one["minutes"]:
            one["label"] = ""
    x = {
        "field": "minutes",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [0.2, 60], "nice": False},
        "axis": {"title": "processor minutes for all 500 cells, one core", "gridColor": GRID, "labelColor": QUIET},
    }
    y = {
        "field": "tau",
        "type": "quantitative",
        "scale": {"domain": [LOWEST, 0.85]},
        "axis": {"title": "Kendall's tau-b with the test accuracy", "gridColor": GRID, "labelColor": QUIET},
    }
    colour = {
        "field": "family",
        "type": "nominal",
        "scale": {"domain": list(COLOURS), "range": list(COLOURS.values())},
    }
    interval = {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": best},
            "mark": {"type": "line", "interpolate": "step-after", "color": QUIET, "strokeDash": [4, 3]},
            "encoding": {"x": x, "y": y},
        },
        {
            "mark": {"type": "rule", "opacity": 0.35, "clip": True},
            "encoding": {"x": x, **interval, "color": colour},
        },
        {"mark": {"type": "point", "filled": True, "size": 42}, "encoding": {"x": x, "y": y, "color": colour}},
        {
            "data": {"values": best},
            "mark": {"type": "text", "align": "right", "baseline": "bottom", "dx": -5, "dy": -3, "color": INK},
            "encoding": {"x": x, "y": y, "text": {"field": "label"}},
        },
    ]
    names = ", ".join(COLOURS)
    return picture(
        f"Kendall's tau against processor minutes of rankings of 500 cells: {names}; the Pareto front is marked",
        "Cells of trained-nasbench201. Lines: 95 percent intervals, over architectures for proxies, otherwise over "
        "seeds or splits. Dashed: the Pareto front.",
        width=WIDTH,
        height=HEIGHT,
        data={"values": values},
        layer=layers,
    )


def write_picture() -> None:
    """Draw the picture again if it is not that of the file."""
    spec = specification()
    if not PICTURE.is_file() or not is_current(PICTURE.read_bytes(), spec):
        PICTURE.write_bytes(draw(spec))


def _dot(row: dict[str, str]) -> dict[str, Any]:
    label = row["method"] + (f" ({row['trained']})" if row["family"] == "predictor" else "")
    figures = {name: round(max(float(row[name]), LOWEST), 4) for name in ("tau", "low", "high")}
    minutes = round(float(row["seconds"]) / 60, 3)
    return {"family": row["family"], "label": label, "minutes": minutes, **figures}
