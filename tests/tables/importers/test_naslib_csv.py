"""CSV files that name architectures by NASLib tuples: what is read, what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from proxybench.errors import CorruptData
from proxybench.tables.importers.naslib_codes import nasbench201_text
from proxybench.tables.importers.naslib_csv import read_net_table

CELL = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"
NET = '"(4, 0, 3, 1, 4, 3)"'


def table(folder: Path, *lines: str, header: str = "net,x"):
    path = folder / "nets.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return read_net_table(path, [name for name in header.split(",") if name.startswith("x")], nasbench201_text)


def test_a_tuple_becomes_the_published_text(tmp_path):
    assert table(tmp_path, f"{NET},1").archs == [CELL]


def test_an_empty_cell_is_null_and_nan_stays_nan(tmp_path):
    values = table(tmp_path, f"{NET},", '"(0, 0, 0, 0, 0, 0)",nan').numbers("x")
    assert values[0] is None
    assert math.isnan(values[1])


def test_a_failed_score_is_nan(tmp_path):
    assert math.isnan(table(tmp_path, f"{NET},-100000000.0").scores("x")[0])


def test_millions_become_whole_counts(tmp_path):
    assert table(tmp_path, f"{NET},0.129306").counts_from_millions("x") == [129306.0]


def test_a_repeated_row_is_read_once(tmp_path):
    assert table(tmp_path, f"{NET},1", f"{NET},1").archs == [CELL]


def test_two_values_of_one_architecture_are_refused(tmp_path):
    with pytest.raises(CorruptData, match=r"line 3, column 'x': '2' for .* line 2 says '1'"):
        table(tmp_path, f"{NET},1", f"{NET},2")


def test_text_that_is_no_number_is_refused_by_line_and_column(tmp_path):
    with pytest.raises(CorruptData, match=r"line 3, column 'x': 'much' is not a number"):
        table(tmp_path, f"{NET},1", '"(0, 0, 0, 0, 0, 0)",much').numbers("x")


@pytest.mark.parametrize("percent", ["-0.1", "100.5", "inf"])
def test_an_impossible_percentage_is_refused(tmp_path, percent):
    with pytest.raises(CorruptData, match="is not a percentage"):
        table(tmp_path, f"{NET},{percent}").percents("x")


@pytest.mark.parametrize("millions", ["0.1293065", "-1"])
def test_a_count_that_is_none_is_refused(tmp_path, millions):
    with pytest.raises(CorruptData, match="is not a whole number"):
        table(tmp_path, f"{NET},{millions}").counts_from_millions("x")


@pytest.mark.parametrize("net", ["(4, 0, 3, 1, 4)", "(4, 0, 3, 1, 4, 5)", "__import__('os')", ""])
def test_a_net_that_is_no_cell_is_refused_by_line(tmp_path, net):
    with pytest.raises(CorruptData, match="line 2, column 'net'"):
        table(tmp_path, f'"{net}",1')


def test_a_text_next_to_the_tuple_must_be_the_same_cell(tmp_path):
    assert table(tmp_path, f"{NET},{CELL},1", header="net,net_str,x").archs == [CELL]
    with pytest.raises(CorruptData, match="column 'net_str'"):
        table(tmp_path, f"{NET},{CELL.replace('none', 'avg_pool_3x3')},1", header="net,net_str,x")


def test_a_missing_column_is_refused_by_name(tmp_path):
    path = tmp_path / "nets.csv"
    path.write_text(f"net,x\n{NET},1\n")
    with pytest.raises(CorruptData, match="columns missing: y"):
        read_net_table(path, ["y"], nasbench201_text)


def test_a_torn_last_line_is_refused(tmp_path):
    with pytest.raises(CorruptData, match="line 3 has 1 fields instead of 2"):
        table(tmp_path, f"{NET},1", '"(0, 0, 0')
