"""The provenance of a record: where it was made, and with which software."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import predictors
from predictors.errors import DISTRIBUTION
from proxybench.resources import data_path

LIBRARIES = ("numpy", "scipy", "scikit-learn", "lightgbm", "numba", "pandas", "pyarrow")


@cache
def provenance() -> dict[str, str]:
    """Library versions, commit (empty outside a checkout), machine class and time (UTC, ISO 8601)."""
    return {
        "proxybench": version(DISTRIBUTION),
        **{name: version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "machine": f"{platform.system()}-{platform.machine()}-{os.cpu_count()}cpu",
        "commit": _commit(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@cache
def project_digest() -> str:
    """SHA-256 of the local code of this project and its task list: equal digests mean equal work."""
    packages = Path(__file__).resolve().parents[1], Path(predictors.__file__).resolve().parent
    content = hashlib.sha256(data_path("tasks.toml").read_bytes())
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            content.update(f"{path.relative_to(package.parent).as_posix()}\n".encode())
            content.update(path.read_bytes())
    return content.hexdigest()


def _commit() -> str:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""
