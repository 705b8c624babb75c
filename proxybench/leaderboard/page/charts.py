"""The charts of the page, as Vega-Lite specifications.

They have no data and no colours: the page adds both, and the height of those with a row for each method. Each reads the
data set "rows", and some a second one, "marks". All fields have fixed names, so that a method's name is always a
value. The heat map, which is also a picture for documents, has a module of its own.
"""

from __future__ import annotations

from proxybench.leaderboard.page.chart_parts import TAU, chart, field, tooltip
from proxybench.leaderboard.page.heat_chart import SCHEMA, Spec, heat_view
from proxybench.leaderboard.page.method_charts import profile, ranking, ranks


def charts() -> dict[str, Spec]:
    """Specifications by the id of the figure in the page."""
    return {
        "heat": {"$schema": SCHEMA, "description": "Methods by benchmarks", "concat": [heat_view(linked=True)]},
        "ranks": ranks(),
        "ranking": ranking(),
        "profile": profile(),
        "cost": _cost(),
        "trend": _trend(),
        "scatter": _scatter(),
        "correlation": _correlation(),
        "search": _search(),
        "generated": _generated(),
    }


def _cost() -> Spec:
    """Quality against cost; a step line along the Pareto front."""
    short = "datum.value && abs(datum.value) < 0.001 ? format(datum.value, '.2~e') : format(datum.value, '~g')"
    cost = field(
        "cost",
        "quantitative",
        "cost",
        axis={"labelOverlap": "greedy", "labelSeparation": 8, "labelBound": 8, "labelExpr": short},
    )
    quality = field("value", "quantitative", TAU, scale={"zero": False})
    hover = tooltip(("label", "method"), ("pool", "pool"), ("text", TAU), ("cost_text", "cost"))
    pool = field("pool", "nominal", sort=None, legend={"orient": "bottom", "columns": 2, "labelLimit": 260})
    return chart(
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
                "encoding": {"y": field("low", "quantitative", TAU), "y2": {"field": "high"}},
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
    size = field("n_train", "quantitative", "architectures trained on", scale={"type": "log", "nice": False})
    legend = {"orient": "bottom", "columns": 2, "labelLimit": 260, "symbolType": "stroke", "symbolOpacity": 1}
    method = field("label", "nominal", legend={**legend, "symbolStrokeWidth": 3})
    hover = tooltip(("label", "method"), ("n_train", "trained on"), ("text", TAU), ("repeats", "repeats"))
    return chart(
        "Kendall's tau of each method against its training size, with 95 percent intervals over splits",
        300,
        layer=[
            {
                "mark": {"type": "area", "opacity": 0.15},
                "encoding": {
                    "x": size,
                    "y": field("low", "quantitative", TAU, scale={"zero": False}),
                    "y2": {"field": "high"},
                    "color": method,
                },
            },
            {
                "mark": {"type": "line", "point": {"filled": True, "size": 45}},
                "encoding": {
                    "x": size,
                    "y": field("value", "quantitative", TAU),
                    "color": method,
                    "strokeDash": field("label", "nominal", legend=None),
                    "tooltip": hover,
                },
            },
            {
                "data": {"name": "marks"},
                "mark": {"type": "rule", "strokeDash": [2, 3], "opacity": 0.8},
                "encoding": {"y": field("value", "quantitative", TAU), "tooltip": tooltip(("label", "method"))},
            },
            {
                "data": {"name": "marks"},
                "mark": {"type": "text", "align": "right", "dy": -5, "limit": 200},
                "encoding": {
                    "x": {"value": "width"},
                    "y": field("value", "quantitative", TAU),
                    "text": {"field": "text"},
                },
            },
        ],
    )


def _scatter() -> Spec:
    return chart(
        "Score of a method against the target, one point per architecture",
        300,
        mark={"type": "circle", "size": 16, "opacity": 0.45},
        encoding={
            "x": field("score", "quantitative", "score", scale={"zero": False}),
            "y": field("target", "quantitative", "target", scale={"zero": False}),
            "tooltip": tooltip(("score", "score"), ("target", "target"), ("arch", "architecture")),
        },
    )


def _correlation() -> Spec:
    """Spearman's rho of every pair, blue for agreement, orange for disagreement, with the number in each square."""
    side = field("first", "nominal", sort=None, axis={"labelLimit": 120})
    top = field(
        "second", "nominal", sort=None, axis={"labelLimit": 120, "labelAngle": -60, "orient": "top", "ticks": False}
    )
    return chart(
        "Spearman's rho of every pair of methods, and of each with the target",
        None,
        encoding={"x": top, "y": side},
        layer=[
            {
                "mark": {"type": "rect"},
                "encoding": {
                    "color": field(
                        "rho",
                        "quantitative",
                        scale={"domain": [-1, 0, 1], "range": ["#e08a3c", "#f5f5f5", "#6aa5d8"]},
                        legend=None,
                    ),
                    "tooltip": tooltip(("first", "method"), ("second", "and"), ("rho", "Spearman's rho")),
                },
            },
            {
                "mark": {"type": "text", "fontSize": 9, "color": "#222"},
                "encoding": {"text": field("rho", "quantitative", format=".2f")},
            },
        ],
    )


def _search() -> Spec:
    """Best value so far against cost; "marks" holds the optimum of the population if the axis reaches it."""
    paid = field("at", "quantitative", scale={"type": "log", "nice": False}, axis={"labelOverlap": "greedy"})
    best = field("value", "quantitative", scale={"zero": False})
    legend = {"orient": "bottom", "columns": 2, "labelLimit": 280, "symbolType": "stroke", "symbolOpacity": 1}
    searcher = field("label", "nominal", sort=None, legend={**legend, "symbolStrokeWidth": 3})
    hover = tooltip(("label", "searcher"), ("paid", "paid"), ("text", "best so far"), ("band", "band"))
    return chart(
        "Best architecture found so far by each searcher",
        320,
        layer=[
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "area", "opacity": 0.14},
                "encoding": {
                    "x": paid,
                    "y": field("low", "quantitative", scale={"zero": False}),
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
                    "strokeDash": field("label", "nominal", sort=None, legend=None),
                    "tooltip": hover,
                },
            },
            {
                "data": {"name": "marks"},
                "mark": {"type": "rule", "strokeDash": [2, 3], "opacity": 0.8},
                "encoding": {"y": best, "tooltip": tooltip(("label", "line"), ("value", "value"))},
            },
        ],
    )


def _generated() -> Spec:
    """The distribution of the accuracies of each method, as steps over the bins."""
    legend = {"orient": "bottom", "columns": 2, "labelLimit": 260, "symbolType": "stroke", "symbolOpacity": 1}
    method = field("label", "nominal", sort=None, legend={**legend, "symbolStrokeWidth": 3})
    return chart(
        "Shares of the architectures that each method generates, by accuracy",
        320,
        mark={"type": "line", "interpolate": "step", "strokeWidth": 2},
        encoding={
            "x": field("at", "quantitative", scale={"zero": False, "nice": False}),
            "y": field("share", "quantitative", "percent of architectures"),
            "color": method,
            "strokeDash": method,
            "tooltip": tooltip(("label", "method"), ("bin", "between"), ("text", "share")),
        },
    )
