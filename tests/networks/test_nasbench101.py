"""The NAS-Bench-101 network: published parameter counts, counts and outputs by hand, the places of operations."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from predictors.arch import ArchGraph
from proxybench.errors import InvalidArchitecture
from proxybench.networks.nasbench101 import Cell, build, vertex_channels
from proxybench.spaces.nasbench101 import NASBench101

SPACE = NASBench101()
CONV1, CONV3, POOL = "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"
SMALL = {"channels": 8, "stacks": 2, "modules": 1}
# The published network: parameters of stem and classifier, copies of the cell by input and output channels.
OUTSIDE = (3 * 128 * 9 + 2 * 128) + (512 * 10 + 10)
COPIES = {(128, 128): 3, (128, 256): 1, (256, 256): 2, (256, 512): 1, (512, 512): 2}


def cell(ops: Sequence[str], edges: Sequence[tuple[int, int]]) -> ArchGraph:
    return ArchGraph("nasbench101", ("input", *ops, "output"), tuple(sorted(edges)))


# Vertices 2, 3 and 4 share the output, to which the input flows too; 4 takes two channels of the three of 1 and of 2.
EVERY_KIND_OF_EDGE = cell(
    [CONV3, POOL, CONV1, CONV3], [(0, 1), (0, 3), (0, 5), (1, 2), (1, 4), (2, 4), (2, 5), (3, 5), (4, 5)]
)
# The cell of the hash 00005c142e6f48ac74fdcf73e3439874, trained in the published table.
PUBLISHED = cell(
    [CONV3, POOL, CONV3, CONV3, CONV1], [(0, 1), (0, 4), (0, 5), (1, 2), (2, 3), (2, 6), (3, 5), (4, 5), (5, 6)]
)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def counted(arch: ArchGraph) -> int:
    """The parameters of the published network, from the channels of the cell's vertices."""

    def conv_bn(c_in: int, c_out: int, kernel: int) -> int:
        return c_in * c_out * kernel**2 + 2 * c_out

    kernels = {CONV1: 1, CONV3: 3}
    from_input = [target for source, target in arch.edges if source == 0]
    total = OUTSIDE
    for (c_in, c_out), copies in COPIES.items():
        widths = vertex_channels(arch, c_in, c_out)
        projections = sum(conv_bn(c_in, widths[vertex], 1) for vertex in from_input)
        convolutions = sum(conv_bn(w, w, kernels[op]) for op, w in zip(arch.ops, widths, strict=True) if op in kernels)
        total += copies * (projections + convolutions)
    return total


def published(rows: int | None) -> list[tuple[ArchGraph, int]]:
    """Cells and parameters of the first edition of the table; `rows` drawn at random, or all."""
    import proxybench as pb
    from proxybench.tables.editions import Needed

    bench = pb.load("nasbench101").edition_with([Needed("cifar10", "val_acc")])
    params = bench.frame(dataset="cifar10", metrics=["params"], epochs=0)["params"].to_list()
    chosen = range(len(bench)) if rows is None else random.Random(0).sample(range(len(bench)), rows)
    cells = SPACE.from_hashes([bench.digests[row] for row in chosen])
    return list(zip(cells, (int(params[row]) for row in chosen), strict=True))


def test_a_cell_without_vertices_is_one_projection():
    # stem 1*4*9 + 2*4 = 44; projection 4*4 + 2*4 = 24; classifier 4*2 + 2 = 10
    network = build(cell([], [(0, 1)]), 2, (1, 8, 8), channels=4, stacks=1, modules=1)
    assert parameters(network) == 44 + 24 + 10


def test_parameters_of_a_chain_by_hand():
    # first cell: projection 24, conv3x3 4*4*9 + 8 = 152; second, from 4 to 8 channels: 4*8 + 16 = 48, 8*8*9 + 16 = 592
    network = build(cell([CONV3], [(0, 1), (1, 2)]), 2, (1, 8, 8), channels=4, stacks=2, modules=1)
    assert parameters(network) == 44 + (24 + 152) + (48 + 592) + (8 * 2 + 2)


def test_the_published_count_of_a_cell():
    with torch.device("meta"):
        assert parameters(build(PUBLISHED)) == counted(PUBLISHED) == 8_555_530


def test_the_first_vertices_take_the_rest_of_the_division():
    assert vertex_channels(EVERY_KIND_OF_EDGE, 128, 128) == [128, 43, 43, 43, 42, 128]
    assert vertex_channels(EVERY_KIND_OF_EDGE, 4, 8) == [4, 3, 3, 3, 2, 8]


