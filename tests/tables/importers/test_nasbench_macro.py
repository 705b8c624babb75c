"""The importer of the NAS-Bench-Macro JSON."""

from __future__ import annotations

import json

import pytest

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers.nasbench_macro import read

SPACE = get_space("nasbench-macro")
FILE = "xiusu/NAS-Bench-Macro/61a2bfc2ca0dce04d0997e6cf498047c27d6acf2/data/nas-bench-macro_cifar10.json"
ENTRY = {"test_acc": [89.5, 88.9, 89.2], "mean_acc": 89.2, "std": 0.2, "params": 890_666, "flops": 47_327_744}


def read_text(tmp_path, text):
    path = tmp_path / "macro.json"
    path.write_text(text)
    return read([path], SPACE).values.to_pylist()


@pytest.fixture(scope="module")
def published(mirror):
    return read([mirror / FILE], SPACE).values.to_pandas()


def test_6561_networks_have_three_trainings_a_mean_and_their_size(published):
    assert published["arch"].nunique() == 6_561
    counts = published.groupby(["epochs", "seed"])[["test_acc", "params", "flops"]].count()
    assert {key: tuple(row) for key, row in zip(counts.index, counts.to_numpy(), strict=True)} == {
        (0, ""): (0, 6_561, 6_561),
        (50, "0"): (6_561, 0, 0),
        (50, "1"): (6_561, 0, 0),
        (50, "2"): (6_561, 0, 0),
        (50, "mean"): (6_561, 0, 0),
    }


def test_the_best_mean_is_93_127_percent(published):
    means = published[published["seed"] == "mean"]
    best = means.loc[means["test_acc"].idxmax()]
    assert best["arch"] == "22212220"
    assert best["test_acc"] == pytest.approx((93.27999877929688 + 93.32999420166016 + 92.7699966430664) / 3)


def test_the_published_mean_is_that_of_the_three_trainings(published):
    trained = published[published["epochs"] == 50].pivot_table(index="arch", columns="seed", values="test_acc")
    assert (trained[["0", "1", "2"]].mean(axis=1) - trained["mean"]).abs().max() < 1e-9


def test_networks_of_one_digest_share_their_values(published):
    means = published[published["seed"] == "mean"]
    digests = means["arch"].map(lambda text: SPACE.digest(SPACE.parse(text)))
    assert digests.nunique() == 3_969
    assert means.groupby(digests)["test_acc"].nunique().max() == 1


def test_rows_of_one_entry(tmp_path):
    rows = read_text(tmp_path, json.dumps({"02012100": ENTRY}))
    assert [(row["epochs"], row["seed"], row["test_acc"]) for row in rows] == [
        (50, "0", 89.5),
        (50, "1", 88.9),
        (50, "2", 89.2),
        (50, "mean", 89.2),
        (0, "", None),
    ]
    assert (rows[-1]["params"], rows[-1]["flops"]) == (890_666, 47_327_744)


def test_one_architecture_with_two_entries_is_an_error_that_names_it(tmp_path):
    other = json.dumps(ENTRY | {"params": 1})
    with pytest.raises(CorruptData, match=r"macro\.json.*02012100"):
        read_text(tmp_path, f'{{"02012100": {json.dumps(ENTRY)}, "02012100": {other}}}')


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"02012103": ENTRY},
        {"02012100": []},
        {"02012100": {}},
        {"02012100": ENTRY | {"test_acc": [89.5, 88.9]}},
        {"02012100": ENTRY | {"test_acc": ["89.5", 88.9, 89.2]}},
        {"02012100": ENTRY | {"mean_acc": 100.5}},
        {"02012100": ENTRY | {"params": None}},
        {"02012100": ENTRY | {"params": True}},
    ],
)
def test_other_documents_are_an_error_that_names_the_file(tmp_path, document):
    with pytest.raises(CorruptData, match=r"macro\.json"):
        read_text(tmp_path, json.dumps(document))
