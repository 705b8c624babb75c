"""The charts of the page, as Vega-Lite specifications.

They have no data and no colours: the page adds both, and the height of those with a row for each method. Each reads the
data set "rows", and some a second one, "marks". All fields have fixed names, so that a method's name is always a
value. The heat map, which is also a picture for documents, has a module of its own.
"""

from __future__ import annotations

from typing import Any

from proxybench.leaderboard.page.heat_chart import SCHEMA, Spec, heat_view

TAU = "Kendall's tau-b"


def charts() -> dict[str, Spec]:
    """Specifications by the id of the figure in the page."""
    return {
        "heat": {"$schema": SCHEMA, "description": "Methods by benchmarks", "concat": [heat_view(linked=True)]},
        "ranks": _ranks(),
        "ranking": _ranking(),
        "profile": _profile(),
        "cost": _cost(),
        "trend": _trend(),
        "scatter": _scatter(),
        "correlation": _correlation(),
        "search": _search(),
        "generated": _generated(),
    }


def _chart(description: str, height: int | None, **parts: Any) -> Spec:
    return {
        "$schema": SCHEMA,
        "description": description,
        "width": "container",
        **({} if height is None else {"height": height}),
        "data": {"name": "rows"},
        **parts,
    }


def _field(name: str, kind: str, title: str | None = None, **more: Any) -> Spec:
    return {"field": name, "type": kind, "title": title, **more}


def _tooltip(*fields: tuple[str, str]) -> list[Spec]:
    """Fields with their titles; numbers to four significant digits."""
    return [{"field": name, "title": title} for name, title in fields]


def _ranks() -> Spec:
    """Average ranks with half of the critical difference on each side: if two bars do not overlap, the ranks differ."""
    methods = _field("label", "nominal", sort=None, axis={"labelLimit": 180})
    return _chart(
        "Average rank of each method with its critical difference",
        None,
        encoding={"y": methods},
        layer=[
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 5, "opacity": 0.35, "strokeCap": "round"},
                "encoding": {
                    "x": _field(
                        "low", "quantitative", "average rank (1 is the best)", scale={"zero": False, "nice": False}
                    ),
                    "x2": {"field": "high"},
                },
            },
            {
                "mark": {"type": "circle", "size": 80, "opacity": 1},
                "encoding": {
                    "x": _field("rank", "quantitative", "average rank (1 is the best)", axis={"tickMinStep": 1}),
                    "tooltip": _tooltip(("label", "method"), ("rank", "average rank")),
                },
            },
        ],
    )


def _ranking() -> Spec:
    """Tau of each method on a task with its interval; "marks" holds the noise ceiling of the target."""
    kind = _field("kind", "nominal", sort=None, legend={"orient": "top", "labelLimit": 260, "symbolOpacity": 1})
    hover = _tooltip(("label", "method"), ("text", TAU), ("interval", "95 % interval"), ("rank", "rank"))
    return _chart(
        "Kendall's tau of each method on the task, with 95 percent intervals",
        None,
        encoding={"y": _field("label", "nominal", sort=None, axis={"labelLimit": 190, "title": None})},
        layer=[
            {
                "data": {"name": "marks"},
                "mark": {"type": "rule", "strokeDash": [4, 3]},
                "encoding": {
                    "x": _field("value", "quantitative", TAU),
                    "y": None,
                    "tooltip": _tooltip(("text", "line")),
                },
            },
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.4, "strokeCap": "round"},
                "encoding": {
                    "x": _field("low", "quantitative", TAU),
                    "x2": {"field": "high"},
                    "color": kind,
                },
            },
            {
                "mark": {"type": "circle", "size": 60, "opacity": 1},
                "encoding": {
                    "x": _field("value", "quantitative", TAU, axis={"orient": "top"}),
                    "color": kind,
                    "tooltip": hover,
                    "href": {"field": "href"},
                },
            },
        ],
    )


