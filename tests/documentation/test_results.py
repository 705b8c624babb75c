"""The tables of docs/results are those that the committed records give."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))

import ranking_costs  # noqa: E402
import results_tables  # noqa: E402

PAGES = sorted((DOCS / "results").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tables_are_made_from_the_records(page: Path) -> None:
    text = page.read_text()
    assert text == results_tables.with_tables(text), "run: python docs/results_tables.py"


def test_the_picture_is_that_of_the_measured_rankings() -> None:
    drawn = ranking_costs.PICTURE.read_bytes()
    assert ranking_costs.is_current(drawn, ranking_costs.specification()), "run: python docs/results_tables.py"


def test_every_table_is_on_a_page_and_none_is_typed_by_hand() -> None:
    pages = {page.name: page.read_text() for page in PAGES}
    named = [name for text in pages.values() for name in re.findall(r"<!-- table: ([a-z0-9-]+) -->", text)]
    assert sorted(named) == sorted(results_tables.TABLES)
    made = re.compile(r"<!-- table:.*?<!-- end of table -->", re.DOTALL)
    assert [name for name, text in pages.items() if re.search(r"^\|", made.sub("", text), re.MULTILINE)] == []


def test_a_table_that_nobody_makes_is_an_error() -> None:
    with pytest.raises(KeyError, match="no-such-table"):
        results_tables.with_tables("<!-- table: no-such-table -->\n<!-- end of table -->\n")
