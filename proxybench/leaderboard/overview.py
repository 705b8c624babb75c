"""One picture of the leaderboard: Kendall's tau of every method on the tables that come with the project, as SVG.

A panel a benchmark, a row a method; dots with 95 percent intervals. Drawn here, number by number, so that the same
records give the same bytes whatever fonts and libraries a machine has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proxybench.leaderboard.entries import Entry, Estimate
from proxybench.leaderboard.svg import GRID, INK, QUIET, document, dot, line, text

RANKED = "trained"  # the suite whose tasks are ranked without training
LEARNED = "trained-predictors"  # the suite whose tasks have a training part
OWN = "@proxybench"  # all scores of these suites are this project's
WIDTH, LABELS, ROW, TOP, GAP, VALUE, NUMBER = 980, 160, 15, 58, 26, 34, 24
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
    """A method: its entries by benchmark, those told most last."""

    label: str
    kind: str
    entries: dict[str, list[Entry]]

    @property
    def mean(self) -> float:
        """Mean tau over the benchmarks, of the entries told most; rows are sorted by it."""
        taus = [tau.mean for found in self.entries.values() if (tau := found[-1].metric("kendall"))]
        return math.fsum(taus) / len(taus) if taus else -math.inf


def overview(ranked: Sequence[Entry], learned: Sequence[Entry]) -> bytes:
    """The picture.

    Args:
        ranked: entries of tasks on which nothing is trained.
        learned: entries of tasks with a training part; of these the methods that learn are shown, told as many as the
            largest size, with smaller ones as hollow dots.
    """
    told = [entry for entry in learned if entry.told]
    benchmarks = sorted({entry.task.benchmark for entry in [*ranked, *told]})
    sections = [("no architecture trained", _rows(ranked))]
    if told:
        sizes = ", ".join(map(str, sorted({entry.told for entry in told})))
        sections.append((f"told {sizes}", _rows(told)))
    height = TOP + sum(ROW * (len(rows) + 1) + 8 for _, rows in sections) + 64
    panels = _Panels(benchmarks, [*ranked, *told], height)
    parts = [*panels.frames(ranked)]
    y = TOP
    for title, rows in sections:
        y += ROW
        parts.append(text(LABELS - 8, y, title, anchor="end", weight="bold"))
        for row in rows:
            y += ROW
            parts += panels.row(row, y)
        y += 8
    parts += _legend([row.kind for _, rows in sections for row in rows], height - 10)
    return _document(parts, height, benchmarks).encode()


class _Panels:
    """Where the panels stand and what a tau is in pixels."""

    def __init__(self, benchmarks: Sequence[str], entries: Iterable[Entry], height: int) -> None:
        lows = [tau.mean if tau.low is None else tau.low for entry in entries if (tau := entry.metric("kendall"))]
        self.lowest = min(0.0, math.floor(min(lows, default=0.0) * 5) / 5)
        self.bottom = height - 46
        self.width = (WIDTH - LABELS) / max(len(benchmarks), 1) - GAP - VALUE
        self.left = {name: LABELS + number * (self.width + GAP + VALUE) for number, name in enumerate(benchmarks)}

    def x(self, benchmark: str, tau: float) -> float:
        return self.left[benchmark] + (tau - self.lowest) / (1 - self.lowest) * self.width

    def frames(self, ranked: Iterable[Entry]) -> list[str]:
        """Titles, grid, axes, and where the noise of the target ends what can be reached."""
        parts = []
        ceilings = {entry.task.benchmark: found.mean for entry in ranked if (found := entry.metric("noise_ceiling"))}
        for name, left in self.left.items():
            parts.append(text(left + self.width / 2, 34, name, anchor="middle", weight="bold"))
            for tau in self._ticks():
                x = self.x(name, tau)
                parts.append(line(x, TOP, x, self.bottom, GRID if tau else QUIET))
                parts.append(text(x, self.bottom + 13, f"{tau:z.1f}", anchor="middle", colour=QUIET))
            if name in ceilings:
                x = self.x(name, ceilings[name])
                parts.append(line(x, TOP, x, self.bottom, INK, dashes="4 3"))
                parts.append(text(x, TOP - 6, "noise ceiling", anchor="middle", colour=QUIET))
        return parts

    def _ticks(self) -> list[float]:
        """A fifth apart, or a half where a panel is too narrow for so many numbers."""
        a_unit = 5 if self.width / (1 - self.lowest) / 5 >= NUMBER else 2
        return [step / a_unit for step in range(math.ceil(self.lowest * a_unit), a_unit + 1)]

    def row(self, row: Row, y: float) -> list[str]:
        colour = COLOURS.get(row.kind, INK)
        complete = all(found[-1].complete for found in row.entries.values())
        shown = row.label.replace(OWN, "") + ("" if complete else " *")
        parts = [text(LABELS - 8, y + 4, shown, anchor="end")]
        for benchmark, entries in row.entries.items():
            taus = [tau for entry in entries if (tau := entry.metric("kendall"))]
            parts += [dot(self.x(benchmark, tau.mean), y, 2.2, "white", colour) for tau in taus[:-1]]
            for tau in taus[-1:]:
                parts += self._marked(benchmark, tau, y, colour)
        return parts

    def _marked(self, benchmark: str, tau: Estimate, y: float, colour: str) -> list[str]:
        parts = []
        if tau.low is not None and tau.high is not None:
            ends = self.x(benchmark, max(tau.low, self.lowest)), self.x(benchmark, min(tau.high, 1.0))
            parts.append(line(ends[0], y, ends[1], y, colour, width=2, opacity=0.45))
        parts.append(dot(self.x(benchmark, tau.mean), y, 3.2, colour, colour))
        end = self.left[benchmark] + self.width + VALUE
        return [*parts, text(end, y + 4, f"{tau.mean:z.2f}", anchor="end", colour=QUIET)]


def _rows(entries: Iterable[Entry]) -> list[Row]:
    """Methods that have a value, best mean first."""
    rows: dict[str, Row] = {}
    for entry in sorted(entries, key=lambda entry: (entry.told, entry.task.name)):
        if entry.metric("kendall"):
            row = rows.setdefault(entry.label, Row(entry.label, entry.kind, {}))
            row.entries.setdefault(entry.task.benchmark, []).append(entry)
    return sorted(rows.values(), key=lambda row: (-row.mean, row.label))


def _legend(kinds: Iterable[str], y: float) -> list[str]:
    parts, x = [], 12.0
    for kind in [kind for kind in COLOURS if kind in set(kinds)]:
        parts += [dot(x, y - 4, 3.2, COLOURS[kind], COLOURS[kind]), text(x + 8, y, kind)]
        x += 26 + 6.4 * len(kind)
    return parts


def _document(parts: Iterable[str], height: int, benchmarks: Sequence[str]) -> str:
    title = f"Kendall's tau of each method on {', '.join(benchmarks)}, with 95 percent intervals"
    caption = (
        "Kendall's tau-b with the target; lines: 95 percent intervals, over architectures, for predictors over splits; "
        "hollow: told fewer; *: not tried on all"
    )
    return document(parts, WIDTH, height, title, caption)
