"""The importer of NAS-Bench-MR."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import proxybench as pb
from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.importers.nasbench_mr import read

SPACE = get_space("nasbench-mr")
CODE = list(SPACE.code(SPACE.parse(SPACE.example)))
NETWORK = {"embedding": CODE, "top1": 50.0, "top5": 80.5, "flops": 0.25, "params": 1.5}


def read_networks(tmp_path, networks):
    path = tmp_path / "trainval.pkl"
    path.write_bytes(pickle.dumps(networks))
    return read([path], SPACE, "hmdb51").values.to_pylist()


@pytest.fixture
def bench(real_tables: Path) -> Benchmark:
    """The table of the eight published files, one for each setting."""
    return pb.load("nasbench-mr")


def test_segmentation(bench):
    found = {
        metric: bench.values(metric, dataset="cityscapes", epochs=1)
        for metric in ("val_miou", "val_class_acc", "val_acc")
    }
    params, flops = (bench.values(metric, dataset="cityscapes") for metric in ("params", "flops"))
    assert len(bench) == 2_507
    assert found["val_miou"].max() == 79.1
    largest = int(params.argmax())
    assert [values[largest] for values in found.values()] == [76.09, 83.87, 96.1]
    assert [params[largest], flops[largest]] == [28_290_994, 13_727_426_866]


@pytest.mark.parametrize(
    ("dataset", "best"),
    [("imagenet-50-1000", 86.16), ("cls-10c", 67.96), ("hmdb51", 28.292), ("hmdb51-pretrained", 40.391)],
)
def test_classification(bench, dataset, best):
    assert bench.values("val_acc", dataset=dataset, epochs=1).max() == best
    for metric in ("val_acc", "val_top5"):
        assert np.isfinite(bench.values(metric, dataset=dataset, epochs=1)).sum() == 2_507


def test_networks_have_one_size_in_all_settings(bench):
    sizes = [[bench.values(metric, dataset=dataset) for metric in ("params", "flops")] for dataset in bench.datasets]
    assert len(sizes) == 8
    assert np.isfinite(sizes[0]).all()
    assert all(np.array_equal(other, sizes[0]) for other in sizes)


def test_rows_of_one_network(tmp_path):
    trained, untrained = read_networks(tmp_path, [NETWORK])
    assert (trained["arch"], trained["epochs"], trained["seed"]) == (SPACE.example, 1, "0")
    assert (trained["val_acc"], trained["val_top5"]) == (50.0, 80.5)
    assert (untrained["params"], untrained["flops"]) == (1_500_000, 250_000_000)


@pytest.mark.parametrize(
    "networks",
    [
        {},
        [[]],
        [{}],
        [NETWORK | {"embedding": CODE[:-1]}],
        [NETWORK | {"embedding": tuple(CODE)}],
        [NETWORK | {"embedding": [*CODE[:-1], 63]}],
        [NETWORK | {"top1": 101.0}],
        [NETWORK | {"top1": None}],
        [NETWORK | {"params": "1"}],
        [NETWORK, NETWORK | {"top5": 81.0}],
        [{key: value for key, value in NETWORK.items() if key != "top5"}],
        [{key: value for key, value in NETWORK.items() if key != "flops"}],
    ],
    ids=str,
)
def test_other_documents_are_an_error_that_names_the_file(tmp_path, networks):
    with pytest.raises(CorruptData, match=r"trainval\.pkl"):
        read_networks(tmp_path, networks)
