"""Proxies of the weights alone."""

from __future__ import annotations

import pytest
import torch
from networks import batch, nasbench201
from torch import nn

from proxybench.proxies import PROXIES
from proxybench.proxies.probe import Probe


def test_the_norm_of_each_layer_by_hand() -> None:
    network = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1), nn.Conv1d(1, 2, 2, bias=False))
    network[0].weight.data.copy_(torch.tensor([[3.0, 4.0]]))
    network[2].weight.data.copy_(torch.tensor([[[1.0, 1.0]], [[1.0, 1.0]]]))
    found = Probe(network, torch.zeros(2, 2)).run([PROXIES["l2_norm"]])
    assert found.nodes["l2_norm"].tolist() == [5.0, 2.0]
    assert found.values["l2_norm"] == 7.0


def test_a_norm_beyond_single_precision() -> None:
    network = nn.Linear(4, 1, bias=False)
    network.weight.data.fill_(1e30)
    found = Probe(network, torch.zeros(1, 4)).run([PROXIES["l2_norm"]])
    assert found.values["l2_norm"] == pytest.approx(2e30, rel=1e-6)


def test_the_control_depends_on_the_seed_alone() -> None:
    def value(seed: int, cell: int) -> float:
        return Probe(nasbench201(seed=cell), batch(cell + 2)[0], seed=seed).run([PROXIES["random"]]).values["random"]

    assert value(0, 0) == value(0, 1)
    values = {value(seed, 0) for seed in range(20)}
    assert len(values) == 20
    assert all(0 <= one < 1 for one in values)
