"""The importer of the official NATS-Bench archives answers as nats_bench's own interface does."""

from __future__ import annotations

import bz2
import pickle
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxybench.errors import CorruptData, UnknownName
from proxybench.spaces import get_space
from proxybench.tables.importers import nats_archive

ARCHIVES = "D-X-Y/NATS-Bench/1d4a304ad1906aa5866563438fcbf0d624b7eda2/fake_torch_dir"
FOLDERS = {"tss": "NATS-tss-v1_0-3ffb9-simple", "sss": "NATS-sss-v1_0-50262-simple"}
SPACES = {"tss": "nasbench201", "sss": "natsbench-size"}
BUDGETS = {"tss": {"12": 12, "200": 200}, "sss": {"01": 1, "12": 12, "90": 90}}
RECORDS = (0, 11, 284)
ANSWERS = {
    "train_acc": "train-accuracy",
    "train_loss": "train-loss",
    "train_s": "train-all-time",
    "val_acc": "valid-accuracy",
    "val_loss": "valid-loss",
    "test_acc": "test-accuracy",
    "test_loss": "test-loss",
}

Rows = dict[tuple[str, str, int, str], dict[str, Any]]


@pytest.fixture(scope="module", params=["tss", "sss"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(mirror: Path, kind: str) -> Path:
    return mirror / ARCHIVES / FOLDERS[kind]


@pytest.fixture(scope="module")
def meta(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The meta file of the first twelve architectures alone, which is read at once."""
    archs = pickle.loads(bz2.decompress((folder / "meta.pickle.pbz2").read_bytes()))["meta_archs"][:12]
    path: Path = tmp_path_factory.mktemp("meta") / "meta.pickle.pbz2"
    path.write_bytes(bz2.compress(pickle.dumps({"meta_archs": archs})))
    return path


@pytest.fixture(scope="module")
def rows(folder: Path, kind: str) -> Rows:
    table = nats_archive.read([folder], get_space(SPACES[kind]), kind).values
    return {(row["arch"], row["dataset"], row["epochs"], row["seed"]): row for row in table.to_pylist()}


@pytest.fixture(scope="module")
def api(folder: Path, kind: str) -> Any:
    nats_bench = pytest.importorskip("nats_bench")
    return nats_bench.create(str(folder), kind, fast_mode=True, verbose=False)


def runs(api: Any, kind: str) -> Iterator[tuple[int, str, str, int, list[int]]]:
    """(index, data set, budget as nats_bench names it, epochs, seeds) of everything the archive holds."""
    for index in RECORDS:
        for name, epochs in BUDGETS[kind].items():
            result = api.query_meta_info_by_index(index, name)
            for dataset in result.get_dataset_names():
                yield index, dataset, name, epochs, result.get_dataset_seeds(dataset)


def test_every_run_and_mean_is_what_nats_bench_answers(api, rows, kind):
    compared = 0
    for index, dataset, name, epochs, seeds in runs(api, kind):
        for seed in (*seeds, False):
            answer = api.get_more_info(index, dataset, hp=name, is_random=seed)
            row = rows[api.arch(index), dataset, epochs, "mean" if seed is False else str(seed)]
            borrowed = ("val_acc", "val_loss") if dataset == "cifar10" else ()
            for column in set(ANSWERS) - set(borrowed):
                assert row[column] == answer.get(ANSWERS[column]), (index, dataset, name, seed, column)
                compared += row[column] is not None
    # Per cell, 7 values a row (5 for cifar10): tss 12 epochs 3*7 + 2*5 + 2*2*7, 200 epochs 4*(3*7 + 5);
    # sss 1 and 90 epochs 2*(3*7 + 5) each, 12 epochs 4*(3*7 + 5).
    assert compared == {"tss": 3 * (59 + 104), "sss": 3 * (52 + 104 + 52)}[kind]


def test_cifar10_rows_borrow_the_validation_of_the_half_data_training(api, rows, kind):
    for index, dataset, name, epochs, seeds in runs(api, kind):
        if dataset == "cifar10-valid":
            for seed in (*seeds, False):
                answer = api.get_more_info(index, dataset, hp=name, is_random=seed)
                row = rows[api.arch(index), "cifar10", epochs, "mean" if seed is False else str(seed)]
                assert (row["val_acc"], row["val_loss"]) == (answer["valid-accuracy"], answer["valid-loss"])


def test_there_are_no_rows_beyond_those_of_nats_bench(api, rows, kind):
    expected = {(index, dataset, 0, "") for index in RECORDS for dataset in nats_archive.SETS}
    for index, dataset, _, epochs, seeds in runs(api, kind):
        for seed in (*map(str, seeds), "mean"):
            expected.add((index, dataset, epochs, seed))
            if dataset == "cifar10-valid":
                expected.add((index, "cifar10", epochs, seed))
    assert {(api.query_index_by_arch(arch), *key) for arch, *key in rows} == expected


def test_parameters_and_flops_are_the_whole_counts_behind_the_millions(api, rows):
    for index in RECORDS:
        for dataset in nats_archive.SETS:
            answer = api.get_cost_info(index, dataset)
            row = rows[api.arch(index), dataset, 0, ""]
            assert row["params"] == pytest.approx(answer["params"] * 1e6, abs=1e-6)
            assert row["flops"] == pytest.approx(answer["flops"] * 1e6, abs=1e-6)
            assert row["params"].is_integer()


def test_a_simulated_training_costs_and_reaches_what_the_rows_say(api, rows, kind):
    index, name, epochs = 11, *{"tss": ("200", 200), "sss": ("90", 90)}[kind]
    accuracy, *_ = api.simulate_train_eval(index, "cifar10", hp=name)
    reached = {
        row["val_acc"]
        for key, row in rows.items()
        if key[:3] == (api.arch(index), "cifar10", epochs) and key[3] != "mean"
    }
    assert accuracy in reached


def test_the_size_archive_trained_three_seeds_for_12_epochs_only(rows, kind):
    seeds = {
        epochs: sorted(seed for _, dataset, budget, seed in rows if dataset == "cifar100" and budget == epochs)
        for epochs in BUDGETS[kind].values()
    }
    three = sorted(["777", "888", "999"] * 3 + ["mean"] * 3)
    one = sorted(["777"] * 3 + ["mean"] * 3)
    assert (
        seeds
        == {
            "tss": {12: sorted(["111"] * 3 + ["mean"] * 3), 200: three},
            "sss": {1: one, 12: three, 90: one},
        }[kind]
    )


def test_progress_counts_the_records(folder, kind):
    seen: list[tuple[int, int]] = []
    space = get_space(SPACES[kind])
    nats_archive.read([folder], space, kind, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_every_architecture_is_written_as_its_space_writes_it(rows, kind):
    space = get_space(SPACES[kind])
    assert all(space.format(space.parse(arch)) == arch for arch, *_ in rows)


def test_an_archive_of_another_kind_is_refused(folder, kind):
    with pytest.raises(UnknownName, match="Did you mean 'tss'"):
        nats_archive.read([folder], get_space("nasbench201"), "tsss")
    other = {"tss": "sss", "sss": "tss"}[kind]
    with pytest.raises(ValueError, match="describes"):
        nats_archive.read([folder], get_space(SPACES[kind]), other)
    with pytest.raises(CorruptData, match="epoch budgets"):
        nats_archive.read([folder], get_space(SPACES[other]), other)


def copied(folder: Path, meta: Path, target: Path, change: Any) -> list[Path]:
    """The meta file and the record of cell 0, after `change` of the record's content."""
    record = pickle.loads(bz2.decompress((folder / "000000.pickle.pbz2").read_bytes()))
    change(record)
    (target / "000000.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(record)))
    return [meta, target / "000000.pickle.pbz2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record.pop("12"), "epoch budgets"),
        (lambda record: record["12"].update(arch_str="|none~0|"), "the meta file has"),
        (lambda record: record["12"].update(arch_index=5), "the meta file has"),
        (lambda record: record["12"]["all_results"].clear(), "KeyError"),
        (lambda record: record["12"]["dataset_seed"]["cifar10"].append(5), "KeyError"),
        (lambda record: next(iter(record["12"]["all_results"].values())).update(epochs=7), "7 epochs"),
        (lambda record: next(iter(record["12"]["all_results"].values()))["train_acc1es"].clear(), "KeyError"),
    ],
)
def test_a_record_that_contradicts_the_format_is_refused(folder, meta, kind, tmp_path, change, message):
    paths = copied(folder, meta, tmp_path, change)
    with pytest.raises(CorruptData, match=message):
        nats_archive.read(paths, get_space(SPACES[kind]), kind)


def test_where_runs_disagree_on_costs_that_of_seed_888_counts_as_in_nats_bench(folder, meta, kind, tmp_path):
    def disagree(record: dict[str, Any]) -> None:
        results = record["12"]["all_results"]
        run = dict(results["cifar10-valid", 777])
        results["cifar10-valid", 888] = {**run, "flop": 99.0, "seed": "0888"}
        record["12"]["dataset_seed"]["cifar10-valid"] = [777, 888]

    table = nats_archive.read(copied(folder, meta, tmp_path, disagree), get_space(SPACES[kind]), kind).values
    costs = [row for row in table.to_pylist() if (row["dataset"], row["epochs"]) == ("cifar10-valid", 0)]
    assert costs[0]["flops"] == 99_000_000


def test_a_missing_or_foreign_file_is_refused(folder, kind, tmp_path):
    space = get_space(SPACES[kind])
    with pytest.raises(CorruptData, match=r"0 files named meta\.pickle\.pbz2"):
        nats_archive.read([folder / "000000.pickle.pbz2"], space, kind)
    stray = tmp_path / "999999.pickle.pbz2"
    stray.write_bytes((folder / "000000.pickle.pbz2").read_bytes())
    with pytest.raises(CorruptData, match="its name is not the index"):
        nats_archive.read([folder / "meta.pickle.pbz2", stray], space, kind)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keep=st.floats(0, 0.999))
def test_a_torn_record_is_refused(folder, meta, kind, tmp_path, keep):
    data = (folder / "000011.pickle.pbz2").read_bytes()
    path = tmp_path / "000011.pickle.pbz2"
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(CorruptData, match=r"000011\.pickle\.pbz2"):
        nats_archive.read([meta, path], get_space(SPACES[kind]), kind)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_bit_flipped_inside_the_pickle_is_read_or_refused_and_never_a_crash(
    folder, meta, kind, tmp_path, position, bit
):
    data = bytearray(bz2.decompress((folder / "000011.pickle.pbz2").read_bytes()))
    data[position % len(data)] ^= 1 << bit
    path = tmp_path / "000011.pickle.pbz2"
    path.write_bytes(bz2.compress(data, 1))
    with suppress(CorruptData):
        nats_archive.read([meta, path], get_space(SPACES[kind]), kind)
