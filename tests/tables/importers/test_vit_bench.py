"""The importer of ViT-Bench-101."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra proxybench[torch] is not installed")

import torch

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers.vit_bench import read

FOLDER = "lliai/Auto-Prox-AAAI24/90ed458eff6948a6f0d23e440a8d21bbec50d091/gt_results"
SPACE = get_space("pit")
NETWORK = {
    "arch": {"base_dim": 16, "mlp_ratio": 6, "depth": [2, 8, 4], "num_heads": [2, 4, 4]},
    **{f"{name}_{setting}_acc": 50.0 for name in ("c100", "flower", "chaoyang") for setting in ("base", "kd")},
}


def read_networks(tmp_path, networks):
    path = tmp_path / "gt.pth"
    torch.save(networks, path)
    return read([path], SPACE).values.to_pylist()


def test_autoformer_networks(mirror):
    table = read([mirror / FOLDER / "gt_autoformer.pth"], get_space("autoformer-tiny")).values.to_pandas()
    assert table["arch"].nunique() == 100
    assert set(table["epochs"]) == {300}
    first = table[table["arch"] == table["arch"][0]].set_index("dataset")
    assert first["test_acc"].dropna().to_dict() == {
        **{"cifar100": 68.66, "cifar100-distilled": 76.06, "flowers102": 53.6835},
        **{"flowers102-distilled": 66.59620000000001, "chaoyang": 81.9542, "chaoyang-distilled": 84.8527},
    }
    assert first.loc["imagenet", "supernet_acc"] == 74.64400003


def test_what_the_second_file_did_not_measure_has_no_row(mirror):
    table = read([mirror / FOLDER / "gt_autoformer_2.pth"], get_space("autoformer-tiny")).values.to_pandas()
    counts = table["dataset"].value_counts().to_dict()
    distilled = {f"{name}-distilled": 100 for name in ("cifar100", "flowers102", "chaoyang")}
    assert counts == distilled | {"imagenet": 100}


def test_pit_networks(mirror):
    table = read([mirror / FOLDER / "gt_pit.pth"], SPACE).values.to_pandas()
    cifar = table[table["dataset"] == "cifar100"]
    assert len(cifar) == 100
    assert cifar["arch"].iloc[0] == "b16-r6-d2h2-d8h4-d4h4"
    assert (cifar["test_acc"].min(), cifar["test_acc"].max()) == (50.73, pytest.approx(76.54))


def test_rows_of_one_network(tmp_path):
    rows = read_networks(tmp_path, [NETWORK | {"c100_base_acc": None}])
    assert [row["dataset"] for row in rows] == [
        *("cifar100-distilled", "flowers102", "flowers102-distilled", "chaoyang", "chaoyang-distilled")
    ]


@pytest.mark.parametrize(
    "networks",
    [
        {},
        [[]],
        [{}],
        [{key: value for key, value in NETWORK.items() if key != "arch"}],
        [NETWORK | {"arch": "b16-r6-d2h2-d8h4-d4h4"}],
        [NETWORK | {"arch": NETWORK["arch"] | {"base_dim": 17}}],
        [NETWORK | {"c100_base_acc": "50"}],
        [NETWORK | {"c100_base_acc": 101.0}],
        [NETWORK | {"tiny_base_acc": 50.0}],
        [NETWORK, NETWORK | {"c100_base_acc": 51.0}],
        [NETWORK | {"c100_base_acc": torch.tensor(50.0)}],
    ],
    ids=str,
)
def test_other_documents_are_an_error_that_names_the_file(tmp_path, networks):
    with pytest.raises(CorruptData, match=r"gt\.pth"):
        read_networks(tmp_path, networks)
