"""The doctor command: reports what is installed, where the data is stored, and any problems."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from predictors.errors import DISTRIBUTION, how_to_install
from proxybench.cli.output import Json, fail_if, print_json, print_table

PACKAGES = (
    DISTRIBUTION,
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "scikit-learn",
    "lightgbm",
    "numba",
    "requests",
    "msgspec",
)
OPTIONAL = {
    "torch": "torch",
    "torch-geometric": "torch",
    "pillow": "torch",
    "nats_bench": "nats",
    "distributed": "dask",
    "vl-convert-python": "report",
    "pymoo": "search",
    "optuna": "search",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    subject: str
    state: Literal["ok", "absent", "problem"]
    detail: str


def doctor(as_json: Json = False) -> None:
    """Report versions, extras, cache, environment variables and damaged tables."""
    findings = [*_software(), *_environment(), *_cache(), *_tables()]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        rows = [(finding.subject, finding.state, finding.detail) for finding in findings]
        print_table(("subject", "state", "detail"), rows)
    fail_if([f"{finding.subject}: {finding.detail}" for finding in findings if finding.state == "problem"])


def _software() -> list[Finding]:
    findings = [Finding("python", "ok", platform.python_version())]
    for package in (*PACKAGES, *OPTIONAL):
        try:
            findings.append(Finding(package, "ok", version(package)))
        except PackageNotFoundError:
            extra = OPTIONAL.get(package)
            if extra is None:
                findings.append(Finding(package, "problem", f"not installed; run: pip install {DISTRIBUTION}"))
            else:
                findings.append(Finding(package, "absent", f"optional; {how_to_install(extra)}"))
    return findings


def _environment() -> list[Finding]:
    findings = []
    for name in ("PROXYBENCH_CACHE", "PROXYBENCH_MIRROR", "PROXYBENCH_OFFLINE"):
        value = os.environ.get(name)
        findings.append(Finding(name, "ok" if value else "absent", value or "not set"))
    return findings


def _cache() -> list[Finding]:
    from proxybench.cache_folder import cache_dir

    folder = cache_dir()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = f"{shutil.disk_usage(existing).free / 1e9:.1f} GB free"
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return [Finding("cache", "problem", f"{existing} is not writable; set PROXYBENCH_CACHE to a writable folder")]
    return [Finding("cache", "ok", f"{folder}, {free}")]


def _tables() -> list[Finding]:
    from proxybench.errors import CorruptData
    from proxybench.tables.catalogue import list_benchmarks
    from proxybench.tables.store.places import open_table

    findings = []
    try:
        infos = list_benchmarks().values()
    except CorruptData as error:
        return [Finding("tables", "problem", str(error))]
    for info in infos:
        if info.shipped:
            findings.append(Finding(info.name, "ok", f"{info.architectures:,} architectures, comes with the project"))
            continue
        if not info.available:
            findings.append(Finding(info.name, "absent", f"run: proxybench fetch {info.name}"))
            continue
        missing = [
            name for name in open_table(info.name).info.sha256 if not (open_table(info.name).folder / name).is_file()
        ]
        if missing:
            findings.append(
                Finding(
                    info.name, "problem", f"{', '.join(missing)} missing; run: proxybench fetch --rebuild {info.name}"
                )
            )
        else:
            findings.append(Finding(info.name, "ok", f"{info.architectures:,} architectures"))
    return findings
