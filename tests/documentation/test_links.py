"""What the documents refer to exists: linked files and headings, named files, the names in the map of the code."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
LINK = re.compile(r"\]\(([^)\s]+)(?: \"[^\"]*\")?\)")
ADDRESS = re.compile(r"https?:[^\s)>\]\"'`|]*[\w/]")
FILE = re.compile(
    r"(?<![\w./<-])(?:predictors|proxybench|data|docs|examples|experiments|tests)/[\w./-]+\.(?:md|parquet|py|toml|csv)\b"
)
CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "data" / "cards").glob("*.md")),
]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def headings(text: str) -> set[str]:
    """The anchors of a page in Markdown: its headings in the spelling of GitHub and MyST, and explicit ones."""
    titles = re.findall(r"^#+ (.+)$", CODE.sub("", text), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return slugs | set(re.findall(r"^\((\S+)\)=$", text, re.MULTILINE))


def target(page: Path, link: str) -> str:
    """What is wrong with a relative link of a page; empty if nothing is."""
    place, _, anchor = link.partition("#")
    path = (page.parent / place).resolve() if place else page
    if path.parent == REFERENCE and path.stem in (REFERENCE / "index.md").read_text().split():
        return ""  # a page made from the code, whose headings Sphinx checks
    if not path.exists():
        return "the file does not exist"
    text = path.read_text() if path.suffix == ".md" else ""
    included = re.search(r"^```\{include\} (\S+)", text, re.MULTILINE)
    if included is not None:
        text += (path.parent / included[1]).read_text()
    return "" if not anchor or anchor in headings(text) else "the heading does not exist"


@pytest.mark.parametrize("page", DOCUMENTS, ids=name)
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    links = [link for link in LINK.findall(CODE.sub("", page.read_text())) if "://" not in link]
    assert {link: target(page, link) for link in links if target(page, link)} == {}


def test_addresses_are_well_formed() -> None:
    texts = {name(page): page.read_text() for page in DOCUMENTS}
    texts["data/registry.toml"] = (ROOT / "data" / "registry.toml").read_text()
    wrong = []
    for page, text in texts.items():
        for address in ADDRESS.findall(text):
            parts = urlsplit(address)
            host = parts.hostname or ""
            local = host in ("localhost", "127.0.0.1")
            if not local and (parts.scheme != "https" or "." not in host):
                wrong.append((page, address))
    assert wrong == []


@pytest.mark.parametrize("page", [page for page in DOCUMENTS if page.name != "CHANGELOG.md"], ids=name)
def test_named_files_exist(page: Path) -> None:
    named = FILE.findall(page.read_text())
    assert [file for file in named if not (ROOT / file).exists()] == []


def test_the_map_names_files_and_folders_that_exist() -> None:
    """Every file name is that of a file of the repository, and every folder at the start of a line exists."""
    listed = (ROOT / "CONTRIBUTING.md").read_text().partition("```\n")[2].partition("\n```")[0]
    folders: list[str] = []
    for line in listed.splitlines():
        first = re.match(r"( *)([\w-]+)/(?: |$)", line)
        if first is not None and len(first[1]) % 2 == 0:
            folders = [*folders[: len(first[1]) // 2], first[2]]
            assert ROOT.joinpath(*folders).is_dir(), line
    files = {path.name for top in ("predictors", "proxybench", "docs", "tests") for path in (ROOT / top).rglob("*.py")}
    assert [file for file in re.findall(r"\b[\w/]+\.py\b", listed) if Path(file).name not in files] == []
