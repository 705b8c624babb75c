"""The page as files: what they hold and what the page forbids. What it does in a browser: tests/browser."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path

import pytest
import vl_convert

from proxybench.leaderboard.build import RUNS, build, write
from proxybench.leaderboard.page.benchmark_content import pareto_front
from proxybench.leaderboard.page.charts import charts
from proxybench.leaderboard.page.facts import Facts
from proxybench.leaderboard.page.html import LIBRARY, PAGE, _read_bundle, bundled_library, embedded
from proxybench.leaderboard.ranks.scores import write_scores
from proxybench.records import Record, write_records

HOSTILE = '</script><script>alert("1")</script><!--\u2028&amp;'


class Elements(HTMLParser):
    """Tags of a page with their attributes, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.texts.append((self.tags[-1][0], data))

    def raw(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag and text.strip()]


@pytest.fixture
def page(tmp_path: Path, record) -> str:
    records = [record(HOSTILE, 0.5), record("nwot", 0.7, message=HOSTILE), record("random", 0.0, kind="control")]
    write_records(tmp_path / "runs/a.jsonl", records)
    return build(tmp_path)[PAGE].decode()


def test_text_of_records_is_data_and_nothing_else(page: str) -> None:
    elements = Elements(page)
    kinds = [attributes.get("type") for tag, attributes in elements.tags if tag == "script"]
    assert kinds == ["application/json", "module", "module"]
    data = json.loads(elements.raw("script")[0])
    assert HOSTILE in [method["name"] for method in data["methods"]]
    assert "alert" not in page.replace(bundled_library(), "").replace("\\u003cscript\\u003ealert", "")


def test_details_are_a_call_with_values_and_nothing_else(tmp_path: Path, record) -> None:
    write_records(tmp_path / "runs/a.jsonl", [record(HOSTILE, 0.5, message=HOSTILE)])
    details = build(tmp_path)["page/000-nasbench201.js"].decode()
    assert not set("<>&\u2028") & set(details)
    assert details.startswith("receiveDetails(")
    assert details.endswith(");\n")
    name, content = json.loads(f"[{details[len('receiveDetails(') : -len(');') - 1]}]")
    assert name == "nasbench201"
    assert [(entry["method"], entry["runs"][0][-1]) for entry in content["entries"]] == [(HOSTILE, HOSTILE)]


def test_lines_are_a_call_with_numbers_and_nothing_else(tmp_path: Path, record) -> None:
    write_records(tmp_path / "runs/a.jsonl", [record(HOSTILE, 0.5, n_train=50, kind="predictor", message=HOSTILE)])
    lines = build(tmp_path)["page/lines.js"].decode()
    assert lines == "receiveLines([[0,0,50,0.5,null,null,1.0,3,null,null]]);\n"


def details_of(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / "page").iterdir() if file.name != "lines.js")


def test_details_of_a_benchmark_that_is_gone_are_removed(tmp_path: Path, record, task) -> None:
    path = tmp_path / "runs/a.jsonl"
    write_records(path, [record("nwot", 0.5), record("nwot", 0.4, task("other", "nasbench101"))])
    write(tmp_path)
    assert details_of(tmp_path) == ["000-nasbench101.js", "001-nasbench201.js"]
    write_records(path, [record("nwot", 0.5)])
    write(tmp_path)
    assert details_of(tmp_path) == ["000-nasbench201.js"]


def test_the_name_of_a_benchmark_is_no_path(tmp_path: Path, record, task) -> None:
    write_records(tmp_path / "runs/a.jsonl", [record("nwot", 0.5, task("other", "../up & away"))])
    assert [name for name in build(tmp_path) if name.endswith(".js")] == ["page/000-..-up-away.js", "page/lines.js"]


def test_facts_are_on_the_page(tmp_path: Path, record) -> None:
    write_records(tmp_path / "runs/a.jsonl", [record("nwot", 0.5)])
    facts = Facts(version="1.2.3", repository="https://example.org/code")
    data = json.loads(Elements(build(tmp_path, facts=facts)[PAGE].decode()).raw("script")[0])
    assert (data["version"], data["repository"]) == ("1.2.3", "https://example.org/code")


def test_json_keeps_its_values_without_any_markup() -> None:
    text = embedded({"b": HOSTILE, "a": [1.5, None]})
    assert not set("<>&\u2028") & set(text)
    assert text.startswith('{"a":')
    assert json.loads(text) == {"b": HOSTILE, "a": [1.5, None]}


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    for tag, attributes in Elements(page).tags:
        for name in ("src", "href", "data", "action", "srcset"):
            target = attributes.get(name) or "#"
            assert target.startswith(("#", "data:,")), (tag, attributes)
    assert "@import" not in page
    assert not re.search(r"url\(", "".join(Elements(page).raw("style")))


