"""The check of a built distribution finds what is wrong with it; the metadata of the project are consistent."""

from __future__ import annotations

import re
import sys
import tomllib
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from check_distribution import NAME, NEEDED, problems_of_wheel

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def wheel(folder: Path, leave_out: str = "", add: str = "", version: str = "1.0", name: str = NAME.replace("_", "-")):
    path = folder / "one.whl"
    info = f"{NAME}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for needed in NEEDED:
            if needed != leave_out:
                archive.writestr(needed, "")
        archive.writestr(f"{info}/METADATA", f"Name: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/entry_points.txt",
            "[console_scripts]\nproxybench = proxybench.cli:main\n[pytest11]\nproxybench = proxybench.pytest_plugin\n",
        )
        archive.writestr("proxybench/leaderboard/web/page.html", "")
        if add:
            archive.writestr(add, "")
    return path


def test_a_good_wheel_has_no_problems(tmp_path: Path) -> None:
    assert problems_of_wheel(wheel(tmp_path), "v1.0") == []


def test_each_problem_is_named(tmp_path: Path) -> None:
    assert problems_of_wheel(wheel(tmp_path, leave_out=NEEDED[3])) == [f"{NEEDED[3]} is missing"]
    assert problems_of_wheel(wheel(tmp_path, add="tests/a.py")) == ["tests/a.py does not belong in a wheel"]
    assert problems_of_wheel(wheel(tmp_path, version="1.1"), "v1.0") == ["version 1.1 is not that of the tag v1.0"]
    assert problems_of_wheel(wheel(tmp_path, name="proxybench")) == ["the distribution is called proxybench"]


def test_what_a_wheel_needs_is_in_the_checkout() -> None:
    places = [name.replace("proxybench/data/", "data/") for name in NEEDED]
    assert [place for place in places if not (ROOT / place).is_file()] == []


def test_all_files_have_one_version() -> None:
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    latest = re.search(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert cited is not None
    assert latest is not None
    assert cited[1] == latest[1] == PROJECT["version"]


def test_every_classified_python_is_tested() -> None:
    classified = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    tested = re.search(r"python-version: \[(.*)\]", workflow)
    assert tested is not None
    assert re.findall(r"\d\.\d+", tested[1]) == classified
