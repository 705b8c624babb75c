"""Every code block of the README and of docs/ runs as it stands, in order, and prints what stands there."""

from __future__ import annotations

import re
from pathlib import Path

import blocks
import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_CODE = [path for path in DOCUMENTS if any(block.mark != "not run" for block in blocks.blocks_of(path))]
SLOW = [path for path in WITH_CODE if any(block.mark == "slow" for block in blocks.blocks_of(path))]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", WITH_CODE, ids=name)
def test_a_document_does_what_it_says(path: Path, fresh_folder: Path) -> None:
    assert blocks.check(path) >= 0


@pytest.mark.slow
@pytest.mark.parametrize("path", SLOW, ids=name)
def test_the_slow_part_of_a_document_does_what_it_says(path: Path, fresh_folder: Path) -> None:
    assert blocks.check(path, everything=True) > 0


def test_a_block_that_is_not_run_says_why() -> None:
    unexplained = [
        f"{name(path)}:{block.line}"
        for path in DOCUMENTS
        for block in blocks.blocks_of(path)
        if block.mark == "not run" and len(block.argument.split()) < 3
    ]
    assert unexplained == []


def test_the_readme_is_one_page_whose_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 130
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    assert len(targets) > 10
    assert [target for target in targets if not (ROOT / target).exists()] == []


def write(folder: Path, *fenced: str) -> Path:
    path = folder / "document.md"
    path.write_text("\n\n".join(fenced))
    return path


def test_blocks_share_names_and_files_and_their_output_is_compared(fresh_folder: Path) -> None:
    document = write(
        fresh_folder,
        "<!-- file: mine.py -->\n```python\nTHREE = 3\n```",
        "```python\nfrom mine import THREE\nprint(THREE, 'words')\n```",
        "```text\n3.01 words\n```",
        "```console\n$ cat mine.py\nTHREE = 3\n$ proxybench --version \\\n    --quiet\n...\n```",
    )
    assert blocks.check(document) == 4


@pytest.mark.parametrize(
    ("fenced", "complaint"),
    [
        (["```python\nprint(1)\n```", "```text\n2\n```"], "line 5, should be:\n1"),
        (["```python\nprint(1)\n```"], "prints what no text block shows"),
        (["```text\n1\n```"], "without output before it"),
        (["```console\n$ echo one\ntwo\n```"], "should be:\n\\$ echo one\none"),
    ],
)
def test_output_that_is_not_what_is_printed_there_fails(fenced: list[str], complaint: str, fresh_folder: Path) -> None:
    with pytest.raises(blocks.WrongOutput, match=complaint):
        blocks.check(write(fresh_folder, *fenced))


def test_a_document_ends_at_its_first_slow_block_unless_everything_is_requested(fresh_folder: Path) -> None:
    document = write(fresh_folder, "```python\nx = 1\n```", "<!-- slow -->\n```python\nx = y\n```")
    assert blocks.check(document) == 1
    with pytest.raises(NameError):
        blocks.check(document, everything=True)


@pytest.mark.parametrize(
    ("expected", "actual", "agree"),
    [
        ("tau 0.501 of 15,625", "tau 0.511 of 15,626", True),
        ("tau 0.50", "tau 0.55", False),
        ("a\n...\nz", "a\nb\nc\nz", True),
        ("a\n...\nz", "a\nb", False),
        ("... b ... d", "a b c d", True),
        ("gbdt(rounds=3)", "gbdt(rounds=30)", False),
    ],
)
def test_numbers_agree_nearly_and_words_exactly(expected: str, actual: str, agree: bool) -> None:
    assert blocks.same(expected, actual) is agree
