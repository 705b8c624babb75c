"""The page: one HTML file with its data, style, script and charts, and script files with more data.

These are loaded when a view needs them: the details of each benchmark, and the lines of all entries. Nothing comes from
the network. The files are scripts, not JSON, because browsers load no JSON from a local file. Text from records reaches
the page only as JSON, and its script inserts it as text. A content security policy allows the two scripts and the style
of the page, by their SHA-256, and scripts from its own folder.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from predictors.errors import how_to_install
from proxybench.cache_folder import cache_dir
from proxybench.files import replace_file
from proxybench.leaderboard.page.charts import charts

PAGE = "index.html"
DETAILS = "page"  # the folder of the files with more data
LINES = f"{DETAILS}/lines.js"
SCRIPTS = (
    "values.js",
    "table.js",
    "plots.js",
    "front.js",
    "entry.js",
    "benchmark.js",
    "method.js",
    "searches.js",
    "generation.js",
    "page.js",
)
LIBRARY = "vl-convert-python"
_LIBRARY_MODULE = "vl_convert"
_ENTRY_POINT = "window.vegaEmbed = vegaEmbed;"


def missing_extra() -> str:
    """Why no page or picture can be made and what to do, in one line; empty if they can."""
    if find_spec(_LIBRARY_MODULE):
        return ""
    why = f"{LIBRARY}, which draws charts, is not installed"
    return f"no {PAGE} and no pictures: {why}; {how_to_install('report')}"


def render(
    front: Mapping[str, Any],
    details: Mapping[str, Mapping[str, Any]],
    lines: Sequence[Sequence[float | None]],
    csv_folder: str = "",
) -> dict[str, bytes]:
    """The files of the page, by name.

    Args:
        front: what the page itself holds, as JSON.
        details: what is loaded when a benchmark is shown, as JSON, by benchmark.
        lines: what is loaded when a method is shown, as JSON.
        csv_folder: relative address of the folder of the CSV files, "" or with a slash at the end.
    """
    names = {benchmark: _file_name(number, benchmark) for number, benchmark in enumerate(details)}
    script = "".join(_asset(name) for name in SCRIPTS)
    style = _asset("page.css")
    bundle = bundled_library()
    policy = {
        "default-src": "'none'",
        "script-src": f"{_source(bundle)} {_source(script)} 'self' file:",
        "style-src": _source(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    page = Template(_asset("page.html")).substitute(
        policy="; ".join(f"{name} {value}" for name, value in policy.items()),
        style=style,
        library=bundle,
        data=embedded({**front, "files": names, "lines": LINES, "charts": charts(), "csv_folder": csv_folder}),
        script=script,
    )
    made = {
        names[benchmark]: f"receiveDetails({embedded(benchmark)},{embedded(content)});\n".encode()
        for benchmark, content in details.items()
    }
    return {PAGE: page.encode(), **made, LINES: f"receiveLines({embedded(lines)});\n".encode()}


def is_details(name: str) -> bool:
    """Whether a file is named like those of details."""
    return re.fullmatch(r"\d{3}-[A-Za-z0-9._-]*\.js", name) is not None


def _file_name(number: int, benchmark: str) -> str:
    """A file is named after its benchmark as far as the name is one for files."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", benchmark)[:60]
    return f"{DETAILS}/{number:03d}-{readable}.js"


def embedded(value: object) -> str:
    """JSON that is safe within a script element: sorted keys, no character with a meaning in HTML or JavaScript."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.translate({ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"})


@cache
def bundled_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script.

    Bundling takes over a second, so the script is kept in the cache folder, one for each version.
    """
    kept = cache_dir() / "charting-library" / f"{LIBRARY}-{version(LIBRARY)}.js"
    bundle = _read_bundle(kept)
    if bundle is None:
        import vl_convert

        bundle = str(vl_convert.javascript_bundle(_ENTRY_POINT))
        with suppress(OSError):  # a cache that cannot be written to
            replace_file(kept, f"// {_bundle_digest(bundle)}\n{bundle}".encode())
    return re.sub("</(script)", r"<\\/\1", bundle, flags=re.IGNORECASE).replace("<!--", "<\\!--")


def _read_bundle(path: Path) -> str | None:
    """The script in a file that `bundled_library` wrote; None if the file is missing or damaged."""
    try:
        head, _, bundle = path.read_bytes().decode().partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return bundle if head == f"// {_bundle_digest(bundle)}" else None


def _bundle_digest(bundle: str) -> str:
    return hashlib.sha256(f"{_ENTRY_POINT}\n{bundle}".encode()).hexdigest()


def _asset(name: str) -> str:
    return (files(__package__) / "web" / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
