"""One picture of generated architectures: their accuracies by method, compared with those of the whole population.

There is a row for each method, the best last. Bars are shares of its architectures; the grey steps are the population.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from proxybench.leaderboard.generation.records import GenerationProblem, GeneratorResult
from proxybench.leaderboard.page.heat_chart import Spec
from proxybench.leaderboard.page.pictures import INK, QUIET, picture

WIDTH, LABELS, FIGURES, BARS, SPACING = 490, 190, 300, 44, 14  # pixels
COLOURS = {"unguided": "#545c66", "filter": "#9a6a00", "evolution": "#1a7a3c"}
GUIDED = "#0b57a4"  # of the methods with a guide
_POPULATION = "#d3d8de"


def generation_picture(problem: GenerationProblem) -> Spec:
    """The picture of one problem."""
    methods = sorted(problem.methods, key=lambda method: (method.calls > 0, -float(np.mean(method.mean_rank))))
    task = problem.task
    runs = min(len(method.seeds) for method in methods)
    return picture(
        f"{task.target} of {problem.architectures} architectures that each method generates on {task.benchmark} "
        f"{task.dataset}, compared with {task.population}",
        f"{task.benchmark} {task.dataset}: {problem.architectures} architectures a run, at least {runs} runs; "
        f"bars: shares of them by {task.target}; grey: {task.population}; vertical line: median",
        vconcat=[_row(problem, method, first=method is methods[0], last=method is methods[-1]) for method in methods],
        spacing=SPACING,
        bounds="flush",
    )


def _row(problem: GenerationProblem, method: GeneratorResult, *, first: bool, last: bool) -> Spec:
    """The bars of a method; the first row has the headings of the columns, the last one the axis."""
    own, population = _shares(method.counts), _shares(problem.population)
    most = max(*own[1:], *population[1:])
    axis = {"labels": last, "title": problem.task.target if last else None, "grid": True, "labelColor": QUIET}
    domain = [problem.edges[0], problem.edges[-1]]
    bars: Spec = {
        "x": {
            "field": "from",
            "type": "quantitative",
            "bin": "binned",
            "scale": {"domain": domain, "nice": False},
            "axis": {**axis, "format": "~g", "values": _whole_numbers(*domain)},
        },
        "x2": {"field": "to"},
        "y": {"field": "share", "type": "quantitative", "scale": {"domain": [0, most]}, "axis": None},
    }
    colour = COLOURS.get(method.method, GUIDED)
    layers = [
        _steps(problem.edges, population[1:], bars, _POPULATION, 1.0),
        _steps(problem.edges, own[1:], bars, colour, 0.8),
        {
            "data": {"values": [{}]},
            "mark": {"type": "rule", "stroke": INK, "strokeWidth": 2, "y": -4, "y2": "height"},
            "encoding": {"x": {"datum": method.median, "type": "quantitative"}},
        },
    ]
    texts = [*_headings(problem.report)] if first else []
    texts += _figures(problem, method, own[0], colour)
    return {"width": WIDTH, "height": BARS, "layer": [*layers, *texts]}


def _steps(edges: Sequence[float], shares: Sequence[float], encoding: Spec, colour: str, opacity: float) -> Spec:
    values = [
        {"from": begin, "to": end, "share": share} for (begin, end), share in zip(pairwise(edges), shares, strict=True)
    ]
    mark = {"type": "bar", "binSpacing": 0, "fill": colour, "opacity": opacity}
    return {"data": {"values": values}, "mark": mark, "encoding": encoding}


def _headings(report: str) -> list[Spec]:
    return [
        _text("mean rank, 95 % interval", WIDTH + 14, -12, fontWeight="bold"),
        _text(f"best of ten, {report}", WIDTH + FIGURES, -12, align="right", fontWeight="bold"),
    ]


def _figures(problem: GenerationProblem, method: GeneratorResult, below: float, colour: str) -> list[Spec]:
    """The name and the figures of a method, to the left and to the right of its bars."""
    mean, half = float(np.mean(method.mean_rank)), method.half
    spread = "" if half is None else f" ± {half:,.0f}"
    predictions = f"{method.calls:,} predictions" if method.calls else "no predictions"
    return [
        _text(method.method, -64, 24, align="right", fontWeight="bold"),
        _text(predictions, -64, 38, align="right", fill=QUIET),
        _text(f"{100 * below:.0f} % <", -8, 24, align="right", fill=colour),
        _text(f"{problem.edges[0]:g}", -8, 38, align="right", fill=QUIET),
        _text(f"{mean:,.0f}{spread} (top {100 * mean / problem.task.size:.1f} %)", WIDTH + 14, 30),
        _text(f"{np.median(method.best_of_ten):.2f}", WIDTH + FIGURES, 30, align="right"),
    ]


def _text(words: str, x: float, y: float, **properties: Any) -> Spec:
    """Words at a place relative to the upper left corner of the bars."""
    mark = {"type": "text", "align": "left", "baseline": "alphabetic", **properties}
    at = {"x": {"value": x}, "y": {"value": y}, "text": {"value": words}}
    return {"data": {"values": [{}]}, "mark": mark, "encoding": at}


def _whole_numbers(first: float, last: float) -> list[float]:
    values: list[float] = np.arange(np.ceil(first), last + 1e-9, 1.0).tolist()
    return values


def _shares(counts: Sequence[int]) -> list[float]:
    return [count / max(1, sum(counts)) for count in counts]
