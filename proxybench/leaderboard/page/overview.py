"""Pictures of the leaderboard: Kendall's tau of every method on a few tables.

There is a panel for each data set of a benchmark and a row for each method; dots have 95 percent intervals.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxybench.leaderboard.page.heat_chart import Spec
from proxybench.leaderboard.page.pictures import GRID, INK, QUIET, picture
from proxybench.leaderboard.page.rounding import rounded
from proxybench.leaderboard.ranks.entries import Entry

PICTURES = {  # by file: the suite whose tasks are ranked without training, and the one whose tasks have a training part
    "overview.svg": ("networks", "predictors-full"),
    "overview-trained.svg": ("trained", "trained-predictors"),
}
OWN = "@proxybench"  # all scores of these suites are this project's
MOST_TRAINED_ON = 1000  # architectures; a picture shows predictors where labels are few
WIDTH, LABELS, ROW, GAP, VALUE, NUMBER = 960, 160, 15, 26, 34, 24  # pixels
DIGITS = 4  # significant digits of a value, less than a pixel, so that equal records give equal specifications
COLOURS = {
    "training-free": "#0b57a4",
    "training-free with labels": "#6a3d9a",
    "cost": "#545c66",
    "control": "#9aa0a6",
    "one-shot": "#8a6d00",
    "predictor": "#b4500b",
    "search": "#1a7a3c",
}


@dataclass(frozen=True)
class Row:
    """A method: its entries by panel, in the order of their training sizes."""

    label: str
    kind: str
    entries: dict[str, list[Entry]]

    @property
    def mean(self) -> float:
        """Mean tau over the panels, of the entries with the largest training size; rows are sorted by it."""
        taus = [tau.mean for found in self.entries.values() if (tau := found[-1].metric("kendall"))]
        return math.fsum(taus) / len(taus) if taus else -math.inf


@dataclass(frozen=True)
class _Panel:
    """The name, size and scale of a panel, and the noise ceiling of its target."""

    name: str
    width: float
    lowest: float
    ceiling: float | None

    @property
    def ticks(self) -> list[float]:
        """Multiples of a fifth, or of a half where a panel is too narrow for so many numbers."""
        per_unit = 5 if self.width / (1 - self.lowest) / 5 >= NUMBER else 2
        return [step / per_unit for step in range(math.ceil(self.lowest * per_unit), per_unit + 1)]


def overview(ranked: Sequence[Entry], learned: Sequence[Entry]) -> Spec:
    """The picture.

    Args:
        ranked: entries of tasks on which nothing is trained; where a proxy was computed by this project, scores that
            others stored are not shown.
        learned: entries of tasks with a training part; of these the methods that learn are shown where they are
            ranked on the same data sets, with their default arguments and at most MOST_TRAINED_ON architectures: at
            the largest training size, with smaller ones as hollow dots.
    """
    ranked = _one_source(ranked)
    known = {panel_of(entry) for entry in ranked}
    trained = [
        entry
        for entry in learned
        if 0 < entry.trained_on <= MOST_TRAINED_ON and entry.params == "{}" and panel_of(entry) in known
    ]
    sections = [("without training", rows_of(ranked))]
    if trained:
        sizes = ", ".join(map(str, sorted({entry.trained_on for entry in trained})))
        sections.append((f"trained on {sizes}", rows_of(trained)))
    panels = _panels(ranked, trained)
    kinds = {row.kind for _, rows in sections for row in rows}
    colours = {kind: colour for kind, colour in COLOURS.items() if kind in kinds}
    views = [
        _view(panel, title, rows, colours, first=place == 0, last=place == len(sections) - 1, labelled=number == 0)
        for place, (title, rows) in enumerate(sections)
        for number, panel in enumerate(panels)
    ]
    names = ", ".join(panel.name for panel in panels)
    return picture(
        f"Kendall's tau of each method on {names}, with 95 percent intervals",
        "Kendall's tau-b with the target. Lines: 95 percent intervals, over architectures, for predictors over splits. "
        "Hollow: smaller training sizes. *: some architectures were not tried.",
        concat=views,
        columns=len(panels),
        bounds="flush",
        spacing={"row": 2 * ROW, "column": GAP + VALUE},
        resolve={"scale": {"color": "shared"}},
    )


def _one_source(entries: Sequence[Entry]) -> list[Entry]:
    """The entries without scores of others by a proxy that this project has computed too."""
    ours = {entry.label for entry in entries if entry.label.endswith(OWN)}
    return [entry for entry in entries if f"{entry.label}{OWN}" not in ours]


def panel_of(entry: Entry) -> str:
    """The name of the panel that shows an entry: benchmark and data set."""
    return f"{entry.task.benchmark} {entry.task.dataset}"


def rows_of(entries: Iterable[Entry]) -> list[Row]:
    """Methods that have a value, best mean first."""
    rows: dict[str, Row] = {}
    for entry in sorted(entries, key=lambda entry: (entry.trained_on, entry.task.name)):
        if entry.metric("kendall"):
            row = rows.setdefault(entry.label, Row(entry.label, entry.kind, {}))
            row.entries.setdefault(panel_of(entry), []).append(entry)
    return sorted(rows.values(), key=lambda row: (-row.mean, row.label))


def _panels(ranked: Sequence[Entry], trained: Sequence[Entry]) -> list[_Panel]:
    entries = [*ranked, *trained]
    names = sorted({panel_of(entry) for entry in entries})
    lows = [tau.mean if tau.low is None else tau.low for entry in entries if (tau := entry.metric("kendall"))]
    lowest = min(0.0, math.floor(min(lows, default=0.0) * 5) / 5)
    width = (WIDTH - LABELS) / max(len(names), 1) - GAP - VALUE
    ceilings = {
        panel_of(entry): rounded(found.mean, DIGITS) for entry in ranked if (found := entry.metric("noise_ceiling"))
    }
    return [_Panel(name, width, lowest, ceilings.get(name)) for name in names]


def _view(
    panel: _Panel,
    title: str,
    rows: Sequence[Row],
    colours: Mapping[str, str],
    *,
    first: bool,
    last: bool,
    labelled: bool,
) -> Spec:
    """A panel of a section; the first section has the benchmark's name, the last one the axis."""
    names = [_shown(row) for row in rows]
    values = [value for row in rows for value in _values(panel, row)]
    above = {"titleAngle": 0, "titleAlign": "right", "titleAnchor": "start", "titleX": -8, "titleY": -8}
    y_axis = {"title": title, "titleColor": INK, "titleFontWeight": "bold", **above, "labelLimit": LABELS}
    x_axis = {
        "values": panel.ticks,
        "format": ".1f",
        "labels": last,
        "title": None,
        "labelColor": QUIET,
        "labelFlush": False,
    }
    x_axis |= {"grid": True, "gridColor": {"condition": {"test": "datum.value == 0", "value": QUIET}, "value": GRID}}
    return {
        "width": panel.width,
        "height": ROW * len(rows),
        "data": {"values": values},
        "encoding": {
            "y": {
                "field": "method",
                "type": "nominal",
                "scale": {"domain": names},
                "axis": y_axis if labelled else None,
            }
        },
        "layer": [*(_heading(panel) if first else []), *_ceiling(panel, named=first), *_marks(panel, x_axis, colours)],
    }