def _profile() -> Spec:
    """Tau of one method on each benchmark; "marks" holds the other methods, as ticks."""
    place = _field("place", "nominal", sort=None, axis={"labelLimit": 200, "title": None})
    hover = _tooltip(("place", "benchmark"), ("text", TAU), ("interval", "95 % interval"), ("beats", "better than"))
    return _chart(
        "Kendall's tau of the method on each benchmark, compared with the other methods",
        None,
        layer=[
            {
                "data": {"name": "marks"},
                "mark": {"type": "tick", "opacity": 0.35, "thickness": 1},
                "encoding": {
                    "x": _field("value", "quantitative", TAU, axis={"orient": "top"}),
                    "y": place,
                    "tooltip": _tooltip(("label", "method"), ("text", TAU)),
                },
            },
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.45, "strokeCap": "round"},
                "encoding": {"x": _field("low", "quantitative", TAU), "x2": {"field": "high"}, "y": place},
            },
            {
                "mark": {"type": "circle", "size": 90, "opacity": 1},
                "encoding": {
                    "x": _field("value", "quantitative", TAU),
                    "y": place,
                    "tooltip": hover,
                    "href": {"field": "href"},
                },
            },
        ],
    )


def _cost() -> Spec:
    """Quality against cost; a step line along the Pareto front."""
    cost = _field("cost", "quantitative", "cost", axis={"labelOverlap": "greedy", "format": "~g"})
    quality = _field("value", "quantitative", TAU, scale={"zero": False})
    hover = _tooltip(("label", "method"), ("pool", "pool"), ("text", TAU), ("cost_text", "cost"))
    pool = _field("pool", "nominal", sort=None, legend={"orient": "bottom", "columns": 2, "labelLimit": 260})
    return _chart(
        "Quality against cost of each method on the task, with the Pareto front",
        300,
        encoding={"x": cost, "y": quality},
        layer=[
            {
                "transform": [{"filter": "datum.front"}],
                "mark": {"type": "line", "interpolate": "step-after", "strokeDash": [4, 3], "opacity": 0.8},
                "encoding": {"order": {"field": "cost", "type": "quantitative"}},
            },
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "opacity": 0.4},
                "encoding": {"y": _field("low", "quantitative", TAU), "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.9},
                "encoding": {"color": pool, "shape": pool, "tooltip": hover},
            },
            {
                "transform": [{"filter": "datum.named"}],
                "mark": {"type": "text", "align": "left", "dx": 7, "dy": -7, "limit": 150},
                "encoding": {"text": {"field": "label"}},
            },
        ],
    )


def _trend() -> Spec:
    """Quality against training size; "marks" holds methods without training, as level lines."""
    size = _field("n_train", "quantitative", "architectures trained on", scale={"type": "log", "nice": False})
    legend = {"orient": "bottom", "columns": 2, "labelLimit": 260, "symbolType": "stroke", "symbolOpacity": 1}
    method = _field("label", "nominal", legend={**legend, "symbolStrokeWidth": 3})
    hover = _tooltip(("label", "method"), ("n_train", "trained on"), ("text", TAU), ("repeats", "repeats"))
    return _chart(
        "Kendall's tau of each method against its training size, with 95 percent intervals over splits",
        300,
        layer=[
            {
                "mark": {"type": "area", "opacity": 0.15},
                "encoding": {
                    "x": size,
                    "y": _field("low", "quantitative", TAU, scale={"zero": False}),
                    "y2": {"field": "high"},
                    "color": method,
                },
            },
            {
                "mark": {"type": "line", "point": {"filled": True, "size": 45}},
                "encoding": {
                    "x": size,
                    "y": _field("value", "quantitative", TAU),
                    "color": method,
                    "strokeDash": _field("label", "nominal", legend=None),
                    "tooltip": hover,
                },
            },
            {
                "data": {"name": "marks"},
                "mark": {"type": "rule", "strokeDash": [2, 3], "opacity": 0.8},
                "encoding": {"y": _field("value", "quantitative", TAU), "tooltip": _tooltip(("label", "method"))},
            },
            {
                "data": {"name": "marks"},
                "mark": {"type": "text", "align": "right", "dy": -5, "limit": 200},
                "encoding": {
                    "x": {"value": "width"},
                    "y": _field("value", "quantitative", TAU),
                    "text": {"field": "text"},
                },
            },
        ],
    )


