"""The picture: one row per method, best first; dots at the values of the records; equal bytes from equal records."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from proxybench.errors import DataNotAvailable
from proxybench.leaderboard.build import build, differences, write
from proxybench.leaderboard.page import html
from proxybench.leaderboard.page.charts import Spec
from proxybench.leaderboard.page.overview import overview
from proxybench.leaderboard.page.pictures import draw, is_current
from proxybench.leaderboard.ranks.entries import entries_of
from proxybench.records import write_records

PICTURE = "overview-trained.svg"
SVG = "{http://www.w3.org/2000/svg}"


def texts(spec: Spec) -> list[str]:
    return [element.text or "" for element in ET.fromstring(draw(spec)).iter(f"{SVG}text")]


def offset(element: ET.Element) -> float:
    """The horizontal shift of an element of a picture within its view."""
    found = re.match(r"translate\((-?[\d.]+),", element.get("transform", ""))
    assert found
    return float(found[1])


@pytest.fixture
def ranked(record):
    return entries_of(
        [
            record("weak@proxybench", 0.1, "one"),
            record("random", 0.0, "one", kind="control"),
            record("strong", 0.9, "one"),
        ]
    )


def test_methods_are_best_first_under_the_names_that_they_share(ranked) -> None:
    shown = texts(overview(ranked, []))
    assert [name for name in shown if name in ("weak", "strong", "random")] == ["strong", "weak", "random"]
    assert {"0.90", "0.10", "0.00"} <= set(shown)


def test_a_dot_is_where_its_tau_is_on_the_axis(ranked) -> None:
    root = ET.fromstring(draw(overview(ranked, [])))
    ticks = {
        element.text: offset(element)
        for element in root.iter(f"{SVG}text")
        if element.get("text-anchor") == "middle" and re.fullmatch(r"-?\d\.\d", element.text or "")
    }
    dots = [path for path in root.iter(f"{SVG}path") if path.get("aria-roledescription") == "circle"]
    assert offset(dots[0]) == pytest.approx(ticks["0.0"] + 0.9 * (ticks["1.0"] - ticks["0.0"]), abs=0.6)


def test_what_learns_is_shown_at_its_largest_size_with_the_others_hollow(ranked, record) -> None:
    learned = entries_of(
        [
            record(method, tau, "two", kind=kind, n_train=n_train)
            for method, kind in (("ridge", "predictor"), ("params", "cost"))
            for n_train, tau in ((20, 0.3), (100, 0.6))
        ]
    )
    picture = overview(ranked, learned)
    shown = texts(picture)
    assert "trained on 20, 100" in shown
    assert shown.count("ridge") == 1
    assert "params" not in shown
    assert "0.60" in shown
    assert "0.30" not in shown
    paths = ET.fromstring(draw(picture)).iter(f"{SVG}path")
    assert [path.get("fill") for path in paths if path.get("aria-roledescription") == "point"] == ["white"]


def test_scores_of_others_are_not_shown_where_this_project_has_its_own(record) -> None:
    entries = entries_of([record("nwot", 0.2), record("nwot@proxybench", 0.4), record("elsewhere", 0.3)])
    shown = texts(overview(entries, []))
    assert (shown.count("nwot"), "0.40" in shown, "0.20" in shown, "0.30" in shown) == (1, True, False, True)


def test_other_data_sets_larger_training_sets_and_variants_are_not_shown(ranked, record, task) -> None:
    learned = entries_of(
        [
            record("elsewhere", 0.6, task("three", "nasbench101"), kind="predictor", n_train=20),
            record("greedy", 0.6, "two", kind="predictor", n_train=4000),
            record("variant", 0.6, "two", kind="predictor", n_train=20, params={"columns": False}),
            record("plain", 0.6, "two", kind="predictor", n_train=20),
        ]
    )
    shown = texts(overview(ranked, learned))
    assert {"elsewhere", "greedy", "variant", "plain"} & set(shown) == {"plain"}


def test_names_are_text_and_nothing_else(record) -> None:
    assert "<b>&" in texts(overview(entries_of([record("<b>&", 0.5)]), []))


def test_it_is_built_and_checked_like_the_tables(tmp_path: Path, record) -> None:
    write_records(tmp_path / "runs/trained.jsonl", [record("strong", 0.9), record("weak", 0.1)])
    write(tmp_path)
    picture = (tmp_path / PICTURE).read_bytes()
    assert picture == build(tmp_path)[PICTURE]
    assert len(picture) < 200_000
    assert differences(tmp_path) == []
    (tmp_path / PICTURE).write_bytes(picture.replace(b"strong", b"weaker"))
    assert differences(tmp_path) == [PICTURE]


def test_a_picture_is_that_of_the_records_if_neither_they_nor_the_drawing_have_changed(ranked, record) -> None:
    spec = overview(ranked, [])
    drawn = draw(spec)
    assert is_current(drawn, spec)
    assert not is_current(drawn, overview(entries_of([record("strong", 0.8, "one")]), []))
    assert not is_current(drawn.replace(b"strong", b"weaker", 1), spec)
    assert not is_current(b"", spec)


def test_without_the_extra_drawing_names_it(ranked, monkeypatch) -> None:
    monkeypatch.setattr(html, "find_spec", lambda name: None)
    with pytest.raises(DataNotAvailable, match=r"no pictures.*\[report\]"):
        draw(overview(ranked, []))


def test_without_the_suite_no_picture_is_built(tmp_path: Path, record) -> None:
    write_records(tmp_path / "runs/quick.jsonl", [record("strong", 0.9)])
    assert PICTURE not in build(tmp_path)