def _shown(row: Row) -> str:
    complete = all(found[-1].complete for found in row.entries.values())
    return row.label.replace(OWN, "") + ("" if complete else " *")


def _values(panel: _Panel, row: Row) -> list[dict[str, Any]]:
    """The dots of a row in a panel, the filled one last; ends of intervals stay within the panel."""
    taus = [tau for entry in row.entries.get(panel.name, []) if (tau := entry.metric("kendall"))]
    return [
        {
            "method": _shown(row),
            "kind": row.kind,
            "tau": rounded(tau.mean, DIGITS),
            "low": None if tau.low is None else rounded(max(tau.low, panel.lowest), DIGITS),
            "high": None if tau.high is None else rounded(min(tau.high, 1.0), DIGITS),
            "text": f"{tau.mean:z.2f}",
            "largest": tau is taus[-1],
        }
        for tau in taus
    ]


def _heading(panel: _Panel) -> list[Spec]:
    mark = {"type": "text", "text": panel.name, "fontWeight": "bold"}
    at = {"x": {"value": panel.width / 2}, "y": {"value": -22}}
    return [{"data": {"values": [{}]}, "mark": mark, "encoding": at}]


def _ceiling(panel: _Panel, *, named: bool) -> list[Spec]:
    """A dashed line where the noise of the target limits tau."""
    if panel.ceiling is None:
        return []
    at = {"x": {"datum": panel.ceiling, "type": "quantitative"}}
    own: Spec = {"data": {"values": [{}]}}
    line = {**own, "mark": {"type": "rule", "strokeDash": [4, 3], "stroke": INK}, "encoding": {**at, "y": None}}
    name = {"mark": {"type": "text", "text": "noise ceiling", "fill": QUIET}, "encoding": {**at, "y": {"value": -7}}}
    return [line, {**own, **name}] if named else [line]


def _marks(panel: _Panel, axis: Spec, colours: Mapping[str, str]) -> list[Spec]:
    scale = {"domain": [panel.lowest, 1], "nice": False}
    x = {"field": "tau", "type": "quantitative", "scale": scale, "axis": axis}
    colour: Spec = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": list(colours), "range": list(colours.values())},
    }
    colour["legend"] = {"symbolType": "circle", "symbolOpacity": 1, "symbolSize": 36}
    largest, smaller = {"filter": "datum.largest"}, {"filter": "!datum.largest"}
    return [
        {
            "transform": [largest, {"filter": "isValid(datum.low)"}],
            "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.45},
            "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": colour},
        },
        {
            "transform": [smaller],
            "mark": {"type": "point", "filled": False, "size": 18, "strokeWidth": 1, "opacity": 1, "fill": "white"},
            "encoding": {"x": x, "color": colour},
        },
        {
            "transform": [largest],
            "mark": {"type": "circle", "size": 36, "opacity": 1},
            "encoding": {"x": x, "color": colour},
        },
        {
            "transform": [largest],
            "mark": {"type": "text", "align": "right", "fill": QUIET},
            "encoding": {"x": {"value": panel.width + VALUE}, "text": {"field": "text"}},
        },
    ]
