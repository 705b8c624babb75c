"""Charts with a row for each method or benchmark: average ranks, a ranking, one method on every benchmark."""

from __future__ import annotations

from proxybench.leaderboard.page.chart_parts import TAU, chart, field, tooltip
from proxybench.leaderboard.page.heat_chart import Spec

RANK = "average rank (1 is the best)"


def ranks() -> Spec:
    """Average ranks with half of the critical difference on each side: if two bars do not overlap, the ranks differ.

    "marks" holds the critical difference itself, a line above the rows.
    """
    methods = field("label", "nominal", sort=None, axis={"labelLimit": 180})
    return chart(
        "Average rank of each method with its critical difference",
        None,
        encoding={"y": methods},
        layer=[
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 5, "opacity": 0.35, "strokeCap": "round"},
                "encoding": {
                    "x": field("low", "quantitative", RANK, scale={"zero": False, "nice": False}),
                    "x2": {"field": "high"},
                },
            },
            {
                "mark": {"type": "circle", "size": 80, "opacity": 1},
                "encoding": {
                    "x": field(
                        "rank",
                        "quantitative",
                        RANK,
                        axis={"tickMinStep": 1, "labelOverlap": "greedy", "labelFlush": False},
                    ),
                    "tooltip": tooltip(("label", "method"), ("rank", "average rank")),
                },
            },
            {
                "data": {"name": "marks"},
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "x": field("low", "quantitative", RANK),
                    "x2": {"field": "high"},
                    "y": {"value": -8},
                },
            },
            {
                "data": {"name": "marks"},
                "mark": {"type": "text", "align": "left", "dy": -8},
                "encoding": {"x": field("low", "quantitative", RANK), "y": {"value": -8}, "text": {"field": "text"}},
            },
        ],
    )


def ranking() -> Spec:
    """Tau of each method on a task with its interval; "marks" holds the noise ceiling of the target."""
    kind = field(
        "kind", "nominal", sort=None, legend={"orient": "top", "columns": 2, "labelLimit": 260, "symbolOpacity": 1}
    )
    hover = tooltip(("label", "method"), ("text", TAU), ("interval", "95 % interval"), ("rank", "rank"))
    return chart(
        "Kendall's tau of each method on the task, with 95 percent intervals",
        None,
        encoding={"y": field("label", "nominal", sort=None, axis={"labelLimit": 190, "title": None})},
        layer=[
            {
                "data": {"name": "marks"},
                "mark": {"type": "rule", "strokeDash": [4, 3]},
                "encoding": {
                    "x": field("value", "quantitative", TAU),
                    "y": None,
                    "tooltip": tooltip(("text", "line")),
                },
            },
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.4, "strokeCap": "round"},
                "encoding": {
                    "x": field("low", "quantitative", TAU),
                    "x2": {"field": "high"},
                    "color": kind,
                },
            },
            {
                "mark": {"type": "circle", "size": 60, "opacity": 1},
                "encoding": {
                    "x": field("value", "quantitative", TAU, axis={"orient": "top", "labelFlush": False}),
                    "color": kind,
                    "tooltip": hover,
                    "href": {"field": "href"},
                },
            },
        ],
    )


def profile() -> Spec:
    """Tau of one method on each benchmark; "marks" holds the other methods, as ticks."""
    place = field("place", "nominal", sort=None, axis={"labelLimit": 200, "title": None})
    hover = tooltip(("place", "benchmark"), ("text", TAU), ("interval", "95 % interval"), ("beats", "better than"))
    return chart(
        "Kendall's tau of the method on each benchmark, compared with the other methods",
        None,
        layer=[
            {
                "data": {"name": "marks"},
                "mark": {"type": "tick", "opacity": 0.35, "thickness": 1},
                "encoding": {
                    "x": field("value", "quantitative", TAU, axis={"orient": "top", "labelFlush": False}),
                    "y": place,
                    "tooltip": tooltip(("label", "method"), ("text", TAU)),
                },
            },
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.45, "strokeCap": "round"},
                "encoding": {"x": field("low", "quantitative", TAU), "x2": {"field": "high"}, "y": place},
            },
            {
                "mark": {"type": "circle", "size": 90, "opacity": 1},
                "encoding": {
                    "x": field("value", "quantitative", TAU),
                    "y": place,
                    "tooltip": hover,
                    "href": {"field": "href"},
                },
            },
        ],
    )
