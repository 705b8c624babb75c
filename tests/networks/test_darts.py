"""The networks of DARTS genotypes: structure, hand counts, published counts, small and degenerate versions."""

from __future__ import annotations

import csv

import pytest
import torch
from torch import nn

from proxybench.errors import InvalidArchitecture
from proxybench.networks.counts import count_flops
from proxybench.networks.darts import build
from proxybench.spaces import get_space

DARTS = get_space("darts")
DARTS_V2 = DARTS.parse(DARTS.example)
P_DARTS = DARTS.parse(
    "Genotype(normal=[('skip_connect', 0), ('dil_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 0), ('dil_conv_5x5', 4)], normal_concat=range(2, 6), "
    "reduce=[('avg_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('dil_conv_5x5', 2), "
    "('max_pool_3x3', 0), ('dil_conv_3x3', 1), ('dil_conv_3x3', 1), ('dil_conv_5x5', 3)], reduce_concat=range(2, 6))"
)
SMALL = {"channels": 4, "cells": 3, "in_shape": (1, 8, 8)}


def uniform(op):
    """Every state adds `op` of input 0 and `op` of input 1."""
    entries = [(op, 0), (op, 1)] * 4
    return DARTS.parse(
        f"Genotype(normal={entries}, normal_concat=[2, 3, 4, 5], reduce={entries}, reduce_concat=[2, 3, 4, 5])"
    )


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def count(arch, **options):
    with torch.device("meta"):
        return parameters(build(arch, **options))


def test_parameters_of_a_small_network_of_skips_by_hand():
    """Cells of 4, 8 and 16 channels; the last two are reductions with eight strided skips."""
    stem = 12 * 9 + 24
    normal = 2 * (12 * 4 + 8)
    reduction = (12 * 8 + 16) + (16 * 8 + 16) + 8 * (8 * 8 + 16)
    second_reduction = (16 * 16 + 32) + (32 * 16 + 32) + 8 * (16 * 16 + 32)
    classifier = 64 * 10 + 10
    expected = stem + normal + reduction + second_reduction + classifier
    assert parameters(build(uniform("skip_connect"), **SMALL)) == expected == 4926


def test_the_imagenet_stem_by_hand():
    """3*4*9 + 8, 4*8*9 + 16, 8*8*9 + 16 with 8 channels; one reduction of 16 channels, its first input halved."""
    network = build(uniform("max_pool_3x3"), 5, channels=8, cells=1, stem="imagenet")
    cell = 2 * (8 * 16 + 32)
    assert parameters(network.stem) == 116 + 304 + 592
    assert parameters(network) == 1012 + cell + 64 * 5 + 5


def test_parameters_that_darts_and_p_darts_report():
    """3,349,342 is what the program of DARTS prints for DARTS_V2; 3,433,798 for P-DARTS is without auxiliary head."""
    assert count(DARTS_V2) == 3_349_342
    assert count(P_DARTS) == 3_433_798


def test_the_imagenet_networks_have_the_papers_sizes():
    """4.7 M in table 3 of the DARTS paper, 4.9 M in table 2 of the P-DARTS paper (Chen et al., ICCV 2019)."""
    sizes = [count(arch, num_classes=1000, in_shape=(3, 224, 224), stem="imagenet") for arch in (DARTS_V2, P_DARTS)]
    assert [round(size / 1e6, 1) for size in sizes] == [4.7, 4.9]


def test_parameters_of_a_published_table_equal_for_nine_genotypes(mirror):
    """OnceNAS's table; so do those of its other 536 rows, which would take a minute."""
    [path] = mirror.glob("OnceNAS-Bench/**/data-545.csv")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    for row in rows[::68]:
        assert count(DARTS.parse(row["architecture"])) == round(1e6 * float(row["params"]))


def test_flops_of_a_published_table_equal(mirror):
    """OnceNAS adds to the multiply-adds 4 for an output of BN, 1 for one of average pooling, and 65 for the last."""
    [path] = mirror.glob("OnceNAS-Bench/**/data-545.csv")
    with path.open() as file:
        row = next(csv.DictReader(file))
    flops = 65 * 576

    def price(module, _inputs, output):
        nonlocal flops
        match module:
            case nn.Conv2d():
                flops += output.numel() * module.weight[0].numel()
            case nn.Linear():
                flops += module.weight.numel()
            case nn.BatchNorm2d():
                flops += 4 * output.numel()
            case nn.AvgPool2d():
                flops += output.numel()

    network = build(DARTS.parse(row["architecture"])).eval()
    for module in network.modules():
        module.register_forward_hook(price)
    with torch.no_grad():
        network(torch.zeros(1, 3, 32, 32))
    assert flops == round(1e6 * float(row["flop"]))


def test_the_networks_of_nasbench301_in_suite_zero_have_search_operations():
    """NAS-Bench-Suite-Zero lists 1.204906 M parameters and 202.774016 M FLOPs for this genotype."""
    arch = DARTS.parse(
        "Genotype(normal=[('sep_conv_5x5', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 2), "
        "('sep_conv_3x3', 2), ('sep_conv_3x3', 0), ('dil_conv_5x5', 2), ('dil_conv_3x3', 3)], "
        "normal_concat=range(2, 6), reduce=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('avg_pool_3x3', 1), "
        "('dil_conv_3x3', 0), ('sep_conv_3x3', 2), ('skip_connect', 0), ('sep_conv_5x5', 4), ('avg_pool_3x3', 3)], "
        "reduce_concat=range(2, 6))"
    )
    network = build(arch, channels=32, cells=8, search_operations=True)
    assert parameters(network) == 1_204_906
    assert count_flops(network, (3, 32, 32), rule="suite-zero").total == 202_774_016


