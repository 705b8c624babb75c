"""FreeREA's frames of all NAS-Bench-101 cells, and the parts of TA-GATES."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from proxybench.errors import CorruptData, InvalidArchitecture
from proxybench.readers.arrays import parse_npy
from proxybench.readers.untrusted import read_pickle
from proxybench.spaces import get_space
from proxybench.tables.importers import nasbench101_mean, ta_gates

SPACE = get_space("nasbench101")
FREEREA = "NiccoloCavagnero/FreeREA/9c2a726cd3adf526c43ae52a515a8fc5ea927fe7/cached_metrics/nasbench101/cifar10"
FLAN = "abdelfattah-lab/flan_nas/1a9d282e9934c9e660834f495caa6a74719f262c/correlation_trainer/tagates_replication"
BEST = "02e5a0247bbdcf2860b7e96f74961594"


def write(path: Path, **columns: object) -> Path:
    frame = pd.DataFrame(columns)
    path.write_bytes(pickle.dumps(frame.set_axis(pd.Index(list(columns), dtype=object), axis=1), 4))
    return path


def test_every_cell_has_a_mean_test_accuracy_in_the_order_of_hashes(mirror: Path) -> None:
    paths = [mirror / FREEREA / "accuracies.pkl.gz", mirror / FREEREA / "params.pkl.gz"]
    rows = nasbench101_mean.read(paths, SPACE).values.to_pandas()
    trained = rows[rows["epochs"] == 108]
    assert len(trained) == len(rows) / 2 == len(SPACE)
    best = trained.loc[trained["test_acc"].idxmax()]
    assert best["test_acc"] == pytest.approx(94.3175752957662, rel=1e-12)
    assert SPACE.hash(SPACE.parse(best["arch"])) == BEST
    for row in (0, 1, 200_000, 423_623):
        assert trained["arch"].iloc[row] == SPACE.format(SPACE[row])


@pytest.mark.parametrize(("accuracies", "reason"), [
    ({"index": np.arange(3), "accuracy": np.full(3, 0.9)}, "not the numbers from 0 to 423623"),
    ({"index": np.arange(423_624)[::-1], "accuracy": np.full(423_624, 0.9)}, "not the numbers from 0"),
    ({"index": np.arange(423_624), "accuracy": np.full(423_624, 1.1)}, "not numbers from 0 to 1"),
    ({"index": np.arange(423_624), "accuracy": np.full(423_624, np.nan)}, "not numbers from 0 to 1"),
    ({"index": np.arange(423_624), "other": np.full(423_624, 0.9)}, "columns index, other, not index and accuracy"),
])  # fmt: skip
def test_other_frames_are_refused(tmp_path: Path, accuracies: dict[str, object], reason: str) -> None:
    path = write(tmp_path / "accuracies.pkl", **accuracies)
    with pytest.raises(CorruptData, match=rf"accuracies\.pkl.*{reason}"):
        nasbench101_mean.read([path, path], SPACE)


def test_the_parts_of_ta_gates_are_disjoint(mirror: Path) -> None:
    paths = [mirror / FLAN / "nb101_hash_train.txt", mirror / FLAN / "nb101_hash.txt"]
    rows = ta_gates.read(paths, SPACE).values.to_pandas()
    assert len(set(rows["arch"])) == len(rows) == 14_580
    assert rows.drop(columns=["arch", "dataset", "epochs", "seed"]).sum().to_dict() == {
        "subset:ta_gates": 14_580.0,
        "subset:ta_gates_train": 7_290.0,
        "subset:ta_gates_test": 7_290.0,
    }


@pytest.mark.parametrize(("hashes", "positions"), [("hash_train.txt", "train"), ("hash.txt", "test")])
def test_the_parts_of_ta_gates_are_published_as_positions_too(mirror: Path, hashes: str, positions: str) -> None:
    given = parse_npy((mirror / FLAN / f"nb101_{positions}_tagates.npy").read_bytes())
    named = read_pickle(mirror / FLAN / f"nb101_{hashes}")
    assert [SPACE.hash(SPACE[int(position)]) for position in given[:300]] == named[:300]
    assert np.argsort(given).tolist() == np.argsort(named).tolist()


def test_other_lists_are_no_parts(tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_bytes(pickle.dumps([BEST]))
    for value in (BEST, [1], None):
        second.write_bytes(pickle.dumps(value))
        with pytest.raises(CorruptData, match=r"second\.txt: not a list of hashes"):
            ta_gates.read([first, second], SPACE)
    with pytest.raises(CorruptData, match="a hash occurs twice"):
        ta_gates.read([first, first], SPACE)
    second.write_bytes(pickle.dumps(["0" * 32]))
    with pytest.raises(InvalidArchitecture, match="the hash of no cell"):
        ta_gates.read([first, second], SPACE)
