"""The score network: Bayes' rule without training, attention by reachability, positions."""

from __future__ import annotations

import math

import pytest
import torch

from predictors.errors import UnknownName
from proxybench.generation.codec import placed
from proxybench.generation.layout import Layout
from proxybench.generation.network import (
    PUBLISHED,
    Architecture,
    ScoreNetwork,
    log_likelihood,
    positions,
    reachable,
)
from proxybench.spaces import get_space

SMALL = Architecture(layers=1, width=16, heads=2, feedforward=32)


def network_of(name: str, sizes: Architecture = SMALL) -> ScoreNetwork:
    torch.manual_seed(0)
    archs = get_space(name).sample(50, 0)
    nodes = max(len(arch) for arch in archs)
    return ScoreNetwork(Layout.of([placed(arch, nodes) for arch in archs]), sizes).eval()


def test_an_untrained_network_answers_by_the_likelihood_alone() -> None:
    """At deviation 2 a column that is 4 larger than another is exp(4 / 4) = e times as likely."""
    network = network_of("nasbench201")
    with torch.no_grad():
        network.label_head.bias.zero_()
        x = torch.zeros(1, 8, 7)
        x[0, 3, 2] = 4.0
        clean = network(x, torch.ones(1), torch.full((1,), 2.0))
    assert clean[0, 0].tolist() == pytest.approx([1 / 7] * 7)
    assert clean[0, 3, 2].item() == pytest.approx(math.e / (math.e + 6))


def test_the_likelihood_of_an_edge_is_even_half_way() -> None:
    layout = network_of("nasbench101").layout
    x = torch.full((2, layout.nodes, layout.width), 0.25)
    found = log_likelihood(x, torch.tensor([0.5, 1.0]), torch.tensor([0.3, 0.5]), layout)
    assert found[0, :, layout.labels :].abs().max() < 1e-6  # x is half of the scale
    assert found[1, 0, layout.labels :].tolist() == pytest.approx([(0.25 - 0.5) / 0.25] * 7)


def test_nodes_that_do_not_reach_each_other_do_not_attend() -> None:
    """Nodes 1 and 2 of the line graph are edges from the cell's input to different nodes; 3 follows 1."""
    network = network_of("nasbench201")
    paths = reachable(network.layout)
    assert not paths[1, 2]
    assert paths[1, 3]
    assert paths[3, 1]
    with torch.no_grad():
        torch.nn.init.normal_(network.label_head.weight)
        x = torch.randn(1, 8, 7)
        changed = x.clone()
        changed[0, 2] += 1
        before, after = (network(one, torch.ones(1), torch.ones(1)) for one in (x, changed))
    assert torch.equal(before[0, 1], after[0, 1])
    assert not torch.equal(before[0, 6], after[0, 6])


def test_the_two_cells_of_darts_have_the_same_places() -> None:
    cells, ranks = positions(network_of("darts").layout)
    assert cells.tolist() == [0] * 15 + [1] * 15
    assert ranks[:15].tolist() == ranks[15:].tolist()
    assert sorted(ranks[:15].tolist()) == list(range(15))


@pytest.mark.parametrize("name", ["nasbench101", "darts", "mnasnet"])
def test_known_edges_stay_and_the_rest_are_probabilities(name: str) -> None:
    network = network_of(name)
    layout = network.layout
    with torch.no_grad():
        clean = network(torch.randn(4, layout.nodes, layout.width), torch.ones(4), torch.ones(4))
    assert ((clean >= 0) & (clean <= 1)).all()
    known = (1 - layout.diffused).bool().expand_as(clean)
    assert torch.equal(clean[known], layout.known.expand_as(clean)[known])


def test_the_published_network_answers_with_noise() -> None:
    """X = clean + deviation noise: what it gives back is x - deviation * answer, and the answer is near 0 untrained."""
    network = network_of("nasbench201", PUBLISHED)
    assert len(network.layers) == 12
    x = torch.randn(2, 8, 7)
    with torch.no_grad():
        network.label_head.bias.fill_(0.5)
        clean = network(x, torch.ones(2), torch.full((2,), 3.0))
    assert torch.allclose(clean, x - 1.5, atol=1e-5)


def test_sizes_are_checked() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'odds'"):
        Architecture(answer="odd")
    with pytest.raises(ValueError, match="3 heads"):
        Architecture(width=16, heads=3)