def test_isomorphic_cells_can_differ_in_parameters():
    one = cell([CONV3, CONV1, POOL], [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)])
    other = cell([CONV1, POOL, CONV3], one.edges)
    assert SPACE.hash(one) == SPACE.hash(other)
    assert counted(one) > counted(other)  # 43 channels for the 3x3 convolution, 42 for the pooling, or vice versa
    assert counted(SPACE.canonical([one])[0]) == counted(SPACE.canonical([other])[0])


def test_output_of_a_cell_by_hand():
    torch.manual_seed(0)
    module = Cell(EVERY_KIND_OF_EDGE, 4, 8)
    _, one, _, three, four, output = module.vertices
    images = torch.randn(2, 4, 5, 5)
    result = module(images)
    first = one.operation(one.projection(images))
    second = nn.functional.max_pool2d(first, 3, stride=1, padding=1)
    third = three.operation(three.projection(images))
    fourth = four.operation(first[:, :2] + second[:, :2])
    expected = torch.cat([second, third, fourth], dim=1) + output.projection(images)
    torch.testing.assert_close(result, expected)
    assert four.projection is None


def test_shapes_round_up_at_odd_sizes():
    network = build(EVERY_KIND_OF_EDGE, 7, (3, 33, 33), channels=8, stacks=3, modules=1)
    images = torch.randn(2, 3, 33, 33)
    assert network.features(images).shape == (2, 32, 9, 9)  # 33 -> 17 -> 9
    assert network(images).shape == (2, 7)


def test_an_image_of_one_pixel_passes():
    assert build(EVERY_KIND_OF_EDGE, in_shape=(1, 1, 1), **SMALL)(torch.randn(2, 1, 1, 1)).shape == (2, 10)


def test_operations_are_places_of_vertices_and_hold_every_weight_layer_once():
    network = build(EVERY_KIND_OF_EDGE, **SMALL)
    first = [f"body.cell0.vertices.{vertex}" for vertex in range(6)]
    second = [f"body.cell1.vertices.{vertex}" for vertex in range(6)]
    assert network.operations == ("body.stem", *first, "body.pool1", *second, "classifier")
    assert network.blocks == ("body.stem", "body.cell0", "body.cell1")
    held = [layer for name in network.operations for layer in network.get_submodule(name).modules()]
    weighty = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert [layer for layer in held if isinstance(layer, nn.Conv2d | nn.Linear)] == weighty
    # vertex 3: the projection and its own convolution
    assert sum(isinstance(layer, nn.Conv2d) for layer in network.body.cell0.vertices[3].modules()) == 2


def test_places_agree_between_cells_of_as_many_vertices():
    cells = [arch for arch in SPACE.sample(200, seed=0) if len(arch) == 7]
    assert len({build(arch, **SMALL).operations for arch in cells[:20]}) == 1


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    network = build(EVERY_KIND_OF_EDGE, **SMALL)
    network(torch.randn(4, 3, 8, 8)).logsumexp(1).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_graphs_that_are_no_cells_are_refused():
    with pytest.raises(InvalidArchitecture, match="another space"):
        build(ArchGraph("nasbench201", ("input", "output"), ((0, 1),)))
    with pytest.raises(InvalidArchitecture, match="not a pruned cell"):
        build(cell([CONV3], [(0, 2)]))


@pytest.mark.parametrize("option", [{"channels": 0}, {"stacks": 0}, {"modules": -1}, {"num_classes": 0}])
def test_sizes_below_one_are_refused(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        build(EVERY_KIND_OF_EDGE, **option)


def test_too_few_channels_for_the_vertices_that_share_them_are_refused():
    with pytest.raises(ValueError, match="at least 3"):
        build(EVERY_KIND_OF_EDGE, channels=2)


def test_networks_have_the_published_parameters(real_tables: Path):
    with torch.device("meta"):
        differing = [arch for arch, params in published(rows=40) if parameters(build(arch)) != params]
    assert differing == []


def test_all_published_parameters(real_tables: Path):
    cells = published(rows=None)
    assert len(cells) == 30_001
    assert [arch for arch, params in cells if counted(arch) != params] == []


@pytest.mark.slow
def test_three_thousand_cells_have_the_published_parameters(real_tables: Path):
    """Built cells, each size once, with the parameters of the stem and the classifier."""
    with torch.device("meta"):
        differing = [
            arch
            for arch, params in published(rows=3000)
            if OUTSIDE + sum(copies * parameters(Cell(arch, *sizes)) for sizes, copies in COPIES.items()) != params
        ]
    assert differing == []
