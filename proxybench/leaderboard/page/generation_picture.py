"""One picture of what was generated: the accuracies that each method gave beside those of the whole population, as SVG.

A row a method, best last; bars are shares of its architectures, the grey step behind them is the population.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from proxybench.leaderboard.generation.records import GenerationProblem, GeneratorResult
from proxybench.leaderboard.page.svg import GRID, INK, QUIET, document, line, text

WIDTH, LABELS, FIGURES, TOP, ROW, BARS = 980, 190, 300, 54, 58, 44
COLOURS = {"unguided": "#545c66", "filter": "#9a6a00", "evolution": "#1a7a3c"}
LED = "#0b57a4"  # of what a guide led to
_POPULATION = "#d3d8de"


def generation_picture(problem: GenerationProblem) -> bytes:
    """The picture of one problem."""
    methods = sorted(problem.methods, key=lambda method: (method.calls > 0, -float(np.mean(method.mean_rank))))
    height = TOP + ROW * len(methods) + 34
    left, width, bottom = LABELS, WIDTH - LABELS - FIGURES, TOP + ROW * len(methods)
    first, last = problem.edges[0], problem.edges[-1]

    def x(value: float) -> float:
        return left + (value - first) / (last - first) * width

    parts = []
    for value in np.arange(np.ceil(first), last + 1e-9, 1.0).tolist():
        parts.append(line(x(value), TOP - 4, x(value), bottom, GRID))
        parts.append(text(x(value), bottom + 14, f"{value:g}", anchor="middle", colour=QUIET))
    parts.append(text(left + width / 2, bottom + 29, problem.task.target, anchor="middle", colour=QUIET))
    parts.append(text(left + width + 14, TOP - 12, "mean rank, 95 % interval", weight="bold"))
    parts.append(text(WIDTH - 12, TOP - 12, f"best of ten, {problem.report}", anchor="end", weight="bold"))
    places = [x(edge) for edge in problem.edges]
    for row, method in enumerate(methods):
        parts += _row(problem, method, TOP + ROW * (row + 1) - 8, places)
    task = problem.task
    title = (
        f"{task.target} of {problem.architectures} architectures that each method gives on {task.benchmark} "
        f"{task.dataset}, beside {task.population}"
    )
    runs = min(len(method.seeds) for method in methods)
    caption = (
        f"{task.benchmark} {task.dataset}: {problem.architectures} architectures a run, {runs} runs or more; "
        f"bars: shares of them by {task.target}; grey: {task.population}; |: median"
    )
    return document(parts, WIDTH, height, title, caption).encode()


def _row(problem: GenerationProblem, method: GeneratorResult, base: float, places: Sequence[float]) -> list[str]:
    colour = COLOURS.get(method.method, LED)
    own, population = _shares(method.counts), _shares(problem.population)
    most = max(*own[1:], *population[1:])
    parts = [
        _steps(places, population[1:], base, most, _POPULATION, 1.0),
        _steps(places, own[1:], base, most, colour, 0.8),
    ]
    parts.append(line(places[0], base, places[-1], base, QUIET))
    at = float(np.interp(method.median, problem.edges, places))
    parts.append(line(at, base - BARS - 4, at, base, INK, width=2))
    asked = f"{method.calls:,} predictions" if method.calls else "no predictions"
    parts.append(text(LABELS - 64, base - 20, method.method, anchor="end", weight="bold"))
    parts.append(text(LABELS - 64, base - 6, asked, anchor="end", colour=QUIET))
    parts.append(text(places[0] - 8, base - 20, f"{100 * own[0]:.0f} % <", anchor="end", colour=colour))
    parts.append(text(places[0] - 8, base - 6, f"{problem.edges[0]:g}", anchor="end", colour=QUIET))
    mean, half = float(np.mean(method.mean_rank)), method.half
    spread = "" if half is None else f" ± {half:,.0f}"
    parts.append(text(places[-1] + 14, base - 14, f"{mean:,.0f}{spread} (top {100 * mean / problem.task.size:.1f} %)"))
    parts.append(text(WIDTH - 12, base - 14, f"{np.median(method.best_of_ten):.2f}", anchor="end"))
    return parts


def _shares(counts: Sequence[int]) -> list[float]:
    return [count / max(1, sum(counts)) for count in counts]


def _steps(
    places: Sequence[float], shares: Sequence[float], base: float, most: float, colour: str, opacity: float
) -> str:
    path = f"M{places[0]:.1f} {base:.1f}"
    for begin, end, share in zip(places, places[1:], shares, strict=False):
        top = base - BARS * share / most
        path += f"L{begin:.1f} {top:.1f}L{end:.1f} {top:.1f}"
    return f'<path d="{path}L{places[-1]:.1f} {base:.1f}Z" fill="{colour}" opacity="{opacity:g}"/>'
