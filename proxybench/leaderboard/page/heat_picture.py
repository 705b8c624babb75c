"""The heat map as a picture for documents: proxies, and predictors trained on about 100 architectures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from proxybench.leaderboard.page.facts import SECTIONS, Facts
from proxybench.leaderboard.page.heat import Heat, Row, heats_of
from proxybench.leaderboard.page.heat_chart import Spec, heat_view
from proxybench.leaderboard.page.pictures import picture
from proxybench.leaderboard.ranks.entries import Entry
from proxybench.leaderboard.ranks.pools import GUESTS

HEAT = "heatmap.svg"
SHOWN = {("proxies", 0): "Zero-cost proxies", ("predictors", 100): "Predictors, trained on about 100"}
FEWEST = 3  # methods in a column
NAMES, LETTER, LINE = 8, 4.4, 14  # pixels: above the names of columns, a letter at 45 degrees, a line of a heading


def heat_picture(entries: Sequence[Entry], suites: Mapping[str, Iterable[str]]) -> Spec | None:
    """The picture; None if there is no heat map to draw."""
    facts = Facts()
    heats = [heat for heat in heats_of(entries, suites, facts) if (heat.group, heat.n) in SHOWN]
    longest = max((len(name) for heat in heats for name in _columns(heat)), default=0)
    views = [view for heat in heats for view in _views(heat, facts, NAMES + LINE + LETTER * longest)]
    if not views:
        return None
    return picture(
        "Kendall's tau of zero-cost proxies and of predictors, methods by benchmarks",
        "Kendall's tau-b with the accuracy, mean over the tasks of a benchmark. *: on part of the tasks or of the "
        "architectures. †: scores stored by the benchmark's publishers.",
        hconcat=views,
        spacing=24,
        bounds="full",
    )


def _columns(heat: Heat) -> list[str]:
    """The benchmarks with enough methods."""
    hosts = [row for row in heat.rows if not row.variant and row.kind not in GUESTS]
    return [name for name in heat.columns if sum(name in row.cells for row in hosts) >= FEWEST]


def _views(heat: Heat, facts: Facts, above: float) -> list[Spec]:
    """A view for each section, with the same rows; the headings stand `above` pixels above the squares."""
    columns = _columns(heat)
    rows = [row for row in heat.rows if not row.variant]
    rows = [row for row in rows if sum(name in row.cells for name in columns) > (1 if len(columns) > 2 else 0)]
    views: list[Spec] = []
    for section in dict.fromkeys(facts.section(name) for name in columns):
        shown = [name for name in columns if facts.section(name) == section]
        view = heat_view(linked=False)
        view["encoding"]["x"]["scale"]["domain"] = shown
        view["encoding"]["y"]["scale"]["domain"] = [row.name for row in rows]
        (names,) = [layer for layer in view["layer"] if layer["encoding"].get("text") == {"field": "row"}]
        if views:
            view["layer"].remove(names)
        names["data"] = {"values": [{"row": row.name, "row_href": ""} for row in rows]}
        view["layer"].append(_heading("" if views else SHOWN[heat.group, heat.n], -above - LINE, "bold"))
        view["layer"].append(_heading(SECTIONS[section], -above, "normal"))
        views.append({**view, "data": {"values": [value for row in rows for value in _values(row, shown)]}})
    return views


def _heading(text: str, y: float, weight: str) -> Spec:
    mark = {"type": "text", "align": "left", "fontSize": 12, "fontWeight": weight, "text": text, "x": 0, "y": y}
    return {"data": {"values": [{}]}, "mark": mark, "encoding": {"x": None, "y": None}}


def _values(row: Row, columns: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "row": row.name,
            "column": name,
            "value": float(f"{cell.value:.3f}"),
            "text": f"{cell.value:z.2f}{'' if cell.same else '*'}{'' if cell.ours else '†'}",
            "row_href": "",
            "column_href": "",
        }
        for name in columns
        if (cell := row.cells.get(name))
    ]
