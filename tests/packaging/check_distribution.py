"""Checks a built distribution before it is published: what the wheel holds, its size, and its version.

python tests/packaging/check_distribution.py dist --tag v0.2.0
"""

from __future__ import annotations

import argparse
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

NAME = "nas_proxybench"
MAX_BYTES = 30_000_000  # of a wheel; an index refuses 100 MB
NEEDED = (
    "predictors/__init__.py",
    "predictors/py.typed",
    "proxybench/__init__.py",
    "proxybench/py.typed",
    "proxybench/data/registry.toml",
    "proxybench/data/tasks.toml",
    "proxybench/data/network-counts.json",
    "proxybench/data/tables/trained-nasbench201.parquet",
    "proxybench/data/tables/nasbench201-proxies.parquet",
    "proxybench/data/models/generator-nasbench201.npz",
    "proxybench/data/cards/trained-nasbench201.md",
)
ROOTS = ("predictors", "proxybench", f"{NAME}-")


def problems_of_wheel(path: Path, tag: str = "") -> list[str]:
    """What is wrong with a wheel, one line for each problem; `tag` is the version with a v before it."""
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        metadata = next((name for name in names if name.endswith(".dist-info/METADATA")), "")
        fields = message_from_bytes(wheel.read(metadata)) if metadata else {}
        entry_points = next((wheel.read(name).decode() for name in names if name.endswith("entry_points.txt")), "")
    found = [f"{name} is missing" for name in NEEDED if name not in names]
    if not any(name.endswith("/web/page.html") for name in names):
        found.append("the template of the leaderboard's page is missing")
    found += [f"{name} does not belong in a wheel" for name in names if not name.startswith(ROOTS)]
    if path.stat().st_size > MAX_BYTES:
        found.append(f"{path.stat().st_size:,} bytes are more than {MAX_BYTES:,}")
    if fields.get("Name") != NAME.replace("_", "-"):
        found.append(f"the distribution is called {fields.get('Name')}")
    if tag and f"v{fields.get('Version')}" != tag:
        found.append(f"version {fields.get('Version')} is not that of the tag {tag}")
    if "proxybench = proxybench.cli:main" not in entry_points or "[pytest11]" not in entry_points:
        found.append("the command or the pytest plugin is missing in entry_points.txt")
    return found


def problems_of_sdist(path: Path) -> list[str]:
    """What is wrong with a source distribution."""
    with tarfile.open(path) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    needed = {"predictors", "proxybench", "data", "tests", "docs", "examples", "leaderboard", "README.md", "Makefile"}
    return [f"{name} is missing in the source distribution" for name in sorted(needed - tops)]


def main() -> None:
    """Print the problems, and exit with 1 if there are any."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tag", default="")
    given = parser.parse_args()
    wheels, sources = sorted(given.folder.glob("*.whl")), sorted(given.folder.glob("*.tar.gz"))
    found = [] if len(wheels) == len(sources) == 1 else [f"{given.folder} should hold one wheel and one .tar.gz"]
    found += [line for wheel in wheels for line in problems_of_wheel(wheel, given.tag)]
    found += [line for source in sources for line in problems_of_sdist(source)]
    for wheel in wheels:
        print(f"{wheel.name}: {wheel.stat().st_size:,} bytes")
    sys.exit("\n".join(found) or None)


if __name__ == "__main__":
    main()
