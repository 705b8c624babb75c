"""Pieces of SVG, number by number, so that equal figures give equal bytes whatever fonts a machine has."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

INK, QUIET, GRID = "#1b1f24", "#545c66", "#e3e6ea"


def text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = INK, weight: str = "") -> str:
    """Words that begin, end or have their middle at a point."""
    bold = f' font-weight="{weight}"' if weight else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"{bold}>{escape(words)}</text>'


def line(
    x1: float, y1: float, x2: float, y2: float, colour: str, *, width: int = 1, opacity: float = 1, dashes: str = ""
) -> str:
    """A straight line."""
    more = (f' opacity="{opacity}"' if opacity < 1 else "") + (f' stroke-dasharray="{dashes}"' if dashes else "")
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="{width}"{more}/>'


def dot(x: float, y: float, radius: float, fill: str, stroke: str) -> str:
    """A circle."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" stroke="{stroke}"/>'


def document(parts: Iterable[str], width: int, height: int, title: str, caption: str) -> str:
    """The picture on white paper, for pages of any colour: `title` for those who do not see, `caption` on its top."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="11" role="img" aria-labelledby="title">'
    )
    return "\n".join(
        [
            head,
            f'<title id="title">{escape(title)}</title>',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            text(12, 16, caption, colour=QUIET),
            *parts,
            "</svg>\n",
        ]
    )
