"""Sums over the parts of an architecture are the counts of its whole network, and the published ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import proxybench as pb
from predictors.arch import ArchGraph
from proxybench.networks.counts import count_flops, count_parameters
from proxybench.scores.network_counts import network_counts, part_costs
from proxybench.scores.parts import PARTS, parts_of

# Their networks take seconds each to count.
LARGE = ("darts", "gpt-s", "gpt-m", "gpt-l")
UNSEEN = 97  # seed of samples that experiments/network_counts.py does not draw


def unseen(space: str, count: int) -> list[ArchGraph]:
    return pb.get_space(space).sample(count, seed=UNSEEN)


def network_of(arch: ArchGraph) -> torch.nn.Module:
    options = dict(part_costs()[arch.space].network)
    options.pop("tokens", None)
    if "in_shape" in options:
        options["in_shape"] = tuple(options["in_shape"])
    with torch.device("meta"):
        return pb.get_space(arch.space).build(arch, **options)


def flops_of(arch: ArchGraph) -> int:
    setting = part_costs()[arch.space].network
    shape = (setting["tokens"],) if "tokens" in setting else tuple(setting["in_shape"])
    kind = torch.int64 if "tokens" in setting else torch.float32
    example = torch.zeros(1, *shape, dtype=kind, device="meta")
    with torch.device("meta"):
        return count_flops(network_of(arch), shape, image=example).total


def test_every_space_with_parts_has_their_costs() -> None:
    assert set(part_costs()) == set(PARTS)
    assert all("network" in costs.parts for costs in part_costs().values())


@pytest.mark.parametrize("space", sorted(PARTS))
def test_parameters_are_those_of_whole_networks(space: str) -> None:
    archs = unseen(space, 2)
    counts = network_counts(space, archs)
    assert counts is not None
    assert counts["params"].tolist() == [count_parameters(network_of(arch)).total for arch in archs]


@pytest.mark.parametrize("space", [name for name in sorted(PARTS) if name not in LARGE])
def test_flops_are_those_of_whole_networks(space: str) -> None:
    archs = unseen(space, 1)
    counts = network_counts(space, archs)
    assert counts is not None
    assert counts["flops"].tolist() == [flops_of(arch) for arch in archs]


@pytest.mark.slow
@pytest.mark.parametrize("space", LARGE)
def test_flops_are_those_of_whole_large_networks(space: str) -> None:
    archs = unseen(space, 3)
    counts = network_counts(space, archs)
    assert counts is not None
    assert counts["flops"].tolist() == [flops_of(arch) for arch in archs]


def test_every_part_of_a_sample_is_known() -> None:
    for space in PARTS:
        counts = network_counts(space, unseen(space, 36))
        assert counts is not None
        assert np.isfinite(counts["flops"]).all(), space


def test_an_edge_without_operation_is_a_part_too() -> None:
    space = pb.get_space("darts")
    arch = space.parse(space.example.replace("sep_conv_3x3", "none"))
    counts = network_counts("darts", [arch])
    assert counts is not None
    assert counts["params"].tolist() == [count_parameters(network_of(arch)).total]


def test_a_space_without_parts_has_no_counts() -> None:
    assert network_counts("nasbench101", []) is None


def test_parts_that_repeat_are_counted() -> None:
    arch = pb.get_space("gpt-s").parse("c768b1-" + "-".join(["h12r4"] * 9 + ["h4r2"]))
    assert parts_of(arch)["c768b1 attention h12"] == 9
    assert parts_of(arch)["c768b1 mlp r2"] == 1


@pytest.mark.parametrize(
    ("table", "dataset", "measured"),
    [("transnas101-micro", "class_scene", 2128), ("nasbench-macro", "cifar10", 6561), ("fbnet", "cifar100", 5000)],
)
def test_parameters_are_the_published_ones(real_tables: Path, table: str, dataset: str, measured: int) -> None:
    bench = pb.load(table)
    published = bench.values("params", dataset=dataset)
    counts = network_counts(bench.space.name, bench)
    assert counts is not None
    known = np.isfinite(published)
    assert known.sum() == measured
    assert np.array_equal(counts["params"][known], published[known])


def test_flops_are_the_published_ones_of_transnas(real_tables: Path) -> None:
    bench = pb.load("transnas101-micro")
    published = bench.values("flops", dataset="class_scene")
    counts = network_counts("transnas101-micro", bench)
    assert counts is not None
    known = np.isfinite(published)
    assert np.array_equal(counts["flops"][known], published[known])
