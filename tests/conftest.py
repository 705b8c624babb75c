"""Fixtures that several test folders share."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from filelock import FileLock, Timeout
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))  # for modules that several test folders share

# For torch and LightGBM, here and in the processes that tests start: networks and data of tests are small, and
# threads would only wait for each other. A test of threads sets their number itself.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests start some hundred interpreters: modules, and tests with their rewritten assertions, are compiled once for all.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Hypothesis draws other examples in every run, so that 30 of them at a time cover a law within a few runs. A test whose
# law needs more examples, or whose examples are slow, sets their number itself.
settings.register_profile("proxybench", deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("proxybench")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep modules and test items, some 700,000 objects, from the garbage collector, which would search them often."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of real benchmark files that PROXYBENCH_MIRROR names."""
    value = os.environ.get("PROXYBENCH_MIRROR", "")
    if not value:
        pytest.skip("PROXYBENCH_MIRROR is not set: no real benchmark files to read")
    folder = Path(value).resolve()
    if not (folder / "INDEX.csv").is_file():
        pytest.skip(f"PROXYBENCH_MIRROR={value} holds no INDEX.csv")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of the test's own; no mirror and no network unless the test says so."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("PROXYBENCH_CACHE", str(folder))
    monkeypatch.delenv("PROXYBENCH_MIRROR", raising=False)
    monkeypatch.delenv("PROXYBENCH_OFFLINE", raising=False)
    return folder


@pytest.fixture(scope="session")
def real_cache(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with every registered table, built once from the mirror; pytest's workers share the work."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "real-cache"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROXYBENCH_CACHE", str(folder))
        patch.setenv("PROXYBENCH_MIRROR", str(mirror))
        patch.setenv("PROXYBENCH_OFFLINE", "1")
        _build_tables(folder)
    return folder


def _build_tables(folder: Path) -> None:
    """Build what no other worker has in hand, the largest sources first; then wait for what the others have."""
    from proxybench.tables.fetch import fetch
    from proxybench.tables.sources.registry import load_registry

    registry = load_registry()
    names = sorted(registry.benchmarks, key=lambda name: -sum(file.bytes for file in registry.files_of(name).values()))
    for patience in (0, -1):
        in_hand = []
        for name in names:
            try:
                with FileLock(folder / f"{name}.lock", timeout=patience):
                    failed = [result for result in fetch([name]) if result.outcome == "failed"]
            except Timeout:
                in_hand.append(name)
                continue
            assert failed == []
        names = in_hand


@pytest.fixture(scope="session")
def part_of_cache(real_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a cache that has some tables of `real_cache` alone, for runs of what a suite has on small tables."""

    def choose(*names: str) -> Path:
        cache = tmp_path_factory.mktemp("part-of-cache")
        (cache / "tables").mkdir()
        for name in names:
            pointer = real_cache / "tables" / f"{name}.json"
            for path in (pointer, pointer.with_name(json.loads(pointer.read_text())["folder"])):
                (cache / "tables" / path.name).symlink_to(path)
        library = real_cache / "charting-library"
        library.mkdir(exist_ok=True)
        (cache / library.name).symlink_to(library)
        return cache

    return choose


@pytest.fixture
def real_tables(real_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use the cache with every registered table in this test."""
    monkeypatch.setenv("PROXYBENCH_CACHE", str(real_cache))
    return real_cache


@pytest.fixture(scope="session")
def write_trained() -> Callable[..., Path]:
    """Writes a table in the form of `proxybench train-table`: 2 runs, measured after 1 and 3 epochs."""
    return _write_trained


def _write_trained(path: Path, archs: Sequence[str], space: str = "nasbench201", **changed: object) -> Path:
    """Accuracies of architecture i, run r, after e epochs: test 20 + i/10 + r/4 + e, validation 1 more.

    `changed` replaces columns by name, or the `setting` in the file's metadata.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = [(0, "")] + [(epochs, str(run)) for run in (0, 1) for epochs in (1, 3)]
    rows = [(number, arch, *kind) for number, arch in enumerate(archs) for kind in kinds]
    test = [20 + i / 10 + int(seed) / 4 + epochs if seed else None for i, _, epochs, seed in rows]
    columns = {
        "arch": [arch for _, arch, _, _ in rows],
        "dataset": ["cifar10"] * len(rows),
        "epochs": pa.array([epochs for _, _, epochs, _ in rows], pa.int32()),
        "seed": [seed for *_, seed in rows],
        "params": [1000.0 + i if not epochs else None for i, _, epochs, _ in rows],
        "flops": [5000.0 - i if not epochs else None for i, _, epochs, _ in rows],
        "val_acc": [None if value is None else value + 1 for value in test],
        "test_acc": test,
    }
    setting = changed.pop("setting", {"space": space, "format": 1, "seeds": 2})
    table = pa.table(columns | changed).replace_schema_metadata({b"proxybench": json.dumps(setting).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)
    return path
