"""The page: one HTML file that holds its data, style, script and charts, and requests nothing from the network.

Text from records reaches the page only as JSON, and its script inserts it as text. A content security policy allows the
two scripts and the style of the file, by their SHA-256, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
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
SCRIPTS = ("values.js", "table.js", "rankings.js", "details.js", "plots.js", "searches.js", "generation.js", "page.js")
LIBRARY = "vl-convert-python"
_LIBRARY_MODULE = "vl_convert"
_ENTRY_POINT = "window.vegaEmbed = vegaEmbed;"
_LIBRARY_PARTS = re.compile(
    rb'(<script type="module" id="library" data-version=")([^"]*)(">).*?(</script>)'
    rb'|(<meta http-equiv="Content-Security-Policy")[^>]*(>)',
    re.DOTALL,
)


def missing_extra() -> str:
    """Why no page or picture can be made and what to do, in one line; empty if they can."""
    if find_spec(_LIBRARY_MODULE):
        return ""
    why = f"{LIBRARY}, which draws charts, is not installed"
    return f"no {PAGE} and no pictures: {why}; {how_to_install('report')}"


def render(content: dict[str, Any], csv_folder: str = "", library: str | None = None) -> bytes:
    """The page of some content.

    Args:
        content: the values that the page shows, as JSON.
        csv_folder: relative address of the folder of the CSV files, "" or with a slash at the end.
        library: source of the charting library; by default the installed one.
    """
    script = "".join(_asset(name) for name in SCRIPTS)
    style = _asset("page.css")
    bundle = bundled_library() if library is None else library
    policy = {
        "default-src": "'none'",
        "script-src": f"{_source(bundle)} {_source(script)}",
        "style-src": _source(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    page = Template(_asset("page.html")).substitute(
        policy="; ".join(f"{name} {value}" for name, value in policy.items()),
        style=style,
        library=bundle,
        library_version=version(LIBRARY) if library is None else "",
        data=embedded({**content, "charts": charts(), "csv_folder": csv_folder}),
        script=script,
    )
    return page.encode()


def without_library(page: bytes) -> bytes:
    """A page without its charting library, whose bytes depend on the installed version."""
    return _LIBRARY_PARTS.sub(rb"\1\3\4\5\6", page)


def library_version(page: bytes) -> str:
    """The version of the charting library in a page; empty if the page does not contain it."""
    versions = [found[2] for found in _LIBRARY_PARTS.finditer(page) if found[2]]
    return versions[0].decode() if versions else ""


def installed_version() -> str:
    """The version of the installed charting library; empty if it is not installed."""
    return "" if missing_extra() else version(LIBRARY)


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
