"""The heat map as a Vega-Lite view: squares with numbers, the methods to the left and the benchmarks above."""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
NEGATIVE, NEUTRAL, POSITIVE = "#c2570c", "#f3f4f2", "#1d5fa6"
ON_STRONG, ON_PALE = "#ffffff", "#000000"  # numbers on strong and on pale squares
LIMIT = 0.8  # tau of the strongest colours
STRONG = 0.66  # from here on, white numbers have the larger contrast; on negative squares black ones always have


def heat_view(*, linked: bool, row_step: int = 18, column_step: int = 44) -> Spec:
    """The view of one section. The caller adds the domains of x and y, and filters the rows.

    Args:
        linked: whether squares and names are links, to the addresses in `href`, `row_href` and `column_href`.
        row_step: height of a row in pixels.
        column_step: width of a column in pixels.
    """
    x: Spec = {"field": "column", "type": "nominal", "axis": None, "scale": {"paddingInner": 0.04}}
    y: Spec = {"field": "row", "type": "nominal", "axis": None, "scale": {"paddingInner": 0.06}}
    hover = [
        {"field": name, "title": title}
        for name, title in (
            ("row", "method"),
            ("column", "benchmark"),
            ("exact", "mean"),
            ("interval", "95 % interval"),
            ("on", "on"),
            ("by", "scores"),
        )
    ]

    def link(name: str) -> Spec:
        return {"href": {"field": name}} if linked else {}

    colour = {
        "field": "value",
        "type": "quantitative",
        "legend": None,
        "scale": {
            "domain": [-LIMIT, 0, LIMIT],
            "range": [NEGATIVE, NEUTRAL, POSITIVE],
            "clamp": True,
            "interpolate": "rgb",
        },
    }
    number = {"condition": {"test": f"datum.value > {STRONG}", "value": ON_STRONG}, "value": ON_PALE}
    row_names = {"type": "text", "align": "right", "baseline": "middle", "x": -6, "limit": 170}
    column_names = {"type": "text", "align": "left", "baseline": "middle", "y": -6, "angle": -45, "limit": 170}
    return {
        "width": {"step": column_step},
        "height": {"step": row_step},
        "encoding": {"x": x, "y": y},
        "layer": [
            {
                "mark": {"type": "rect", "cornerRadius": 2},
                "encoding": {"color": colour, **({"tooltip": hover} if linked else {}), **link("href")},
            },
            {
                "mark": {"type": "text", "fontSize": 10},
                "encoding": {
                    "text": {"field": "text"},
                    "color": number,
                    **({"tooltip": hover} if linked else {}),
                    **link("href"),
                },
            },
            {
                "transform": [{"aggregate": [_first("row_href")], "groupby": ["row"]}],
                "mark": row_names,
                "encoding": {"x": None, "text": {"field": "row"}, **link("row_href")},
            },
            {
                "transform": [{"aggregate": [_first("column_href")], "groupby": ["column"]}],
                "mark": column_names,
                "encoding": {"y": None, "text": {"field": "column"}, **link("column_href")},
            },
        ],
    }


def _first(name: str) -> Spec:
    return {"op": "min", "field": name, "as": name}
