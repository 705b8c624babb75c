"""Which weights count as layers, and how they are grouped into operations."""

from __future__ import annotations

import pytest
import torch
from networks import Shared, VisionTransformer, nasbench201
from torch import nn

from proxybench.proxies.layers import find_layers, group_by_operation, sum_over_operations


def test_convolutions_and_linear_layers_count_normalisation_and_embedding_do_not() -> None:
    network = nn.Sequential(
        nn.Embedding(3, 3), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.LayerNorm([4, 4]), nn.PReLU(4), nn.Linear(4, 2)
    )
    assert [layer.name for layer in find_layers(network)] == ["1", "5"]


def test_a_module_that_is_a_layer_has_no_name() -> None:
    [layer] = find_layers(nn.Linear(2, 2))
    assert (layer.name, tuple(layer.weight.shape)) == ("", (2, 2))
    assert group_by_operation([layer], [""]) == [0]


def test_the_packed_projection_of_attention_is_a_layer_of_its_own() -> None:
    layers = find_layers(nn.Sequential(nn.MultiheadAttention(8, 2)))
    assert [(layer.name, tuple(layer.weight.shape)) for layer in layers] == [
        ("0.in_proj_weight", (24, 8)),
        ("0.out_proj", (8, 8)),
    ]


def test_attention_over_other_widths_has_three_projections() -> None:
    layers = find_layers(nn.MultiheadAttention(8, 2, kdim=4, vdim=6))
    assert [(layer.name, tuple(layer.weight.shape)) for layer in layers] == [
        ("q_proj_weight", (8, 8)),
        ("k_proj_weight", (8, 4)),
        ("v_proj_weight", (8, 6)),
        ("out_proj", (8, 8)),
    ]


def test_a_shared_weight_counts_once_and_knows_its_owners() -> None:
    network = Shared()
    layers = {layer.name: layer for layer in find_layers(network)}
    assert list(layers) == ["stem", "first", "last"]
    assert layers["first"].shared == (network.second,)
    assert layers["stem"].shared == ()


def test_a_vision_transformer_has_ten_layers() -> None:
    # patches; in, out, two of the perceptron; in, out, two of the perceptron; head
    assert len(find_layers(VisionTransformer())) == 10


def test_every_layer_of_a_network_is_in_one_of_its_operations() -> None:
    network = nasbench201()
    groups = group_by_operation(find_layers(network), network.operations)
    # stem, the edges 0, 1 and 4 of cell 0, three convolutions of the first reduction
    assert [network.operations[group] for group in groups[:7]] == [
        "stem",
        *(f"cells.0.edges.{edge}" for edge in (0, 1, 4)),
        *["cells.1"] * 3,
    ]


def test_the_innermost_operation_has_the_layer() -> None:
    layers = find_layers(nn.Sequential(nn.Sequential(nn.Linear(2, 2)), nn.Linear(2, 2)))
    assert group_by_operation(layers, ["0", "0.0", "1"]) == [1, 2]


def test_a_layer_outside_all_operations_is_refused_by_name() -> None:
    layers = find_layers(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
    with pytest.raises(ValueError, match=r"layer '1' belongs to none"):
        group_by_operation(layers, ["0"])


def test_values_of_an_operation_are_added_up() -> None:
    summed = sum_over_operations(torch.tensor([1.0, 2.0, 4.0]), [2, 0, 2], 4)
    assert summed.tolist() == [2.0, 0.0, 5.0, 0.0]
    assert summed.dtype == torch.float64
