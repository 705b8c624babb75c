"""Import of official benchmark files, provided by users since they are too large for a registry entry.

Each kind determines the files at a path and the importer for them; the tables are then built like fetched ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from proxybench.errors import CorruptData, DataNotAvailable, unknown_name
from proxybench.tables.build import build_table
from proxybench.tables.sources.cache import sha256_of
from proxybench.tables.sources.registry import BenchmarkEntry, SourceFile, Use
from proxybench.tables.store.stored import StoredTable


class OfficialTable(NamedTuple):
    """A table to build: its name, its entry and the location of its files."""

    name: str
    entry: BenchmarkEntry
    paths: Mapping[str, Path]


def import_official(kind: str, path: Path, progress: Callable[[str], None] = lambda step: None) -> list[StoredTable]:
    """Import an official file or folder and store its tables.

    Args:
        kind: "nats-tss", "nats-sss" (folder of .pickle.pbz2), "nasbench101" (.tfrecord), "nds" (data.zip, or one
            sweep.json of it), "suite-zero" (a zc_*.json).
        path: the file or folder.
        progress: called with a short description before each step.

    Raises:
        UnknownName: for an unknown kind.
        DataNotAvailable: if `path` does not exist.
        CorruptData: if a file is damaged, not in its documented format or of another kind.
    """
    if kind not in KINDS:
        raise unknown_name("kind of official file", kind, KINDS)
    if not path.exists():
        raise DataNotAvailable(f"{path} does not exist; give the official {kind} file or folder")
    return [_build(plan, progress) for plan in KINDS[kind](path)]


def _build(plan: OfficialTable, progress: Callable[[str], None]) -> StoredTable:
    progress(f"{plan.name}: hashing")
    files = {name: _described(path) for name, path in plan.paths.items()}
    return build_table(plan.name, plan.entry, files, plan.paths, lambda step: progress(f"{plan.name}: {step}"))


def _described(path: Path) -> SourceFile:
    """The card's description of a file or folder; the checksum of a folder is over names and contents in order."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}:{sha256_of(file)}\n".encode())
    return SourceFile(
        urls=(),
        path=path.name,
        sha256=digest.hexdigest() if path.is_dir() else sha256_of(path),
        bytes=sum(file.stat().st_size for file in files),
        licence="as its publisher states",
    )


def _nats(kind: str, space: str, path: Path) -> list[OfficialTable]:
    if not path.is_dir() or not (path / "meta.pickle.pbz2").is_file():
        raise CorruptData(
            f"{path} is not a NATS-Bench archive: a folder with meta.pickle.pbz2 and one file per architecture"
        )
    entry = BenchmarkEntry(
        space=space,
        title=f"NATS-Bench {'topology' if kind == 'tss' else 'size'} space, from the official archive",
        population="The records of the imported archive.",
        datasets="cifar10-valid, cifar10 (validation figures of cifar10-valid), cifar100, ImageNet16-120",
        citation="Dong, Liu, Musial and Gabrys, NATS-Bench, TPAMI 2021",
        sources=(Use(importer="nats_archive:read", files=("archive",), args={"kind": kind}),),
    )
    return [OfficialTable(f"nats-{kind}", entry, {"archive": path})]


def _nasbench101(path: Path) -> list[OfficialTable]:
    entry = BenchmarkEntry(
        space="nasbench101",
        title="NAS-Bench-101, from the official tfrecord file",
        population="The cells of the imported file; the official files hold all 423,624.",
        datasets="cifar10: 40,000 training, 10,000 validation, 10,000 test images",
        citation="Ying et al., NAS-Bench-101: Towards Reproducible Neural Architecture Search, ICML 2019",
        sources=(Use(importer="nasbench101_tfrecord:read", files=("tfrecord",)),),
    )
    return [OfficialTable("nasbench101-official", entry, {"tfrecord": path})]


def _nds(path: Path) -> list[OfficialTable]:
    from proxybench.tables.importers.nds import space_of, sweeps_in

    plans = []
    for sweep in sweeps_in(path):
        entry = BenchmarkEntry(
            space=space_of(sweep),
            title=f"NDS sweep {sweep}",
            population="The networks that the sweep drew at random and trained.",
            datasets="imagenet" if sweep.endswith("_in") else "cifar10",
            citation="Radosavovic et al., On Network Design Spaces for Visual Recognition, ICCV 2019",
            sources=(Use(importer="nds:read", files=("sweep",), args={"sweep": sweep}),),
        )
        plans.append(OfficialTable(f"nds-{sweep.lower()}", entry, {"sweep": path}))
    return plans


def _suite_zero(path: Path) -> list[OfficialTable]:
    from proxybench.tables.importers.suite_zero import BENCHMARKS
    from proxybench.tables.importers.suite_zero_json import benchmark_of

    name = benchmark_of(path)
    entry = BenchmarkEntry(
        space=BENCHMARKS[name].space,
        title=f"NAS-Bench-Suite-Zero scores of {name}",
        population="The architectures of the imported file.",
        datasets="as the tasks of the file name them",
        citation="Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022 Datasets and Benchmarks",
        sources=(
            Use(importer="suite_zero_json:read", files=("scores",), args={"benchmark": name, "repeats": "first"}),
        ),
    )
    return [OfficialTable(f"suite-zero-{name}", entry, {"scores": path})]


KINDS: Mapping[str, Callable[[Path], list[OfficialTable]]] = {
    "nats-tss": partial(_nats, "tss", "nasbench201"),
    "nats-sss": partial(_nats, "sss", "natsbench-size"),
    "nasbench101": _nasbench101,
    "nds": _nds,
    "suite-zero": _suite_zero,
}
