"""The pages of the reference, which are made from the code, have everything that there is."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

import pytest

import proxybench as pb

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "docs" / "_ext"), str(ROOT / "docs")]

import docstrings  # noqa: E402
import reference_pages  # noqa: E402


def test_every_command_has_a_section_with_its_options() -> None:
    page = reference_pages.command_line()
    for command in ("list", "fetch", "query", "run", "compute", "score", "search", "generate", "leaderboard build"):
        assert f"## `proxybench {command}`" in page
    section = page.partition("## `proxybench search`")[2].partition("\n## ")[0]
    assert "| `--budget` | Budget in full trainings. | `20` |" in section
    assert "proxybench search nasbench201 --dataset cifar10" in section


def test_every_proxy_has_its_formula_source_and_rank() -> None:
    pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")
    page = reference_pages.proxies()
    for name in pb.proxies.available():
        section = page.partition(f"## `{name}`")[2].partition("\n## ")[0]
        assert "- Formula: " in section, name
        assert "- Source: " in section, name
    rows = dict(re.findall(r"^\| \[`(\w+)`\].*? \| .*? \| (.*)$", page, re.MULTILINE))
    assert sorted(rows) == pb.proxies.available()
    with (ROOT / "leaderboard" / "nasbench201-cifar10-full-size.csv").open(newline="") as file:
        (tau,) = (row["kendall_tau_b"] for row in csv.DictReader(file) if row["method"] == "nwot")
    assert rows["nwot"].split(" | ")[1] == f"{float(tau):.2f}"  # after its own time


def test_every_predictor_searcher_space_and_benchmark_has_a_section() -> None:
    pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")
    from predictors import available
    from proxybench.oneshot import METHODS
    from proxybench.search import SEARCHERS
    from proxybench.spaces import SPACES

    pages = {
        reference_pages.predictors: available(),
        reference_pages.searchers: list(SEARCHERS),
        reference_pages.one_shot: list(METHODS),
        reference_pages.spaces: list(SPACES),
        reference_pages.benchmarks: [name for name, info in pb.list_benchmarks().items() if info.shipped or info.bytes],
    }
    for page, names in pages.items():
        text = page()
        assert [name for name in names if f"## `{name}`" not in text] == []


def test_the_numbers_of_the_readme_are_those_of_the_registries() -> None:
    readme = (ROOT / "README.md").read_text()
    assert re.findall(r"(\d+) proxies", readme) == [str(len(pb.proxies.available()))]


def test_a_docstring_becomes_restructuredtext() -> None:
    lines = ["What `x` is, |a| and b_.", "", "    code(`1`)", "", "Args:", "    x_: *any* `y`."]
    assert docstrings.as_rst(lines) == [
        "What ``x`` is, \\|a\\| and b\\_.",
        "",
        ".. code-block:: python",
        "",
        "    code(`1`)",
        "",
        "Args:",
        "    x\\_: \\*any\\* ``y``.",
    ]
