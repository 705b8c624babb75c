"""Pictures for documents: Vega-Lite specifications drawn as SVG by vl-convert.

A picture ends with a comment that holds two digests: of its specification, which follows from the records alone, and of
its drawing, which also depends on the version of vl-convert and the fonts of the machine. So `is_current` needs neither
to say whether a picture is that of the records.
"""

from __future__ import annotations

import hashlib
import json
import re
from html import escape
from typing import Any

from proxybench.errors import DataNotAvailable
from proxybench.leaderboard.page.heat_chart import SCHEMA, Spec
from proxybench.leaderboard.page.html import missing_extra

INK, QUIET, GRID = "#1b1f24", "#545c66", "#e3e6ea"
VEGA_LITE = "6.1"  # the version that specifications are read as
_DIGESTS = re.compile(rb"<!-- specification ([0-9a-f]{64}), drawing ([0-9a-f]{64}) -->\n\Z")
_CONFIG = {
    "font": "Helvetica, Arial, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK,
        "labelFontSize": 11,
        "titleColor": QUIET,
        "titleFontWeight": "normal",
        "titleFontSize": 11,
        "gridColor": GRID,
        "domain": False,
        "ticks": False,
        "labelFlush": False,
    },
    "legend": {"orient": "bottom", "title": None, "labelColor": INK, "labelFontSize": 11, "labelLimit": 260},
    "text": {"fill": INK, "fontSize": 11},
}


def picture(description: str, caption: str, **parts: Any) -> Spec:
    """A specification on white paper, for documents of any colour.

    Args:
        description: content of the picture for readers who do not see it.
        caption: the line above it.
        parts: the views.
    """
    return {
        "$schema": SCHEMA,
        "description": description,
        "background": "white",
        "padding": 12,
        "config": _CONFIG,
        "title": {
            "text": caption,
            "anchor": "start",
            "frame": "bounds",
            "color": QUIET,
            "fontSize": 11,
            "fontWeight": "normal",
            "offset": 12,
        },
        **parts,
    }


def draw(spec: Spec) -> bytes:
    """The picture as SVG.

    Raises:
        DataNotAvailable: if the extra "report", which draws it, is not installed.
    """
    if missing_extra():
        raise DataNotAvailable(missing_extra())
    import vl_convert

    drawn = str(vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE))
    drawing = drawn.replace(">", f"><title>{escape(spec['description'])}</title>", 1).rstrip().encode() + b"\n"
    return drawing + f"<!-- specification {_digest_of_spec(spec)}, drawing {_digest(drawing)} -->\n".encode()


def is_current(svg: bytes, spec: Spec) -> bool:
    """Whether an SVG file is an unchanged picture of this specification, whatever drew it."""
    found = _DIGESTS.search(svg)
    if found is None:
        return False
    return [digest.decode() for digest in found.groups()] == [_digest_of_spec(spec), _digest(svg[: found.start()])]


def _digest_of_spec(spec: Spec) -> str:
    return _digest(json.dumps(spec, sort_keys=True).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
