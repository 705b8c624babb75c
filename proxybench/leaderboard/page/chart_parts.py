"""Parts of the charts: a specification without data, a field, a tooltip."""

from __future__ import annotations

from typing import Any

from proxybench.leaderboard.page.heat_chart import SCHEMA, Spec

TAU = "Kendall's tau-b"


def chart(description: str, height: int | None, **parts: Any) -> Spec:
    """A chart as wide as its place, whose marks read the data set "rows"; `height` in pixels, None for the page's."""
    return {
        "$schema": SCHEMA,
        "description": description,
        "width": "container",
        **({} if height is None else {"height": height}),
        "data": {"name": "rows"},
        **parts,
    }


def field(name: str, kind: str, title: str | None = None, **more: Any) -> Spec:
    """The encoding of a field; `kind` is "quantitative" or "nominal"."""
    return {"field": name, "type": kind, "title": title, **more}


def tooltip(*fields: tuple[str, str]) -> list[Spec]:
    """Fields with their titles; numbers to four significant digits."""
    return [{"field": name, "title": title} for name, title in fields]
