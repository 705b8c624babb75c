"""Every script of examples/ runs offline on what comes with the project, and prints what the gallery shows."""

from __future__ import annotations

import io
import runpy
from contextlib import redirect_stdout
from pathlib import Path

import blocks
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SLOW = {"07_compare_predictors", "08_search"}
SCRIPTS = [
    pytest.param(path, marks=[pytest.mark.slow] if path.stem in SLOW else [], id=path.stem)
    for path in sorted(EXAMPLES.glob("*.py"))
]


@pytest.mark.parametrize("path", SCRIPTS)
def test_an_example_prints_what_the_gallery_shows(path: Path, fresh_folder: Path) -> None:
    output = io.StringIO()
    with redirect_stdout(output):
        runpy.run_path(str(path), run_name="__main__")
    expected = (EXAMPLES / "output" / f"{path.stem}.txt").read_text()
    assert blocks.same(expected, output.getvalue()), output.getvalue()


def test_the_gallery_has_an_output_for_each_script_and_no_other() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {path.stem for path in EXAMPLES.glob("output/*.txt")}
