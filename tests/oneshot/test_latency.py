"""Tables of latencies: sums, files, fits and measurements."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from proxybench.errors import CorruptData, DataNotAvailable, ProxybenchError
from proxybench.oneshot.latency_sources import fitted, measured
from proxybench.oneshot.latency_table import LatencyTable, read_latencies
from proxybench.oneshot.supernet import ChoiceSupernet
from proxybench.spaces import get_space

from .conftest import new_supernet

SPACE = "mbconv-micro"


def table_of(values: list[list[float]]) -> LatencyTable:
    return LatencyTable(SPACE, 2.0, tuple(map(tuple, values)), {"spearman": 1.0})


def plain() -> list[list[float]]:
    return [
        [float(option + choice) for option in range(size)] for choice, size in enumerate(new_supernet(SPACE).options)
    ]


def test_a_latency_is_the_sum_of_the_blocks_and_what_all_networks_share() -> None:
    assert table_of(plain()).of((4, 3, 0, 0, 0, 0, 1)) == 2 + 4 + (3 + 1) + 2 + 3 + 4 + 5 + (1 + 6)


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    table = table_of(plain())
    table.write(tmp_path / "latencies.json")
    assert read_latencies(str(tmp_path / "latencies.json"), new_supernet(SPACE)) == table


def test_the_shipped_table_names_its_agreement_with_whole_networks() -> None:
    assert 0.8 < read_latencies("", new_supernet(SPACE)).description["spearman"] <= 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"space": "fbnet"}, "latencies of fbnet"),
        ({"values": [[1.0]] * 7}, r"\[1, 1, 1, 1, 1, 1, 1\] options"),
        ({"unit": "s"}, "not format 1 in 'ms'"),
        ({"fixed": None}, "not a finite number"),
        ({"values": [[-1.0]]}, "negative"),
        ({"description": {}}, "spearman"),
    ],
)
def test_a_file_of_something_else_is_refused(change: dict[str, object], reason: str, tmp_path: Path) -> None:
    file = tmp_path / "latencies.json"
    table_of(plain()).write(file)
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(CorruptData, match=reason):
        read_latencies(str(file), new_supernet(SPACE))


def test_a_missing_table_names_the_command_that_makes_it() -> None:
    with pytest.raises(DataNotAvailable, match="proxybench latency nasbench201"):
        read_latencies("", new_supernet("nasbench201"))


def test_a_fit_finds_the_additive_latencies_of_whole_networks() -> None:
    supernet, truth = new_supernet(SPACE), table_of(plain())
    paths = [supernet.path(arch) for arch in get_space(SPACE).sample(120, 0)]
    latencies = np.array([truth.of(path) for path in paths])
    found = fitted(supernet, paths, latencies, 100)
    assert [found.of(path) for path in paths] == pytest.approx(latencies.tolist())
    assert found.description["spearman"] > 0.95  # rounding breaks ties
    assert min(map(min, found.values)) == 0
    with pytest.raises(ProxybenchError, match="1 to 118 of the 120"):
        fitted(supernet, paths, latencies, 119)
    with pytest.raises(ProxybenchError, match="raise train"):
        fitted(supernet, paths, latencies, 3)


def test_a_measurement_has_a_latency_for_each_option_and_compares_whole_networks() -> None:
    supernet = new_supernet(SPACE)
    assert isinstance(supernet, ChoiceSupernet)
    paths = [supernet.path(arch) for arch in get_space(SPACE).sample(3, 0)]
    table = measured(supernet, (1, 8, 8), paths, batch=2, repeats=2)
    assert tuple(map(len, table.values)) == supernet.options
    assert min(map(min, table.values)) >= 0
    assert -1 <= table.description["spearman"] <= 1
    assert table.description["networks"] == 3
    with pytest.raises(ProxybenchError, match="two networks"):
        measured(supernet, (1, 8, 8), paths[:1])
