"""Architectures as tensors and back."""

from __future__ import annotations

import json

import pytest
import torch

from predictors.arch import ArchGraph
from proxybench.errors import InvalidArchitecture
from proxybench.generation.codec import ABSENT, left_out, placed, population, taken
from proxybench.generation.layout import Layout
from proxybench.spaces import get_space

SPACES = (
    "nasbench101",
    "nasbench201",
    "darts",
    "nds-darts",
    "nds-resnet",
    "transnas101-micro",
    "transnas101-macro",
    "mnasnet",
    "natsbench-size",
)


def layout_of(name: str, n: int = 60) -> tuple[Layout, list[ArchGraph]]:
    archs = get_space(name).sample(n, 0)
    nodes = max(len(arch) for arch in archs)
    return Layout.of([placed(arch, nodes) for arch in archs]), archs


@pytest.mark.parametrize("name", SPACES)
def test_an_architecture_comes_back(name: str) -> None:
    layout, archs = layout_of(name)
    x = layout.encode([placed(arch, layout.nodes) for arch in archs])
    assert x.shape == (60, layout.nodes, layout.width)
    back = [taken(graph, get_space(name)) for graph in layout.quantise(x.float())]
    assert back == archs
    noisy = x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    assert [taken(graph, get_space(name)) for graph in layout.quantise(noisy)] == archs


@pytest.mark.parametrize("name", SPACES)
def test_a_layout_survives_json(name: str) -> None:
    layout, _ = layout_of(name)
    assert Layout.from_dict(json.loads(json.dumps(layout.as_dict()))) == layout


def test_a_cell_of_nasbench201_is_published_as_eight_nodes_by_seven_operations() -> None:
    layout, archs = layout_of("nasbench201")
    assert (layout.nodes, layout.width, layout.free) == (8, 7, ())
    assert layout.encode(archs[:1]).sum(dim=2).tolist() == [[1] * 8]
    assert layout.diffused.sum() == 56


def test_cells_of_darts_choose_one_input_for_each_operation() -> None:
    """Two cells of 4 states, two operations each with 2, 3, 4 or 5 inputs to choose from; the first the fewest.

    Sampled pairs are in order, so the first operation of a state never takes the last input, nor the second the first.
    """
    layout, _ = layout_of("darts", 400)
    choosing = [node for node, degree in enumerate(layout.in_degrees) if degree == 1]
    assert len(choosing) == 12  # the first state's operations take inputs 0 and 1
    options = [sum(target == node for _, target in layout.free) for node in choosing[:6]]
    assert options == [2, 2, 3, 3, 4, 4]
    x = torch.rand(3, layout.nodes, layout.width)
    probabilities = layout.normalise(x)[..., layout.labels :]
    assert torch.allclose(probabilities[:, choosing].sum(dim=2), torch.ones(3, 12))
    for graph in layout.quantise(x):
        assert [sum(t == node for _, t in graph.edges) for node in choosing] == [1] * 12


def test_of_more_edges_than_any_example_has_the_largest_stay() -> None:
    layout, archs = layout_of("nasbench101")
    assert (layout.fixed, layout.most, layout.free_edges.sum()) == (((0, 1),), 8, 20)
    x = layout.encode([placed(archs[0], layout.nodes)]).float()
    x[..., layout.labels :] = torch.linspace(0.6, 0.9, 49).view(7, 7)
    (graph,) = layout.quantise(x)
    # [target, source]: the lower the row the larger, so all six edges to the last node and two to that before it
    assert graph.edges == tuple(sorted([(0, 1), *((source, 6) for source in range(6)), (3, 5), (4, 5)]))


def test_logits_become_probabilities() -> None:
    """Softmax of (log 1, log 3) is (1/4, 3/4), a free edge of logit 0 is 1/2, known edges stay."""
    one = ArchGraph("toy", ("a", "b", "b"), ((0, 1), (0, 2)))
    two = ArchGraph("toy", ("a", "a", "b"), ((0, 1), (1, 2)))
    three = ArchGraph("toy", ("a", "a", "b"), ((0, 1),))
    layout = Layout.of([one, two, three])
    assert (layout.fixed, layout.free, layout.in_degrees) == (((0, 1),), ((0, 2), (1, 2)), (0, 0, -1))
    logits = torch.zeros(1, 3, 5)
    logits[0, :, 1] = torch.tensor(3.0).log()
    expected = [[0.25, 0.75, 0, 0, 0], [0.25, 0.75, 1, 0, 0], [0.25, 0.75, 0.5, 0.5, 0]]
    assert layout.normalise(logits)[0].tolist() == [pytest.approx(row) for row in expected]


def test_what_a_layout_does_not_have_is_refused() -> None:
    layout, archs = layout_of("nasbench201")
    with pytest.raises(InvalidArchitecture, match="does not fit"):
        layout.encode([ArchGraph("nasbench201", ("input", *["other"] * 6, "output"), archs[0].edges)])
    with pytest.raises(ValueError, match="as many nodes"):
        Layout.of([archs[0], ArchGraph("nasbench201", ("input",), ())])


def test_absent_places_are_before_the_output() -> None:
    arch = get_space("nasbench101").parse("010001000:input,conv3x3-bn-relu,output")
    graph = placed(arch, 7)
    assert graph.ops == ("input", "conv3x3-bn-relu", ABSENT, ABSENT, ABSENT, ABSENT, "output")
    assert graph.edges == ((0, 1), (1, 6))
    assert taken(graph, get_space("nasbench101")) == arch
    with pytest.raises(InvalidArchitecture, match="3 nodes"):
        placed(arch, 2)


def test_a_graph_that_is_no_architecture_is_none() -> None:
    """A dangling vertex is pruned as officially; ten edges, an unknown place of the input and no path are not valid."""
    space = get_space("nasbench101")
    ops = ("input", *["maxpool3x3"] * 5, "output")
    dangling = ArchGraph("nasbench101", ops, ((0, 1), (0, 2), (1, 6)))
    assert taken(dangling, space) == space.parse("010001000:input,maxpool3x3,output")
    pairs = [(0, node) for node in range(1, 6)] + [(node, 6) for node in range(1, 6)]
    assert taken(ArchGraph("nasbench101", ops, tuple(sorted(pairs))), space) is None
    assert taken(ArchGraph("nasbench101", ("maxpool3x3", *ops[1:]), ((0, 6),)), space) is None
    assert taken(ArchGraph("nasbench101", ops, ((0, 1),)), space) is None


def test_half_of_a_space_is_left_out_by_digest() -> None:
    space = get_space("nasbench201")
    archs = population(space)
    assert len(archs) == 15_625
    sides = left_out("nasbench201", archs)
    assert 0.45 < sum(sides) / len(sides) < 0.55
    by_digest: dict[str, set[bool]] = {}
    for arch, side in zip(archs[:500], sides, strict=False):
        by_digest.setdefault(space.digest(arch), set()).add(side)
    assert all(len(one) == 1 for one in by_digest.values())
    assert len(population(space, most=100)) == 100
