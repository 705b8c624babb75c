"""The importer of the Balanced Mixture of SuperNets CSV."""

from __future__ import annotations

import pytest
from scipy.stats import kendalltau

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers.balanced_mixture import read

SPACE = get_space("resnet20-pooling")
FILE = (
    "mehravehj/Balanced-Mixture-of-SuperNets/6ff0070b962a7196db17674c88914f5390090efb/"
    "results/resnet20_baselines_mixture.csv"
)
HEADER = "architecture,baseline_avg,baseline_stdev,M1_avg,M1_stdev,M2_avg,M2_stdev,M4_avg,M4_stdev,M8_avg,M8_stdev,"
ROW = ",87.4,0.06,76.4,0.1,77.8,0.1,79.0,0.1,78.6,0.06,"
NUMBERS = [str(number) for number in range(1, 37)]


def read_rows(tmp_path, lines):
    path = tmp_path / "mixture.csv"
    path.write_text("\n".join([HEADER, *lines]))
    return read([path], SPACE)


@pytest.fixture(scope="module")
def published(mirror):
    return read([mirror / FILE], SPACE).values.to_pandas()


@pytest.mark.parametrize(("mixture", "tau"), [(1, 0.143), (2, 0.312), (4, 0.597), (8, 0.530)])
def test_more_supernets_rank_better(published, mixture, tau):
    trained = published[published["epochs"] == 1000].set_index("arch")["test_acc"]
    estimate = published[published["epochs"] == 0].set_index("arch")[f"oneshot:mixture-{mixture}"]
    assert kendalltau(trained, estimate.reindex(trained.index)).statistic == pytest.approx(tau, abs=5e-4)


def test_the_best_pools_before_the_seventh_and_eighth_block(published):
    trained = published[published["epochs"] == 1000].set_index("arch")
    assert trained["test_acc"].idxmax() == "0000000110"
    assert trained["test_acc"].max() == 92.01166667
    assert trained.loc["0000000110", "test_acc_sd"] == 0.18


def test_each_architecture_has_two_rows_whatever_the_order(tmp_path):
    table = read_rows(tmp_path, [number + ROW for number in reversed(NUMBERS)]).values.to_pandas()
    assert len(table) == 72
    assert table["arch"].nunique() == 36
    assert set(table["test_acc"].dropna()) == {87.4}
    assert set(table["oneshot:mixture-8"].dropna()) == {78.6}


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [number + ROW for number in NUMBERS[:-1]],
        [number + ROW for number in [*NUMBERS[:-1], "1"]],
        [number + ROW for number in [*NUMBERS[:-1], "37"]],
        [number + ROW for number in [*NUMBERS[:-1], "x"]],
        [number + ROW for number in NUMBERS[:-1]] + ["36" + ROW.replace("87.4", "874")],
        [number + ROW for number in NUMBERS[:-1]] + ["36" + ROW.replace("87.4", "")],
        [number + ROW for number in NUMBERS[:-1]] + ["36" + ROW[:-1]],
    ],
)
def test_other_files_are_an_error_that_names_the_file(tmp_path, lines):
    with pytest.raises(CorruptData, match=r"mixture\.csv"):
        read_rows(tmp_path, lines)
