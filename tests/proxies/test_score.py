"""`score`: any module, by name, and errors that say what does not fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from networks import Attributes, batch, nasbench201, odd
from snapshot import snapshot
from torch import Tensor, nn

import proxybench as pb
from predictors.errors import UnknownName
from proxybench.proxies import PROXIES
from proxybench.proxies.base import proxy
from proxybench.proxies.probe import Probe
from proxybench.proxies.score import score


def test_scores_are_those_of_a_probe_in_the_order_requested() -> None:
    names = ["nwot", "snip", "params"]
    found = pb.score(nasbench201(), *batch(), proxies=names, seed=7)
    expected = Probe(nasbench201(), *batch(), seed=7).run([PROXIES[name] for name in names]).values
    assert list(found) == names
    assert found == expected


def test_everything_that_the_inputs_allow() -> None:
    with_labels = score(nasbench201(), *batch())
    without = score(nasbench201(), batch()[0])
    assert set(with_labels) == set(PROXIES)
    assert set(without) == {name for name in PROXIES if "labels" not in PROXIES[name].needs}
    np.testing.assert_equal(dict(without), {name: with_labels[name] for name in without})


def test_one_name_or_one_proxy_is_enough() -> None:
    @proxy("layers", source="test", formula="number of layers", per_layer=True)
    def layers(probe: Probe) -> Tensor:
        return torch.ones(len(probe.layers))

    network = odd("residual")[0]
    assert score(network, batch()[0], proxies=layers) == {"layers": 7.0}
    assert score(network, batch()[0], proxies="params") == {"params": sum(p.numel() for p in network.parameters())}
    assert list(score(network, batch()[0], proxies=[layers, "depth"])) == ["layers", "depth"]


def test_nodes_are_aligned_with_operations_and_add_up() -> None:
    network = nasbench201()
    nodes = score(network, *batch(), proxies=["snip", "params"], nodes=True)
    sums = score(network, *batch(), proxies=["snip", "params"])
    for name, values in nodes.items():
        assert values.dtype == np.float64
        assert values.shape == (len(network.operations),)
        assert values.sum() == pytest.approx(sums[name], rel=1e-12)
    assert set(score(network, *batch(), nodes=True)) == {name for name in PROXIES if PROXIES[name].per_layer}


def test_nodes_are_refused_by_name_to_proxies_that_are_no_sum() -> None:
    with pytest.raises(ValueError, match="sum over layers, which these do not: nwot, jacov"):
        score(nasbench201(), *batch(), proxies=["nwot", "snip", "jacov"], nodes=True)


def test_arrays_and_small_integers_are_taken() -> None:
    images, labels = batch()
    expected = score(nasbench201(), images, labels, proxies=["snip"])
    assert score(nasbench201(), images.numpy(), labels.numpy().astype(np.uint8), proxies=["snip"]) == expected
    # double precision images are rounded to what the network computes in
    assert score(nasbench201(), images.double(), labels.int(), proxies=["snip"]) == expected


def test_soft_labels_are_taken() -> None:
    images, labels = batch()
    hard = score(nasbench201(), images, labels, proxies=["snip", "zico"])
    soft = score(nasbench201(), images, nn.functional.one_hot(labels, 4).float(), proxies=["snip", "zico"])
    assert soft == pytest.approx(hard, rel=1e-5)


def test_a_loss_of_the_user_takes_labels_of_its_own() -> None:
    images, _ = batch()
    targets = torch.linspace(-1, 1, 32).reshape(8, 4)
    found = score(nasbench201(), images, targets, proxies=["snip"], loss=nn.functional.mse_loss)
    assert found["snip"] > 0


def test_the_network_comes_back_as_it_was() -> None:
    network, (images, labels) = Attributes(), batch()
    before = snapshot(network, images, labels)
    score(network, images, labels)
    assert snapshot(network, images, labels) == before


def test_two_networks_of_one_seed_give_the_same() -> None:
    np.testing.assert_equal(score(nasbench201(), *batch(), seed=1), score(nasbench201(), *batch(), seed=1))
    one, other = (score(nasbench201(), *batch(), proxies=["zen"], seed=seed)["zen"] for seed in (1, 2))
    assert one != other


def test_what_has_no_answer_is_nan() -> None:
    assert math.isnan(score(odd("no rectifier")[0], batch()[0], proxies=["nwot"])["nwot"])


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nasbench201()

    def forward(self, images: Tensor) -> Any:
        return images, self.inner(images)


IMAGES, LABELS = batch()


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES[0], None, r"float\[n, channels, height, width\], without empty dimensions, not float32\[3, 8, 8\]"),
        (IMAGES[:0], None, r"without empty dimensions, not float32\[0, 3, 8, 8\]"),
        ((IMAGES * 10).to(torch.uint8), None, r"not uint8\[8, 3, 8, 8\]"),
        (IMAGES.where(IMAGES < 2, math.nan), None, "NaN or infinite"),
        (IMAGES[:, :2], None, r"does not take images of shape \[2, 8, 8\]"),
        (IMAGES, LABELS[:7], r"must be 8 labels, one for each image, but their shape is \[7\]"),
        (IMAGES, torch.tensor(1), "one for each image"),
        (IMAGES, LABELS + 1, r"from 0 to 3 \(the network's logits\), not 1 to 4"),
        (IMAGES, LABELS - 1, "not -1 to 2"),
        (IMAGES, LABELS.float(), r"whole numbers \[8\], not float32\[8\]"),
        (IMAGES, LABELS > 1, r"not bool\[8\]"),
        (IMAGES, LABELS[:, None], r"not int64\[8, 1\]"),
        (IMAGES, torch.rand(8, 5), "shares of 5 classes, but the network has 4 logits"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(images: Tensor, labels: Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score(nasbench201(), images, labels, proxies=["params"])


def test_labels_that_are_missing_are_requested_by_name() -> None:
    with pytest.raises(ValueError, match="proxy 'snip' needs labels"):
        score(nasbench201(), IMAGES, proxies=["params", "snip"])


def test_a_proxy_requested_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="requested twice: snip, snip"):
        score(nasbench201(), IMAGES, LABELS, proxies=["snip", PROXIES["snip"]])


def test_a_typo_is_met_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'synflow'"):
        score(nasbench201(), IMAGES, proxies=["sinflow"])


@pytest.mark.parametrize(("name", "part"), [("az_nas", "az_progressivity"), ("te_nas", "linear_regions")])
def test_a_combination_is_no_score_of_one_network(name: str, part: str) -> None:
    with pytest.raises(UnknownName, match=rf"{name}.*score its parts \(.*{part}"):
        score(nasbench201(), IMAGES, proxies=[name])


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(TypeError, match=r"must be a torch.nn.Module, not function"):
        score(lambda images: images, IMAGES)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="must return logits, not tuple"):
        score(Pair(), IMAGES, proxies=["synflow"])
    with pytest.raises(ValueError, match="lazy layers without weights"):
        score(nn.Sequential(nn.Flatten(), nn.LazyLinear(2)), IMAGES)
