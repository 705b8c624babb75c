"""ResNet-20 with poolings: parameters by hand, resolutions, nodes, all proxies."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra proxybench[torch] is not installed")

import torch
from transformer_proxies import OF_TRANSFORMERS

from proxybench.networks.counts import count_parameters
from proxybench.networks.resnet20_pooling import build
from proxybench.proxies import PROXIES
from proxybench.proxies.layers import find_layers, group_by_operation
from proxybench.proxies.probe import Probe
from proxybench.spaces import get_space

SPACE = get_space("resnet20-pooling")
DEFAULT = SPACE.parse("0000100100")


def test_parameters_by_hand() -> None:
    network = build(DEFAULT)
    counts = count_parameters(network)
    assert [counts.within(name) for name in network.operations] == [
        27 * 16 + 32,
        *[2 * (9 * 16 * 16 + 32)] * 3,
        9 * 16 * 32 + 64 + 9 * 32 * 32 + 64 + 16 * 32 + 64,
        *[2 * (9 * 32 * 32 + 64)] * 2,
        9 * 32 * 64 + 128 + 9 * 64 * 64 + 128 + 32 * 64 + 128,
        2 * (9 * 64 * 64 + 128),
        9 * 64 * 10 + 20 + 9 * 10 * 10 + 20 + 64 * 10 + 20,
        110,
    ]
    assert counts.total == 205_310 == count_parameters(build(SPACE[0])).total


def test_poolings_halve_the_resolution_where_the_graph_says() -> None:
    for arch in (SPACE[0], DEFAULT, SPACE[35]):
        network, maps, sizes = build(arch, in_shape=(3, 16, 16)), torch.randn(2, 3, 16, 16), []
        for part in network.body:
            maps = part(maps)
            sizes.append(maps.shape[2])
        halved = [after < before for before, after in pairwise(sizes)]
        assert halved == [op == "pool_block" for op in arch.ops[1:-1]]
        assert network(torch.randn(2, 3, 16, 16)).shape == (2, 10)


def test_operations_hold_all_layers_and_are_at_the_same_places() -> None:
    network = build(DEFAULT, width=0.25)
    groups = group_by_operation(find_layers(network), network.operations)
    assert groups == sorted(groups)
    assert network.operations == build(SPACE[0]).operations
    assert len(network.operations) == len(DEFAULT.ops[1:-1]) + 2


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="4 x 4 pixels, not 3 x 8"):
        build(DEFAULT, in_shape=(3, 3, 8))


def test_every_proxy_has_a_number() -> None:
    images = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    network = build(DEFAULT, width=0.25)
    scores = Probe(network, images, torch.arange(8) // 2, seed=0).run(list(PROXIES.values()))
    assert set(scores.unanswered) == OF_TRANSFORMERS
    assert scores.unanswered["dss"] == "the network has no layer of attention"
    assert all(np.isfinite(value) for name, value in scores.values.items() if name not in OF_TRANSFORMERS)
