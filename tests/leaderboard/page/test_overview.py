"""The picture: one row a method, best first; dots where the records put them; the same bytes from the same records."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from proxybench.leaderboard.build import PICTURE, build, differences, write
from proxybench.leaderboard.page.overview import overview
from proxybench.leaderboard.ranks.entries import entries_of
from proxybench.records import write_records

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: bytes) -> list[str]:
    return [element.text or "" for element in ET.fromstring(picture).iter(f"{SVG}text")]


@pytest.fixture
def ranked(record):
    return entries_of(
        [
            record("weak@proxybench", 0.1, "one"),
            record("random", 0.0, "one", kind="control"),
            record("strong", 0.9, "one"),
        ]
    )


def test_methods_stand_best_first_under_the_names_that_they_share(ranked) -> None:
    shown = texts(overview(ranked, []))
    assert [name for name in shown if name in ("weak", "strong", "random")] == ["strong", "weak", "random"]
    assert {"0.90", "0.10", "0.00"} <= set(shown)


def test_a_dot_stands_where_its_tau_is_on_the_axis(ranked) -> None:
    root = ET.fromstring(overview(ranked, []))
    ticks = {
        element.text: float(element.get("x", "nan"))
        for element in root.iter(f"{SVG}text")
        if element.get("text-anchor") == "middle" and re.fullmatch(r"-?\d\.\d", element.text or "")
    }
    first = next(root.iter(f"{SVG}circle"))
    assert float(first.get("cx", "nan")) == pytest.approx(ticks["0.0"] + 0.9 * (ticks["1.0"] - ticks["0.0"]), abs=0.2)


def test_what_learns_is_shown_at_its_largest_size_with_the_others_hollow(ranked, record) -> None:
    learned = entries_of(
        [
            record(method, tau, "two", kind=kind, n_train=n_train)
            for method, kind in (("ridge", "predictor"), ("params", "cost"))
            for n_train, tau in ((20, 0.3), (100, 0.6))
        ]
    )
    picture = overview(ranked, learned)
    assert "told 20, 100" in texts(picture)
    assert texts(picture).count("ridge") == 1
    assert "params" not in texts(picture)
    assert "0.60" in texts(picture)
    assert "0.30" not in texts(picture)
    assert picture.count(b'fill="white" stroke=') == 1


def test_names_are_text_and_nothing_else(record) -> None:
    assert "<b>&" in texts(overview(entries_of([record("<b>&", 0.5)]), []))


def test_it_is_built_beside_the_tables_and_checked_like_them(tmp_path: Path, record) -> None:
    write_records(tmp_path / "runs/trained.jsonl", [record("strong", 0.9), record("weak", 0.1)])
    write(tmp_path)
    picture = (tmp_path / PICTURE).read_bytes()
    assert picture == build(tmp_path)[PICTURE]
    assert len(picture) < 200_000
    assert differences(tmp_path) == []
    (tmp_path / PICTURE).write_bytes(picture.replace(b"strong", b"weaker"))
    assert differences(tmp_path) == [PICTURE]


def test_there_is_none_without_the_suite(tmp_path: Path, record) -> None:
    write_records(tmp_path / "runs/quick.jsonl", [record("strong", 0.9)])
    assert PICTURE not in build(tmp_path)