def test_the_policy_allows_the_scripts_and_the_style_of_the_page_and_scripts_of_its_folder(page: str) -> None:
    elements = Elements(page)
    metas = [attributes for tag, attributes in elements.tags if tag == "meta"]
    (policy,) = [meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == [*(source(text) for text in elements.raw("script")[1:]), "'self'", "file:"]
    assert rules["style-src"] == [source(elements.raw("style")[0])]
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert (rules["img-src"], rules["form-action"]) == (["data:"], ["'none'"])


def test_another_process_makes_the_same_bytes(tmp_path: Path, record) -> None:
    write_records(tmp_path / "runs/a.jsonl", [record(name, len(name) / 10) for name in ("nwot", "zen", "synflow")])
    code = f"from pathlib import Path; from proxybench.leaderboard.build import write; write(Path({str(tmp_path)!r}))"
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert (tmp_path / PAGE).read_bytes() == build(tmp_path)[PAGE]


def kept_library(cache: Path, digest_of: str, script: str) -> Path:
    """A file as the charting library is kept, with the digest of `digest_of`."""
    path = cache / "charting-library" / f"{LIBRARY}-{version(LIBRARY)}.js"
    path.parent.mkdir(parents=True)
    digest = hashlib.sha256(f"window.vegaEmbed = vegaEmbed;\n{digest_of}".encode()).hexdigest()
    path.write_text(f"// {digest}\n{script}")
    return path


def test_the_charting_library_is_read_where_it_was_kept(cache: Path) -> None:
    kept_library(cache, "draw('<!--')\n</script>", "draw('<!--')\n</script>")
    assert bundled_library.__wrapped__() == "draw('<\\!--')\n<\\/script>"


def test_a_kept_library_that_is_not_whole_is_not_used(cache: Path) -> None:
    path = kept_library(cache, "draw(everything)", "draw(every")
    assert _read_bundle(path) is None
    path.write_bytes(b"\xff")
    assert _read_bundle(path) is None


def test_the_charting_library_is_put_together_and_kept(cache: Path) -> None:
    library = bundled_library.__wrapped__()
    assert "vegaEmbed" in library
    (path,) = (cache / "charting-library").iterdir()
    assert _read_bundle(path) is not None
    assert bundled_library.__wrapped__() == library


def test_without_a_folder_to_keep_it_in_the_library_is_put_together_all_the_same(cache: Path) -> None:
    cache.write_text("a file, not a folder")
    assert "vegaEmbed" in bundled_library.__wrapped__()


@pytest.mark.parametrize("name", sorted(charts()))
def test_a_chart_is_valid_vega_lite(name: str) -> None:
    width = {} if name == "heat" else {"width": 300}
    spec = {**charts()[name], **width, "datasets": {"rows": [], "marks": []}}
    assert vl_convert.vegalite_to_vega(spec)["marks"]


def test_the_pareto_front_is_what_nothing_is_cheaper_and_better_than() -> None:
    # (cost, loss, number): 2 is dearer and worse than 0; 3 is as dear as 4 and worse; 5 equals 4.
    points = [(1.0, 0.5, 0), (0.5, 0.9, 1), (2.0, 0.6, 2), (3.0, 0.4, 3), (3.0, 0.2, 4), (3.0, 0.2, 5), (9.0, 0.2, 6)]
    assert sorted(pareto_front(points)) == [0, 1, 4, 5]


def test_three_thousand_records_stay_light(tmp_path: Path, record) -> None:
    methods = [f"method {number}" for number in range(30)]
    records: list[Record] = [
        record(method, 0.1 + repeat / 50, f"task-{number}", kind="predictor", n_train=n_train, repeat=repeat)
        for method in methods
        for number in range(5)
        for n_train in (50, 100)
        for repeat in range(10)
    ]
    write_records(tmp_path / RUNS / "a.jsonl", records)
    for number in range(5):
        scores = {method: [float(row * len(method)) for row in range(1000)] for method in methods}
        write_scores(tmp_path / RUNS, f"task-{number}", list(range(1000)), scores)
    write(tmp_path)
    assert (tmp_path / PAGE).stat().st_size < 1.5e6
    assert (tmp_path / "page/000-nasbench201.js").stat().st_size < 3e6
