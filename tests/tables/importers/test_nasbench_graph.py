"""NAS-Bench-Graph's light files: units, keys and damage."""

from __future__ import annotations

import pickle
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictors.errors import UnknownName
from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers.nasbench_graph import read

LIGHT = "THUMNLab/NAS-Bench-Graph/be42534b56f6aaab2c3d6145b10eda9cbde10193/nas-bench-graph/light"
SPACE = get_space("nasbench-graph")
CORA = {  # two records of the real file
    80000: {"valid_perf": 0.7913333333333333, "perf": 0.762, "latency": 0.006238460540771484, "para": 0.636167},
    81111: {"valid_perf": 0.7866666666666667, "perf": 0.7596666666666666, "latency": 0.0045832, "para": 0.634119},
}


def written(folder, table, name="cora.bench"):
    path = folder / name
    path.write_bytes(pickle.dumps(table))
    return path


def rows_of(fragment, **wanted):
    return [row for row in fragment.values.to_pylist() if all(row[key] == value for key, value in wanted.items())]


def test_values_are_percent_milliseconds_and_counts(tmp_path):
    fragment = read([written(tmp_path, CORA)], SPACE, dataset="cora")
    [trained, untrained] = rows_of(fragment, arch="[0, 1, 2, 3]:gcn,gcn,gcn,gcn")
    assert (trained["dataset"], trained["epochs"], trained["seed"]) == ("cora", 400, "mean")
    assert trained["val_acc"] == pytest.approx(78.66667, abs=1e-5)
    assert trained["test_acc"] == pytest.approx(75.96667, abs=1e-5)
    assert (trained["params"], trained["latency_ms@gpu"]) == (None, None)
    assert (untrained["epochs"], untrained["seed"], untrained["val_acc"]) == (0, "", None)
    assert untrained["params"] == pytest.approx(634_119)
    assert untrained["latency_ms@gpu"] == pytest.approx(4.5832, abs=1e-4)


@pytest.fixture(scope="module")
def real(mirror):
    """Three of the nine real files; the table of all of them is tested with the registry."""
    return {
        dataset: read([mirror / LIGHT / f"{dataset}.bench"], SPACE, dataset=dataset)
        for dataset in ("cora", "physics", "proteins")
    }


@pytest.mark.parametrize(("dataset", "archs"), [("cora", 26_206), ("physics", 26_206), ("proteins", 2_021)])
def test_real_file_gives_two_rows_for_each_architecture(real, dataset, archs):
    assert real[dataset].values.num_rows == 2 * archs
    assert len(set(real[dataset].values.column("arch").to_pylist())) == archs


def test_real_best_test_accuracy_on_cora(real):
    assert max(row["test_acc"] for row in rows_of(real["cora"], epochs=400)) == pytest.approx(83.13333, abs=1e-5)


def test_missing_architectures_and_unequal_runs_are_noted(real):
    assert real["proteins"].notes == ("proteins: 2,021 of the 26,206 architectures were trained.",)
    assert real["physics"].notes == (
        "physics: the three runs of 1,113 architectures differ in size; params is their mean.",
    )


def test_unknown_data_set_is_named(tmp_path):
    with pytest.raises(UnknownName, match="Did you mean 'cora'"):
        read([written(tmp_path, CORA)], SPACE, dataset="corra")


@pytest.mark.parametrize(
    "table",
    [
        {100: CORA[80000]},  # not the canonical way to write this architecture
        {"80000": CORA[80000]},
        {80000: {"perf": 0.5}},
        {80000: CORA[80000] | {"perf": 76.2}},
        {80000: CORA[80000] | {"para": None}},
        [1, 2],
        7,
    ],
)
def test_other_contents_are_corrupt(tmp_path, table):
    with pytest.raises(CorruptData, match=r"cora\.bench"):
        read([written(tmp_path, table)], SPACE, dataset="cora")


def test_truncated_real_file_is_corrupt(mirror, tmp_path):
    data = (mirror / LIGHT / "proteins.bench").read_bytes()
    path = tmp_path / "proteins.bench"
    path.write_bytes(data[:-1000])
    with pytest.raises(CorruptData, match=r"proteins\.bench"):
        read([path], SPACE, dataset="proteins")


@settings(max_examples=40)
@given(st.data())
def test_flipped_bit_is_corrupt_or_another_number(tmp_path_factory, data):
    content = bytearray(pickle.dumps(CORA))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("flip") / "cora.bench"
    path.write_bytes(content)
    with suppress(CorruptData):
        assert read([path], SPACE, dataset="cora").values.num_rows <= 4
