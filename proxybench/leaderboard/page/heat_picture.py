"""The heat map as a picture for documents: proxies, and predictors trained on about 100 architectures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from proxybench.leaderboard.page.facts import Facts
from proxybench.leaderboard.page.heat import Heat, Row, heats_of
from proxybench.leaderboard.page.heat_chart import STRONG, Spec, heat_view
from proxybench.leaderboard.page.pictures import picture
from proxybench.leaderboard.ranks.entries import Entry
from proxybench.leaderboard.ranks.pools import GUESTS

HEAT = "heatmap.svg"
SHOWN = {("proxies", 0): "zero-cost proxies", ("predictors", 100): "predictors, trained on about 100 architectures"}
FEWEST = 3  # methods in a column


def heat_picture(entries: Sequence[Entry], suites: Mapping[str, Iterable[str]]) -> Spec | None:
    """The picture; None if there is no heat map to draw."""
    heats = [heat for heat in heats_of(entries, suites, Facts()) if (heat.group, heat.n) in SHOWN]
    views = [view for heat in heats if (view := _view(heat)) is not None]
    if not views:
        return None
    return picture(
        "Kendall's tau of zero-cost proxies and of predictors, methods by benchmarks",
        "Kendall's tau-b with the accuracy, mean over the tasks of a benchmark. *: on part of the tasks or of the "
        "architectures. †: scores stored by the benchmark's publishers.",
        hconcat=views,
        spacing=40,
    )


def _view(heat: Heat) -> Spec | None:
    rows = [row for row in heat.rows if not row.variant]
    columns = [
        name for name in heat.columns if sum(name in row.cells and row.kind not in GUESTS for row in rows) >= FEWEST
    ]
    rows = [row for row in rows if any(name in row.cells for name in columns)]
    if not columns or not rows:
        return None
    view = heat_view(linked=False)
    view["encoding"]["x"]["scale"]["domain"] = columns
    view["encoding"]["y"]["scale"]["domain"] = [row.name for row in rows]
    title = {"text": SHOWN[heat.group, heat.n], "anchor": "start", "fontSize": 12, "offset": 8}
    return {**view, "title": title, "data": {"values": [value for row in rows for value in _values(row, columns)]}}


def _values(row: Row, columns: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "row": row.name,
            "column": name,
            "value": float(f"{cell.value:.3f}"),
            "text": f"{cell.value:z.2f}{'' if cell.same else '*'}{'' if cell.ours else '†'}",
            "strong": abs(cell.value) > STRONG,
            "row_href": "",
            "column_href": "",
        }
        for name in columns
        if (cell := row.cells.get(name))
    ]
