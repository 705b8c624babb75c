"""Generated architectures on the leaderboard: files, paired differences computed by hand, CSV, picture."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from proxybench.errors import CorruptData
from proxybench.leaderboard.build import GENERATED, MANIFEST, build, differences, write
from proxybench.leaderboard.generation.records import (
    GenerationProblem,
    GeneratorResult,
    gains,
    generation_csv,
    read_generation,
    write_generation,
)
from proxybench.leaderboard.page.generation_content import generation_content
from proxybench.leaderboard.page.generation_picture import generation_picture
from proxybench.leaderboard.page.pictures import draw
from proxybench.ranking.repeats import half_of_runs
from proxybench.records import write_records

SVG = "{http://www.w3.org/2000/svg}"


def given(method: str, ranks: list[float], calls: int = 0, counts: tuple[int, int, int] = (2, 3, 5)) -> GeneratorResult:
    seeds = list(range(len(ranks)))
    return GeneratorResult(method, calls, seeds, ranks, [94.0] * len(ranks), list(counts), 91.0, 1.5)


def offset(element: ET.Element) -> float:
    """The horizontal shift of an element of a picture within its view."""
    found = re.match(r"translate\((-?[\d.]+),", element.get("transform", ""))
    assert found
    return float(found[1])


@pytest.fixture
def problem(task) -> GenerationProblem:
    """A hundred architectures, bins from 90 to 91 and 91 to 92; three methods with twenty seeds, one with fifteen."""
    methods = [
        given("unguided", [50, 50, 50, 50] * 5, counts=(8, 1, 1)),
        given("filter", [10, 14, 10, 14] * 5, calls=20),
        given("evolution", [6, 6, 6] * 5, calls=30),
        given("guided<b>", [4, 6, 12, 10] * 5, calls=20, counts=(0, 5, 15)),
    ]
    return GenerationProblem(
        task("tiny-generation", size=100), "test_acc@200", 5, [90.0, 91.0, 92.0], [50, 30, 20], methods
    )


def test_gains_are_paired_by_seed_and_over_baselines_with_as_many_predictions(problem) -> None:
    """Differences to filter: five times 6, 8, -2, 4; their deviation is 3.839, and t of 19 degrees of freedom 2.093."""
    plain, asked = gains(problem, problem.methods[3])
    assert (plain.baseline, plain.mean, plain.wins, plain.seeds) == ("unguided", 42, 1, 20)
    assert (asked.baseline, asked.mean, asked.wins) == ("filter", 4, 0.75)
    assert asked.half == pytest.approx(2.093 * 3.839 / 20**0.5, rel=1e-3)
    assert gains(problem, problem.methods[1]) == []
    assert half_of_runs([3.0, 4.0] * 9) is None


def test_the_csv_has_all_figures(problem) -> None:
    rows = list(csv.DictReader(io.StringIO(generation_csv([problem]).decode())))
    assert [row["method"] for row in rows] == ["unguided", "filter", "evolution", "guided<b>"]
    guided = rows[3]
    assert (guided["mean_rank"], guided["mean_rank_percent"]) == ("8.0", "8.00")
    assert (guided["runs"], guided["calls"]) == ("20", "20")
    assert (guided["ranks vs filter"], guided["wins vs filter"], guided["ranks vs evolution"]) == ("4.0", "0.750", "")


def test_the_page_gets_the_same_figures(problem) -> None:
    shown = generation_content([problem])
    assert generation_content([])["problems"] == []
    guided = shown["problems"][0]["methods"][3]
    assert (guided["rank"], guided["best"], guided["counts"]) == (8, 94, [0, 5, 15])
    assert [gain and gain[0] for gain in guided["against"]] == [42, 4, None]


def test_the_picture_puts_bars_and_medians_where_the_axis_says(problem) -> None:
    spec = generation_picture(problem)
    root = ET.fromstring(draw(spec))
    words = [element.text for element in root.iter(f"{SVG}text")]
    assert [name for name in words if name in ("unguided", "filter", "evolution", "guided<b>")] == [
        "unguided", "filter", "guided<b>", "evolution",
    ]  # fmt: skip
    assert "80 % <" in words
    assert "8 ± 2 (top 8.0 %)" in words
    ticks = {element.text: offset(element) for element in root.iter(f"{SVG}text")}
    medians = [offset(line) for line in root.iter(f"{SVG}line") if line.get("stroke-width") == "2"]
    assert medians == pytest.approx([ticks["91"]] * 4, abs=0.6)
    bars = [value["share"] for value in spec["vconcat"][0]["layer"][1]["data"]["values"]]
    assert bars == [0.1, 0.1]


def test_files_come_back_and_damage_is_named(problem, tmp_path: Path) -> None:
    path = write_generation(tmp_path / "a.jsonl", [problem])
    assert read_generation([path]) == [problem]
    with pytest.raises(CorruptData, match="twice"):
        read_generation([path, path])
    replace = msgspec.structs.replace
    short = replace(problem, methods=[replace(problem.methods[0], mean_rank=[1.0])])
    same = replace(problem, methods=[problem.methods[0], problem.methods[0]])
    unsorted = replace(problem, edges=[92, 91, 90])
    for damaged, message in ((short, "a rank and a best"), (same, "twice"), (unsorted, "edges")):
        with pytest.raises(CorruptData, match=message):
            read_generation([write_generation(tmp_path / "b.jsonl", [damaged])])
    path.write_text("{}\n")
    with pytest.raises(CorruptData, match=r"a\.jsonl:1 is not a generation problem"):
        read_generation([path])


def test_it_is_built_and_checked_like_the_rest(problem, record, tmp_path: Path) -> None:
    write_records(tmp_path / "runs/quick.jsonl", [record("strong", 0.9)])
    assert GENERATED not in build(tmp_path)
    write_generation(tmp_path / "generation/a.jsonl", [msgspec.structs.replace(problem, made_with=["python 3"])])
    write(tmp_path)
    assert (tmp_path / GENERATED).read_bytes() == generation_csv([problem])
    assert (tmp_path / "tiny-generation.svg").read_bytes() == draw(generation_picture(problem))
    manifest = json.loads((tmp_path / MANIFEST).read_bytes())
    assert GENERATED in manifest["files"]
    assert "python 3" in manifest["made_with"]
    assert differences(tmp_path) == []
    (tmp_path / "tiny-generation.svg").write_text("<svg/>")
    assert differences(tmp_path) == ["tiny-generation.svg"]
