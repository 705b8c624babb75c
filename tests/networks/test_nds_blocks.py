"""Networks of the NDS block spaces: published counts, classic networks, counts by hand, small versions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from proxybench.errors import InvalidArchitecture, UnknownName
from proxybench.networks.counts import count_flops
from proxybench.networks.nds_blocks import build
from proxybench.spaces import get_space

RESNET = "ds=[1, 2, 1] ws=[4, 4, 6] ss=[1, 1, 2]"
RESNEXT = "ds=[1, 2, 1] ws=[4, 8, 16] ss=[1, 1, 2] bot_muls=[0.0, 0.5, 0.25] num_gs=[1, 2, 4]"
SMALL = {"nds-vanilla": RESNET, "nds-resnet": RESNET, "nds-resnext-a": RESNEXT, "nds-resnext-b": RESNEXT}
IMAGENET = (3, 224, 224)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def normalised_elements(network: nn.Module, in_shape: tuple[int, int, int]) -> int:
    """Elements of all outputs of batch normalisations for one image."""
    sizes: list[int] = []
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda _, __, output: sizes.append(output.numel()))
    network.eval()(torch.empty(1, *in_shape, device="meta"))
    return sum(sizes)


@pytest.mark.parametrize(
    ("space", "text", "params", "flops"),
    [
        (
            "nds-resnext-a",
            "ds=[1, 16, 1, 4] ws=[16, 64, 128, 16] ss=[1, 1, 2, 2] "
            "bot_muls=[0.0, 0.25, 0.25, 0.25] num_gs=[1, 2, 1, 2]",
            83_002,
            69_890_986,
        ),
        ("nds-resnet", "ds=[1, 12, 12, 12] ws=[16, 24, 24, 40] ss=[1, 1, 2, 2]", 594_138, 184_519_578),
        ("nds-vanilla", "ds=[1, 12, 12, 12] ws=[16, 24, 32, 40] ss=[1, 1, 2, 2]", 689_770, 208_363_930),
    ],
)
def test_published_parameters_and_flops(space, text, params, flops):
    """Figures of the published sweeps, as NNI's documentation of NDS prints them.

    They count the multiply-adds and biases of convolutions and of the linear layer, and five operations for each
    element that a batch normalisation gives.
    """
    with torch.device("meta"):
        network = build(get_space(space).parse(text))
    assert parameters(network) == params
    multiply_adds = count_flops(network, (3, 32, 32), rule="nats-bench").total
    assert multiply_adds + 5 * normalised_elements(network, (3, 32, 32)) == flops


@pytest.mark.parametrize(
    ("space", "text", "params"),
    [
        ("nds-resnet", "ds=[1, 2, 2, 2, 2] ws=[64, 64, 128, 256, 512] ss=[4, 1, 2, 2, 2]", 11_689_512),  # ResNet-18
        (
            "nds-resnext-b",  # ResNet-50
            "ds=[1, 3, 4, 6, 3] ws=[64, 256, 512, 1024, 2048] ss=[4, 1, 2, 2, 2] "
            "bot_muls=[0.0, 0.25, 0.25, 0.25, 0.25] num_gs=[1, 1, 1, 1, 1]",
            25_557_032,
        ),
        (
            "nds-resnext-b",  # ResNeXt-50 32x4d
            "ds=[1, 3, 4, 6, 3] ws=[64, 256, 512, 1024, 2048] ss=[4, 1, 2, 2, 2] "
            "bot_muls=[0.0, 0.5, 0.5, 0.5, 0.5] num_gs=[1, 32, 32, 32, 32]",
            25_028_904,
        ),
    ],
)
def test_classic_networks_of_the_family(space, text, params):
    """The parameters that torchvision documents for these networks."""
    with torch.device("meta"):
        network = build(get_space(space).parse(text), 1000, IMAGENET)
        assert network.features(torch.empty(1, *IMAGENET)).shape[2:] == (7, 7)
    assert parameters(network) == params


def test_parameters_of_each_block_by_hand():
    # stem 3*4*9 + 8 = 116; the last stage has one block from 4 to 6 channels; classifier 6*10 + 10 = 70
    vanilla = build(get_space("nds-vanilla").parse(RESNET))
    resnet = build(get_space("nds-resnet").parse(RESNET))
    same = 2 * (4 * 4 * 9 + 8)
    wider = (4 * 6 * 9 + 12) + (6 * 6 * 9 + 12)
    shortcut = 4 * 6 + 12
    assert parameters(vanilla) == 116 + 2 * same + wider + 70
    assert parameters(resnet) == 116 + 2 * same + wider + shortcut + 70  # none where neither width nor stride change


def test_parameters_of_a_bottleneck_by_hand():
    network = build(get_space("nds-resnext-a").parse(RESNEXT))
    first = (4 * 4 + 8) + (4 * 2 * 9 + 8) + (4 * 8 + 16) + (4 * 8 + 16)  # inner 8 * 0.5 = 4 in 2 groups; shortcut
    second = (8 * 4 + 8) + (4 * 2 * 9 + 8) + (4 * 8 + 16)
    last = (8 * 4 + 8) + (4 * 1 * 9 + 8) + (4 * 16 + 32) + (8 * 16 + 32)  # inner 16 * 0.25 = 4 in 4 groups; shortcut
    assert parameters(network) == 116 + first + second + last + (16 * 10 + 10)


def test_output_of_a_residual_block_by_hand():
    torch.manual_seed(0)
    block = build(get_space("nds-resnet").parse(RESNET)).get_submodule("body.stage2.0").eval()
    maps = torch.randn(2, 4, 5, 5)
    first, second = block.transform
    inner = nn.functional.conv2d(maps, first.conv.weight, stride=2, padding=1) / (1 + 1e-5) ** 0.5
    inner = nn.functional.conv2d(inner.relu(), second.conv.weight, padding=1) / (1 + 1e-5) ** 0.5
    shortcut = nn.functional.conv2d(maps, block.shortcut.conv.weight, stride=2) / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(block(maps), (inner + shortcut).relu())


@pytest.mark.parametrize("space", SMALL)
def test_places_are_stages_and_hold_every_weight_layer_once(space):
    network = build(get_space(space).parse(SMALL[space]))
    assert network.operations == ("body.stage0", "body.stage1", "body.stage2", "classifier")
    assert network.blocks == ("body.stage0.0", "body.stage1.0", "body.stage1.1", "body.stage2.0")
    held = [layer for name in network.operations for layer in network.get_submodule(name).modules()]
    weighty = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert [layer for layer in held if isinstance(layer, nn.Conv2d | nn.Linear)] == weighty


@pytest.mark.parametrize("space", SMALL)
def test_gradients_reach_every_parameter(space):
    torch.manual_seed(0)
    network = build(get_space(space).parse(SMALL[space]))
    network(torch.randn(8, 3, 8, 8)).logsumexp(1).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("space", SMALL)
def test_any_resolution_passes(space):
    network = build(get_space(space).parse(SMALL[space]), 7, (1, 1, 9)).eval()
    assert network.features(torch.randn(2, 1, 1, 9)).shape[2:] == (1, 5)
    assert network(torch.randn(2, 1, 1, 1)).shape == (2, 7)


def test_the_stem_follows_the_stride_unless_it_is_named():
    images = torch.empty(1, 3, 32, 32, device="meta")
    cifar, imagenet = (get_space("nds-resnet").parse(f"ds=[1, 1] ws=[4, 4] ss=[{stride}, 1]") for stride in (1, 4))

    def shape(arch, stem):
        with torch.device("meta"):
            network = build(arch, stem=stem)
        return network.body.stage0(images).shape[-1], parameters(network.body.stage0)

    assert shape(cifar, None) == shape(cifar, "cifar") == (32, 3 * 4 * 9 + 8)
    assert shape(imagenet, None) == shape(imagenet, "imagenet") == shape(cifar, "imagenet") == (8, 3 * 4 * 49 + 8)
    assert shape(imagenet, "cifar") == (8, 3 * 4 * 9 + 8)


def test_width_and_depth_make_small_versions():
    arch = get_space("nds-resnext-b").sample(1, seed=0)[0]
    stages = get_space("nds-resnext-b").stages(arch)
    network = build(arch, in_shape=(1, 8, 8), width=1 / 16, depth=0.1)
    assert network(torch.randn(2, 1, 8, 8)).shape == (2, 10)
    assert network.features(torch.randn(2, 1, 8, 8)).shape[1] == stages["ws"][-1] // 16
    assert [len(stage) for stage in network.body] == [-(-depth // 10) for depth in stages["ds"]]
    grouped = [
        layer.groups for layer in network.modules() if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)
    ]
    assert set(grouped[1:]) == set(stages["num_gs"][1:])  # as many groups as before, with fewer channels each


def test_groups_that_do_not_divide_are_refused():
    text = "ds=[1, 1] ws=[16, 16] ss=[1, 1] bot_muls=[0.0, 0.25] num_gs=[1, 3]"
    with pytest.raises(InvalidArchitecture, match="3 groups do not divide"):
        build(get_space("nds-resnext-a").parse(text))


def test_other_spaces_and_options_are_refused():
    arch = get_space("nds-resnet").parse(RESNET)
    with pytest.raises(InvalidArchitecture, match="nasbench-macro"):
        build(get_space("nasbench-macro").parse("00000000"))
    with pytest.raises(ValueError, match="width must"):
        build(arch, width=0)
    with pytest.raises(ValueError, match="depth must"):
        build(arch, depth=float("nan"))
    with pytest.raises(UnknownName, match="imagenet"):
        build(arch, stem="imagent")
