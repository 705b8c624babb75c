"""FBNet: parameters as NASFLAT counted them, resolutions, nodes, all proxies."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra proxybench[torch] is not installed")

import torch
from transformer_proxies import OF_TRANSFORMERS

from proxybench.errors import UnknownName
from proxybench.networks.counts import count_parameters
from proxybench.networks.fbnet import FBNetBlock, build
from proxybench.proxies import PROXIES
from proxybench.proxies.layers import find_layers, group_by_operation
from proxybench.proxies.probe import Probe
from proxybench.readers.untrusted import read_json
from proxybench.spaces import get_space

SPACE = get_space("fbnet")
FILE = "abdelfattah-lab/nasflat_latency/82924343a2a95e1f2607047087bbc09fdcca8be4/fbnet_zcp/zc_fbnet.json"
SKIPS = SPACE.parse("_".join(["8"] * 22))
MIXED = SPACE.parse("_".join(["0", "1", "2", "3", "4", "5", "6", "7", "8", "1", "5"] * 2))


def test_parameters_by_hand() -> None:
    counts = count_parameters(build(MIXED, 10))
    assert counts.within("body.layer0") == 16 * 16 + 32 + 9 * 16 + 32 + 16 * 16 + 32
    assert counts.within("body.layer1") == 16 * 8 + 32 + 9 * 16 + 32 + 8 * 24 + 48
    assert counts.within("body.layer3") == 24 * 144 + 288 + 9 * 144 + 288 + 144 * 24 + 48
    assert counts.within("body.layer8") == 0
    assert counts.within("classifier") == 1504 * 10 + 10


def test_parameters_are_those_of_the_published_scores(mirror) -> None:
    published = read_json(mirror / FILE)
    for text in list(published)[::500]:
        assert count_parameters(build(SPACE.parse(text))).total == published[text]["params"]


@pytest.mark.parametrize(("macro", "size", "last", "head"), [("cifar", 32, 4, 1504), ("imagenet", 64, 2, 1984)])
def test_resolutions_of_both_macro_structures(macro: str, size: int, last: int, head: int) -> None:
    network = build(SKIPS, 5, macro=macro)
    images = torch.randn(2, 3, size, size)
    assert network.features(images).shape == (2, head, last, last)
    assert network(images).shape == (2, 5)


def test_groups_see_their_own_channels_before_the_shuffle() -> None:
    block = FBNetBlock(4, 6, 3, 1, 1, 2).eval()
    images = torch.randn(1, 4, 5, 5)
    changed = images.clone()
    changed[:, :2] += 1
    before, after = block.expand(images), block.expand(changed)
    assert torch.equal(before[:, 2:], after[:, 2:])
    shuffled = block.shuffle(before)
    assert torch.equal(shuffled, before[:, [0, 2, 1, 3]])


def test_operations_are_the_nodes_of_the_graph() -> None:
    network = build(MIXED, 4, width=0.25)
    groups = group_by_operation(find_layers(network), network.operations)
    assert groups == sorted(groups)
    assert len(network.operations) == len(MIXED.ops[1:-1]) + 3
    assert network.operations == build(SKIPS).operations


def test_an_unknown_macro_structure_is_refused() -> None:
    with pytest.raises(UnknownName, match="cifar"):
        build(SKIPS, macro="cifar100")


def test_every_proxy_has_a_number_or_a_reason() -> None:
    images = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    network = build(MIXED, 4, width=0.25)
    scores = Probe(network, images, torch.arange(8) // 2, seed=0).run(list(PROXIES.values()))
    assert set(scores.values) == set(PROXIES)
    assert all(np.isfinite(value) for name, value in scores.values.items() if name not in scores.unanswered)
    assert set(scores.unanswered) == OF_TRANSFORMERS
