"""The importer of NAS-Bench-MR."""

from __future__ import annotations

import pickle

import pytest

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers.nasbench_mr import read

SPACE = get_space("nasbench-mr")
FOLDER = "dingmyu/NCP/5259acdf9876c3adf4b8b1133afc3ac0d1077d65/data"
CODE = list(SPACE.code(SPACE.parse(SPACE.example)))
NETWORK = {"embedding": CODE, "top1": 50.0, "top5": 80.5, "flops": 0.25, "params": 1.5}


def read_networks(tmp_path, networks):
    path = tmp_path / "trainval.pkl"
    path.write_bytes(pickle.dumps(networks))
    return read([path], SPACE, "hmdb51").values.to_pylist()


@pytest.fixture(scope="module")
def tables(mirror):
    """The rows of each published file by its setting."""
    settings = ("cls-10-1000", "cls-10c", "cls-50-100", "cls-50-1000", "seg", "seg-4x", "video", "video-p")
    paths = {setting: mirror / FOLDER / setting / "trainval.pkl" for setting in settings}
    return {setting: read([path], SPACE, setting).values.to_pandas() for setting, path in paths.items()}


def test_segmentation(tables):
    table = tables["seg"]
    assert table["arch"].nunique() == 2_507
    assert table["val_miou"].max() == 79.1
    largest = table[table["arch"] == table["arch"][0]].set_index("epochs")
    assert largest.loc[1, ["val_miou", "val_class_acc", "val_acc"]].tolist() == [76.09, 83.87, 96.1]
    assert largest.loc[0, ["params", "flops"]].tolist() == [28_290_994, 13_727_426_866]


@pytest.mark.parametrize(
    ("setting", "best"), [("cls-50-1000", 86.16), ("cls-10c", 67.96), ("video", 28.292), ("video-p", 40.391)]
)
def test_classification(tables, setting, best):
    assert tables[setting]["val_acc"].max() == best
    assert tables[setting]["val_acc"].count() == tables[setting]["val_top5"].count() == 2_507


def test_networks_have_one_size_in_all_settings(tables):
    sizes = [
        dict(zip(untrained["arch"], zip(untrained["params"], untrained["flops"], strict=True), strict=True))
        for table in tables.values()
        for untrained in [table[table["epochs"] == 0]]
    ]
    assert len(sizes[0]) == 2_507
    assert all(other == sizes[0] for other in sizes)


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