def _scatter() -> Spec:
    return _chart(
        "Score of a method against the target, one point per architecture",
        300,
        mark={"type": "circle", "size": 16, "opacity": 0.45},
        encoding={
            "x": _field("score", "quantitative", "score", scale={"zero": False}),
            "y": _field("target", "quantitative", "target", scale={"zero": False}),
            "tooltip": _tooltip(("score", "score"), ("target", "target"), ("arch", "architecture")),
        },
    )


def _correlation() -> Spec:
    """Spearman's rho of every pair, blue for agreement, orange for disagreement, with the number in each square."""
    side = _field("first", "nominal", sort=None, axis={"labelLimit": 120})
    top = _field(
        "second", "nominal", sort=None, axis={"labelLimit": 120, "labelAngle": -60, "orient": "top", "ticks": False}
    )
    return _chart(
        "Spearman's rho of every pair of methods, and of each with the target",
        None,
        encoding={"x": top, "y": side},
        layer=[
            {
                "mark": {"type": "rect"},
                "encoding": {
                    "color": _field(
                        "rho",
                        "quantitative",
                        scale={"domain": [-1, 0, 1], "range": ["#e08a3c", "#f5f5f5", "#6aa5d8"]},
                        legend=None,
                    ),
                    "tooltip": _tooltip(("first", "method"), ("second", "and"), ("rho", "Spearman's rho")),
                },
            },
            {
                "mark": {"type": "text", "fontSize": 9, "color": "#222"},
                "encoding": {"text": _field("rho", "quantitative", format=".2f")},
            },
        ],
    )


def _search() -> Spec:
    """Best value so far against cost; "marks" holds the optimum of the population if the axis reaches it."""
    paid = _field("at", "quantitative", scale={"type": "log", "nice": False}, axis={"labelOverlap": "greedy"})
    best = _field("value", "quantitative", scale={"zero": False})
    legend = {"orient": "bottom", "columns": 2, "labelLimit": 280, "symbolType": "stroke", "symbolOpacity": 1}
    searcher = _field("label", "nominal", sort=None, legend={**legend, "symbolStrokeWidth": 3})
    hover = _tooltip(("label", "searcher"), ("paid", "paid"), ("text", "best so far"), ("band", "band"))
    return _chart(
        "Best architecture found so far by each searcher",
        320,
        layer=[
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "area", "opacity": 0.14},
                "encoding": {
                    "x": paid,
                    "y": _field("low", "quantitative", scale={"zero": False}),
                    "y2": {"field": "high"},
                    "color": searcher,
                },
            },
            {
                "mark": {"type": "line", "point": {"filled": True, "size": 30}},
                "encoding": {
                    "x": paid,
                    "y": best,
                    "color": searcher,
                    "strokeDash": _field("label", "nominal", sort=None, legend=None),
                    "tooltip": hover,
                },
            },
            {
                "data": {"name": "marks"},
                "mark": {"type": "rule", "strokeDash": [2, 3], "opacity": 0.8},
                "encoding": {"y": best, "tooltip": _tooltip(("label", "line"), ("value", "value"))},
            },
        ],
    )


def _generated() -> Spec:
    """The distribution of the accuracies of each method, as steps over the bins."""
    legend = {"orient": "bottom", "columns": 2, "labelLimit": 260, "symbolType": "stroke", "symbolOpacity": 1}
    method = _field("label", "nominal", sort=None, legend={**legend, "symbolStrokeWidth": 3})
    return _chart(
        "Shares of the architectures that each method generates, by accuracy",
        320,
        mark={"type": "line", "interpolate": "step", "strokeWidth": 2},
        encoding={
            "x": _field("at", "quantitative", scale={"zero": False, "nice": False}),
            "y": _field("share", "quantitative", "percent of architectures"),
            "color": method,
            "strokeDash": method,
            "tooltip": _tooltip(("label", "method"), ("bin", "between"), ("text", "share")),
        },
    )
