"""Official files that a user has, imported into tables of their own; what is wrong with a file is one clear error."""

from __future__ import annotations

import bz2
import json
import os
import pickle
import shutil
import struct
import zipfile
from pathlib import Path

import pytest

import proxybench as pb
from proxybench.tables.official import KINDS, import_official

NATS = "D-X-Y/NATS-Bench/1d4a304ad1906aa5866563438fcbf0d624b7eda2/fake_torch_dir"
FOLDERS = {"nats-tss": "NATS-tss-v1_0-3ffb9-simple", "nats-sss": "NATS-sss-v1_0-50262-simple"}
ZC = "automl/NASLib/7a5496e2211d8ab65da40e0e2d5333aba87df614/naslib/data/zc_nasbench101.json"


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_nats_archive_becomes_the_table_that_the_sample_is(
    real_cache: Path, mirror: Path, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXYBENCH_CACHE", str(real_cache))
    sample = pb.load(f"{kind}-sample")
    monkeypatch.setenv("PROXYBENCH_CACHE", str(tmp_path))
    (table,) = import_official(kind, mirror / NATS / FOLDERS[kind])
    bench = pb.load(table.info.name)
    assert list(bench.archs) == list(sample.archs)
    assert bench.coverage().equals(sample.coverage())


@pytest.mark.parametrize(
    ("kind", "space", "budgets"), [("nats-tss", "tss", (12, 200)), ("nats-sss", "sss", (1, 12, 90))]
)
def test_nats_api_and_query_answer_alike(
    cache: Path, mirror: Path, kind: str, space: str, budgets: tuple[int, ...]
) -> None:
    from nats_bench import create

    folder = mirror / NATS / FOLDERS[kind]
    import_official(kind, folder)
    bench = pb.load(kind)
    api = create(str(folder), space, fast_mode=True, verbose=False)
    compared = 0
    for row, index in enumerate((0, 11, 284)):
        for dataset in ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120"):
            for epochs in budgets:
                for seed in bench.seeds("test_acc", dataset, epochs):
                    run: bool | int = False if seed == "mean" else int(seed)
                    info = api.get_more_info(index, dataset, hp=f"{epochs:02d}", is_random=run)
                    for metric, name in (("test_acc", "test-accuracy"), ("val_acc", "valid-accuracy")):
                        if name in info:
                            assert (
                                bench.query(row, dataset=dataset, metric=metric, epochs=epochs, seed=seed) == info[name]
                            )
                            compared += 1
    assert compared > 100


def test_a_suite_zero_file_keeps_the_first_of_repeated_cells(cache: Path, mirror: Path) -> None:
    (table,) = import_official("suite-zero", mirror / ZC)
    assert table.info.name == "suite-zero-nasbench101"
    assert len(pb.load("suite-zero-nasbench101")) == 292


def test_an_nds_sweep_becomes_a_table(cache: Path, tmp_path: Path) -> None:
    net = {"block_type": "res_basic_block", "ds": [1, 2], "ws": [16, 24], "ss": [1, 2], "bot_muls": [], "num_gs": []}
    job = {
        "job_id": 1,
        "rng_seed": 1,
        "net": net,
        "params": 1000,
        "flops": 2000,
        "test_ep_top1": [60.0, 10.5],
        "train_ep_top1": [61.0, 9.0],
        "train_ep_loss": [1.0, 0.3],
    }
    path = tmp_path / "ResNet.json"
    path.write_text(json.dumps([job]))
    (table,) = import_official("nds", path)
    bench = pb.load("nds-resnet")
    assert table.info.space == "nds-resnet"
    assert bench.query(0, metric="test_acc", epochs=2) == 89.5
    assert bench.query(0, metric="params") == 1000


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def evil_archive(folder: Path) -> Path:
    folder.mkdir()
    for name in ("meta", "000000"):
        (folder / f"{name}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(Evil(folder / "ran"))))
    return folder


def climbing_zip(folder: Path) -> Path:
    path = folder / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../DARTS.json", "[]")
    return path


def huge_record(folder: Path) -> Path:
    path = folder / "huge.tfrecord"
    path.write_bytes(struct.pack("<Q", 10 * 2**30) + bytes(100))
    return path


def empty_sweep(folder: Path) -> Path:
    path = folder / "DARTS.json"
    path.write_text("[]")
    return path


BAD = [
    ("nats-tss", lambda folder: evil_archive(folder / "archive"), "refused to load"),
    ("nats-tss", lambda folder: folder, "not a NATS-Bench archive"),
    ("nds", climbing_zip, "points outside the archive"),
    ("nds", empty_sweep, "no architecture"),
    ("nasbench101", huge_record, "byte 0"),
    ("suite-zero", empty_sweep, "names no benchmark"),
]


@pytest.mark.parametrize(("kind", "make", "message"), BAD)
def test_a_bad_file_is_named_and_leaves_the_cache_as_it_was(cache: Path, tmp_path: Path, kind, make, message) -> None:
    path = make(tmp_path)
    with pytest.raises(pb.CorruptData, match=message) as caught:
        import_official(kind, path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "archive/ran").exists()
    assert pb.list_benchmarks().keys() == {name for name in pb.list_benchmarks() if not name.startswith("nds-")}
    assert not list(cache.rglob("*.json"))


def test_an_unknown_kind_suggests_the_nearest() -> None:
    with pytest.raises(pb.UnknownName, match="Did you mean 'nasbench101'"):
        import_official("nasbench-101", Path())
    assert set(KINDS) == {"nats-tss", "nats-sss", "nasbench101", "nds", "suite-zero"}


def test_a_truncated_record_leaves_the_table_of_before(cache: Path, mirror: Path, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    shutil.copytree(mirror / NATS / FOLDERS["nats-tss"], folder, copy_function=shutil.copyfile)
    import_official("nats-tss", folder)
    record = folder / "000011.pickle.pbz2"
    record.write_bytes(record.read_bytes()[:1000])
    with pytest.raises(pb.CorruptData, match="000011"):
        import_official("nats-tss", folder)
    assert len(pb.load("nats-tss")) == 3


@pytest.mark.parametrize(
    ("name", "kind"), [("nds-darts", "nds"), ("nats-tss", "nats-tss"), ("nasbench101-official", "nasbench101")]
)
def test_an_official_table_that_is_not_here_names_the_import(cache: Path, name: str, kind: str) -> None:
    with pytest.raises(pb.DataNotAvailable, match=f"proxybench import {kind} "):
        pb.load(name)


def test_an_imported_sweep_is_ranked_by_its_task(cache: Path, tmp_path: Path) -> None:
    from proxybench.evaluation.evaluate import evaluate
    from proxybench.evaluation.job_specs import specify
    from proxybench.evaluation.tasks import load_tasks

    jobs = [
        {
            "job_id": depth,
            "rng_seed": 1,
            "net": {"ds": [1, depth], "ws": [16, 24], "ss": [1, 2], "bot_muls": [], "num_gs": []},
            "params": 1000 * depth,
            "flops": 2000,
            "test_ep_top1": [50.0] * 99 + [30.0 - depth],
        }
        for depth in range(1, 13)
    ]
    (tmp_path / "ResNet.json").write_text(json.dumps(jobs))
    import_official("nds", tmp_path / "ResNet.json")
    record = evaluate(specify(load_tasks()["nds-resnet-test"], pb.load("nds-resnet"), "params"))
    assert record.task.size == 12
    assert record.metrics["kendall"] == pytest.approx(1.0)
