"""The importer of BossNAS's list for the NATS-Bench size space."""

from __future__ import annotations

import pytest

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers import nats_archive
from proxybench.tables.importers.natsbench_size import read

SPACE = get_space("natsbench-size")
FILE = "changlin31/BossNAS/bb8b26a09e3ae7889dd118950b022be6b3ce99a0/ranking_nats/nats_cifar10_acc_rank.yml"
OFFICIAL = "D-X-Y/NATS-Bench/1d4a304ad1906aa5866563438fcbf0d624b7eda2/fake_torch_dir/NATS-sss-v1_0-50262-simple"


def read_text(tmp_path, text):
    path = tmp_path / "rank.yml"
    path.write_text(text)
    return read([path], SPACE).values.to_pylist()


@pytest.fixture(scope="module")
def published(mirror):
    return read([mirror / FILE], SPACE).values.to_pandas()


def test_every_configuration_has_one_accuracy_in_index_order(published):
    assert published["arch"].tolist() == [SPACE.format(arch) for arch in SPACE]
    assert published["test_acc"].notna().all()
    assert set(zip(published["dataset"], published["epochs"], published["seed"], strict=True)) == {
        ("cifar10", 90, "777")
    }


def test_the_best_is_93_65_at_64_64_56_64_24(published):
    best = published.loc[published["test_acc"].idxmax()]
    assert (best["arch"], best["test_acc"]) == ("64:64:56:64:24", 93.65)


def test_three_values_are_those_of_the_official_archive(published):
    # ori-test accuracy of ('cifar10', 777) after 90 epochs in the archive's records 0, 11 and 284
    rows = published.set_index("arch")["test_acc"]
    assert [rows[text] for text in ("8:8:8:8:8", "8:8:8:16:32", "8:8:40:32:40")] == [79.79, 85.77, 89.51]


def test_an_unquoted_key_is_no_sexagesimal_number(tmp_path):
    # YAML 1.1 reads 16:16:16:16:64 as 16*60^4 + 16*60^3 + 16*60^2 + 16*60 + 64
    rows = read_text(tmp_path, "16:16:16:16:64: 89.58\n'16:16:16:16:8': 86.27\n")
    assert [(row["arch"], row["test_acc"]) for row in rows] == [("16:16:16:16:8", 86.27), ("16:16:16:16:64", 89.58)]


def test_equal_lines_are_one_row(tmp_path):
    assert len(read_text(tmp_path, "8:8:8:8:8: 79.79\n\n'8:8:8:8:8': 79.79\n")) == 1


def test_two_accuracies_of_one_configuration_are_an_error_that_names_it(tmp_path):
    with pytest.raises(CorruptData, match=r"rank\.yml.*8:8:8:8:8.*79\.79.*80\.0"):
        read_text(tmp_path, "8:8:8:8:8: 79.79\n8:8:8:8:8: 80.0\n")


@pytest.mark.parametrize(
    "text",
    ["8:8:8:8:9: 1.0\n", "8:8:8:8: 1.0\n", "8:8:8:8:8: high\n", "8:8:8:8:8: 100.1\n", "'8:8:8:8:8: 1.0\n", "\x00"],
)
def test_other_lines_are_an_error_that_names_the_file(tmp_path, text):
    with pytest.raises(CorruptData, match=r"rank\.yml"):
        read_text(tmp_path, text)


def test_official_records_have_these_accuracies(mirror, published):
    records = nats_archive.read([mirror / OFFICIAL], SPACE, "sss").values.to_pylist()
    listed = dict(zip(published["arch"], published["test_acc"], strict=True))
    official = {
        row["arch"]: row["test_acc"]
        for row in records
        if (row["dataset"], row["epochs"], row["seed"]) == ("cifar10", 90, "777")
    }
    assert len(official) == 3
    assert official == pytest.approx({arch: listed[arch] for arch in official}, abs=1e-9)