@pytest.mark.parametrize(
    ("stem", "side", "expected"),
    [
        ("cifar", 32, [32, 32, 32, 16, 16, 8, 8]),
        ("cifar", 7, [7, 7, 7, 4, 4, 2, 2]),
        ("imagenet", 32, [8, 4, 4, 4, 2, 2, 1, 1]),
    ],
)
def test_resolutions_of_the_blocks(stem, side, expected):
    """The stem's one or two pieces and six cells, of which the third and the fifth halve the resolution, upwards."""
    network = build(DARTS_V2, channels=4, cells=6, stem=stem)
    modules = dict(network.named_modules())
    sides = []
    for name in network.blocks:
        modules[name].register_forward_hook(lambda _module, _inputs, output: sides.append(tuple(output.shape[2:])))
    with torch.no_grad():
        assert network(torch.randn(2, 3, side, side)).shape == (2, 10)
    assert sides == [(each, each) for each in expected]


def test_every_weight_layer_is_in_one_operation_in_forward_order():
    network = build(DARTS_V2, **SMALL)
    modules = dict(network.named_modules())
    owned = [layer for name in network.operations for layer in weight_layers(modules[name])]
    ran = []
    for layer in weight_layers(network):
        layer.register_forward_hook(lambda layer, _inputs, _output: ran.append(layer))
    network(torch.randn(2, 1, 8, 8))
    assert list(map(id, owned)) == list(map(id, ran))
    assert len(network.operations) == 1 + 3 * (2 + 8) + 1


def weight_layers(module):
    return [each for each in module.modules() if isinstance(each, (nn.Conv2d, nn.Linear))]


def test_the_place_of_an_operation_does_not_depend_on_the_genotype():
    first, second = (build(arch, **SMALL) for arch in (DARTS_V2, P_DARTS))
    assert first.operations == second.operations
    assert isinstance(second.get_submodule("cells.0.operations.0"), nn.Identity)  # normal starts with a skip
    assert isinstance(second.get_submodule("cells.1.operations.4"), nn.MaxPool2d)  # fifth entry of the reduction


def test_a_cell_reads_the_inputs_that_the_genotype_names():
    """States double 1 into 2, 4, 8, 16 where each adds its predecessor to itself by skips."""
    entries = [("skip_connect", max(1, state)) for state in range(1, 5) for _ in range(2)]
    arch = DARTS.parse(
        f"Genotype(normal={entries}, normal_concat=[2, 3, 4, 5], reduce={entries}, reduce_concat=[2, 3, 4, 5])"
    )
    cell = build(arch, **SMALL).cells[0]
    cell.preprocess0, cell.preprocess1 = nn.Identity(), nn.Identity()
    output = cell(torch.full((1, 1, 2, 2), 100.0), torch.ones(1, 1, 2, 2))
    assert output[0, :, 0, 0].tolist() == [2.0, 4.0, 8.0, 16.0]


def test_gradients_reach_every_parameter():
    network = build(DARTS_V2, **SMALL)
    network(torch.randn(4, 1, 8, 8)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert all(layer.weight.grad.abs().sum() > 0 for layer in weight_layers(network))


@pytest.mark.parametrize("op", ["none", "skip_connect"])
@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_cells_without_convolutions_give_finite_logits_and_gradients(op, stem):
    network = build(uniform(op), **SMALL, stem=stem)
    logits = network(torch.randn(2, 1, 8, 8))
    logits.sum().backward()
    assert logits.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_logits_of_none_are_the_bias_of_the_classifier():
    network = build(uniform("none"), **SMALL)
    assert torch.equal(network(torch.randn(2, 1, 8, 8)), network.classifier.bias.expand(2, -1))


def test_an_image_of_one_pixel():
    network = build(DARTS_V2, channels=4, cells=3, in_shape=(3, 1, 1)).eval()
    assert network.features(torch.randn(1, 3, 1, 1)).shape == (1, 64, 1, 1)


def test_the_stem_multiplier_widens_the_stem():
    assert build(DARTS_V2, **SMALL, stem_multiplier=5).stem[0].conv.out_channels == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 0}, "channels"),
        ({"cells": 0}, "cells"),
        ({"cells": 2.0}, "cells"),
        ({"stem_multiplier": 0}, "stem_multiplier"),
        ({"num_classes": 0}, "num_classes"),
        ({"in_shape": (3, 32)}, "in_shape"),
        ({"stem": "mnist"}, "cifar, imagenet, not 'mnist'"),
        ({"stem": "imagenet", "channels": 5}, "even number"),
    ],
)
def test_impossible_sizes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(DARTS_V2, **options)


def test_graphs_of_other_spaces_are_refused():
    other = get_space("nasbench201")
    with pytest.raises(InvalidArchitecture):
        build(other.parse(other.example))
