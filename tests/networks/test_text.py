"""Networks for text, FlexiBERT and GPT: published sizes, the operations by other means, nodes, proxies of integers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.fft import dctn

pytest.importorskip("torch", reason="the extra proxybench[torch] is not installed")

import torch

from proxybench.networks import flexibert, gpt
from proxybench.networks.counts import count_parameters
from proxybench.proxies import PROXIES
from proxybench.proxies.layers import find_layers, group_by_operation
from proxybench.proxies.probe import Probe
from proxybench.readers.untrusted import read_csv_columns, read_json
from proxybench.spaces import get_space

FLEXIBERT, GPT = get_space("flexibert"), get_space("gpt-s")
FOLDER = "aaronserianni/training-free-nas/2d76e01b9586cad7340e8268dadba3056efd070b/data"
SMALL = {"flexibert": {"vocabulary": 40, "length": 16, "embedding": 8, "hidden": 16}}
SMALL["gpt-s"] = {"vocabulary": 40, "head_channels": 4, "width": 0.04}
TEXTS = ["c128-sdp_h2_f512x1-dft_h4_f512x3", "c128-wma_h4_f512x1-dct_h2_f512x1", "c128-conv5_h2_f512x1-conv9_h4_f512x1"]
ANSWERED = {
    *("auto_prox_a", "auto_prox_p", "lpzero"),
    *("az_complexity", "epe_nas", "fisher", "flops", "grad_norm", "gradsign", "grasp", "head_confidence"),
    *("head_importance", "jacobian_entropy", "jacov", "l2_norm", "l_swag", "near", "ntk_cond", "ntk_trace"),
    *("nwot", "params", "plain", "random", "rbflex", "snip", "swap", "trainable_layers", "w_pca", "wrcor", "zico"),
}


def small(space, arch, **options):
    return space.build(arch, **SMALL[space.name], **options)


def tokens_for(count: int) -> torch.Tensor:
    return torch.randint(1, 40, (count, 12), generator=torch.Generator().manual_seed(0))


def test_parameters_of_flexibert_are_the_published_ones_of_one_width(mirror) -> None:
    """The authors counted, and scored, networks of 256 channels and 1,024 hidden channels whatever the architecture."""
    trainings = read_json(mirror / FOLDER / "BERT_benchmark.json")
    counted = read_csv_columns(mirror / FOLDER / "BERT_results_activation.csv", ["Number of Parameters"])
    for number in range(0, 500, 25):
        arch = FLEXIBERT.parse(trainings[number]["hparams"]["model_hparam_overrides"])
        _, layers = FLEXIBERT.layers(arch)
        with torch.device("meta"):
            counts = count_parameters(flexibert.build(FLEXIBERT.build_graph(256, layers), hidden=1024))
        assert counts.total - counts.within("classifier") == int(counted["Number of Parameters"][number])


def test_parameters_of_flexibert_by_hand() -> None:
    counts = count_parameters(flexibert.build(FLEXIBERT.parse("c128-wma_h2_f512x3-dct_h2_f512x1")))
    assert counts.within("body.embedding") == (30_522 + 512 + 2) * 128 + 256
    assert counts.within("body.layer0.attention") == 4 * (128 * 128 + 128) + 128 * 128 + 256
    assert counts.within("body.layer0.mlp") == 128 * 512 + 512 + 2 * (512 * 512 + 512) + 512 * 128 + 128 + 256
    assert counts.within("body.layer1.attention") == 128 * 128 + 128
    assert counts.within("body.layer2") == 0


def test_the_largest_small_gpt_has_the_parameters_of_gpt_2() -> None:
    """GPT-2 has 124 million; 768 channels, 12 layers, tied embedding."""
    with torch.device("meta"):
        counts = count_parameters(gpt.build(GPT.parse("c768b1-" + "-".join(["h12r4"] * 12))))
    layer = 4 * (768 * 768 + 768) + 768 * 3072 + 3072 + 3072 * 768 + 768 + 2 * 2 * 768
    assert counts.total == 50_254 * 768 + 12 * layer + 2 * 768 == 123_651_072


def test_without_biases_and_with_fewer_heads_there_are_fewer_weights() -> None:
    with torch.device("meta"):
        counts = count_parameters(gpt.build(GPT.parse("c192b0-" + "-".join(["h4r2"] * 10))))
    assert counts.within("body.layer0.attention") == 2 * 192 + 4 * 192 * 256
    assert counts.within("body.layer0.mlp") == 2 * 192 + 2 * 192 * 384
    assert counts.within("body.layer11") == 0


def test_transforms_are_those_of_scipy_and_numpy() -> None:
    tokens = torch.randn(1, 5, 6, dtype=torch.float64)
    for cosine in (True, False):
        module = flexibert.Transform(6, 2, cosine=cosine).double()
        linear = module.linear(tokens)[0].detach().numpy()
        for head in (0, 1):
            part = linear[:, 3 * head : 3 * head + 3]
            expected = dctn(part, type=2) if cosine else np.fft.fft2(part).real
            np.testing.assert_allclose(module(tokens)[0, :, 3 * head : 3 * head + 3].detach().numpy(), expected)


def test_convolutions_of_attention_are_sums_over_neighbours() -> None:
    module = flexibert.ConvolutionAttention(8, 4, 3).double()  # two heads of two channels attend, two are convolutions
    tokens = torch.randn(1, 5, 8, dtype=torch.float64)
    query, values = module.query(tokens)[0], module.values(tokens)[0]
    local = module.pointwise(module.depthwise(tokens.transpose(1, 2)))[0].T
    weights = module.kernels(local * query).unflatten(-1, (2, 3)).softmax(-1)
    for place in range(5):
        for head in (0, 1):
            expected = torch.zeros(2, dtype=torch.float64)
            for offset in (-1, 0, 1):
                if 0 <= place + offset < 5:
                    expected += weights[place, head, offset + 1] * values[place + offset, 2 * head : 2 * head + 2]
            torch.testing.assert_close(module(tokens)[0, place, 4 + 2 * head : 6 + 2 * head], expected)


def test_later_tokens_do_not_change_the_features_of_earlier_ones_in_gpt() -> None:
    network = small(GPT, GPT.parse(GPT.example)).eval()
    tokens = tokens_for(1)
    changed = tokens.clone()
    changed[:, 8:] = 1 + changed[:, 8:] % 39
    before, after = (network.body[:12](one) for one in (tokens, changed))
    torch.testing.assert_close(before[:, :, :8], after[:, :, :8])
    assert not torch.allclose(before[:, :, 8:], after[:, :, 8:])


def test_rotation_turns_pairs_by_the_place_and_keeps_the_other_channels() -> None:
    heads = torch.randn(1, 1, 3, 8)
    turned = gpt.rotated(heads)[0, 0]
    assert torch.equal(turned[0], heads[0, 0, 0])
    assert torch.equal(turned[:, 4:], heads[0, 0, :, 4:])
    one, other = heads[0, 0, 2, 1].item(), heads[0, 0, 2, 3].item()
    angle = 2 / math.sqrt(10_000)
    assert turned[2, 1].item() == pytest.approx(one * math.cos(angle) - other * math.sin(angle), abs=1e-6)
    assert turned[2, 3].item() == pytest.approx(other * math.cos(angle) + one * math.sin(angle), abs=1e-6)


@pytest.mark.parametrize("space", [FLEXIBERT, GPT], ids=lambda space: space.name)
def test_operations_with_weights_are_the_nodes_of_the_graph(space) -> None:
    names = set()
    for arch in space.sample(4, 0):
        network = small(space, arch, num_classes=3)
        counts = count_parameters(network)
        present = [name for name in network.operations if name.endswith(("attention", "mlp")) and counts.within(name)]
        assert len(present) == len(arch.ops[1:-1])
        groups = group_by_operation(find_layers(network), network.operations)
        assert groups == sorted(groups)
        assert network(tokens_for(2)).shape == (2, 3)
        assert len(network.blocks) == 1 + len(present) // 2
        names.add(network.operations)
    assert len(names) == 1


def test_an_image_shape_is_refused() -> None:
    for space in (FLEXIBERT, GPT):
        with pytest.raises(ValueError, match="leave in_shape out"):
            space.build(space.sample(1, 0)[0], 10, (3, 32, 32))


@pytest.mark.parametrize("text", [*TEXTS, GPT.example])
def test_which_proxies_answer_for_tokens(text: str) -> None:
    space = GPT if text == GPT.example else FLEXIBERT
    torch.manual_seed(0)
    network = small(space, space.parse(text), num_classes=3)
    scores = Probe(network, tokens_for(6), torch.arange(6) % 3, seed=0).run(list(PROXIES.values()))
    answered = set(scores.values) - set(scores.unanswered)
    assert answered >= ANSWERED
    assert all(np.isfinite(scores.values[name]) for name in answered)
    assert all("integers" in reason or name == "eznas_a" for name, reason in scores.unanswered.items())
