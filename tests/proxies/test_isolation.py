"""What goes wrong inside one proxy or pass costs the proxies that need it, and the caller can read why."""

from __future__ import annotations

import math

import pytest
import torch
from networks import VisionTransformer, batch, nasbench201, plain_network
from torch import Tensor, nn
from torch.nn import functional
from transformer_proxies import OF_TRANSFORMERS

import proxybench as pb
from proxybench.proxies.base import proxy
from proxybench.proxies.probe import Probe
from proxybench.proxies.weights import l2_norm


@proxy("broken", source="test", formula="none", per_layer=True)
def broken(probe: Probe) -> Tensor:
    raise KeyError("c.weight")


@proxy("interrupted", source="test", formula="none")
def interrupted(probe: Probe) -> float:
    raise KeyboardInterrupt


@proxy("too_large", source="test", formula="none")
def too_large(probe: Probe) -> float:
    raise MemoryError


def test_an_error_of_one_proxy_leaves_the_others_their_values() -> None:
    found = pb.score(nasbench201(), *batch(), proxies=[broken, "l2_norm", "nwot"])
    expected = pb.score(nasbench201(), *batch(), proxies=["l2_norm", "nwot"])
    assert math.isnan(found["broken"])
    assert found.reasons == {"broken": "KeyError: 'c.weight'"}
    assert {name: found[name] for name in expected} == expected
    assert expected.reasons == {}


def test_parts_of_a_proxy_with_an_error_are_nan() -> None:
    nodes = pb.score(plain_network(), *batch(), proxies=[broken, "params"], nodes=True)
    assert [math.isnan(value) for value in nodes["broken"]] == [True] * 3
    assert set(nodes.reasons) == {"broken"}


@pytest.mark.parametrize(("fatal", "error"), [(interrupted, KeyboardInterrupt), (too_large, MemoryError)])
def test_an_interruption_and_a_lack_of_memory_end_the_run(fatal: object, error: type[BaseException]) -> None:
    network = plain_network()
    before = [parameter.requires_grad for parameter in network.parameters()]
    with pytest.raises(error):
        pb.score(network, *batch(), proxies=[fatal, "l2_norm"])  # type: ignore[call-overload]
    assert [parameter.requires_grad for parameter in network.parameters()] == before


def test_an_error_of_a_shared_pass_is_reported_to_all_that_need_it() -> None:
    runs = []

    def failing(probe: Probe) -> float:
        runs.append(1)
        raise IndexError("out of range")

    def needing(name: str) -> object:
        return proxy(name, source="test", formula="none")(lambda probe: probe.once(failing))

    found = Probe(nasbench201(), *batch()).run([needing("one"), needing("two"), l2_norm])  # type: ignore[list-item]
    assert found.unanswered == {"one": "IndexError: out of range", "two": "IndexError: out of range"}
    assert found.values["l2_norm"] > 0
    assert len(runs) == 1


class OnlyInTraining(nn.Module):
    """Does something else in training mode than in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = plain_network()

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            raise RuntimeError("labels are missing")
        return self.inner(images)


def test_a_network_that_works_in_evaluation_mode_alone_has_the_scores_that_need_no_other() -> None:
    found = pb.score(OnlyInTraining(), *batch(), proxies=["synflow", "depth", "params", "snip", "nwot"])
    assert found.reasons == dict.fromkeys(["snip", "nwot"], "RuntimeError: labels are missing")
    assert found["depth"] == 3
    assert found["synflow"] > 0


class NoSingleImage(nn.Module):
    """Cannot take a batch of one image."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = plain_network(norm=False)

    def forward(self, images: Tensor) -> Tensor:
        assert len(images) > 1, "needs two images"
        return self.inner(images)


def test_a_network_that_takes_no_single_image_has_the_scores_of_a_batch() -> None:
    found = pb.score(NoSingleImage(), *batch(), proxies=["snip", "nwot", "meco"])
    assert math.isfinite(found["snip"])
    assert math.isfinite(found["nwot"])
    assert found.reasons == {"meco": "AssertionError: needs two images"}


LOSSES = {
    "segmentation": (nn.Conv2d(4, 5, 1), torch.arange(8 * 64).reshape(8, 8, 8) % 5, None),
    "reconstruction": (nn.Conv2d(4, 3, 1), batch()[0], functional.mse_loss),
    "regression": (
        nn.Sequential(nn.Flatten(), nn.Linear(256, 1), nn.Flatten(0)),
        torch.arange(8.0),
        functional.mse_loss,
    ),
    "several regressions": (
        nn.Sequential(nn.Flatten(), nn.Linear(256, 3)),
        torch.arange(24.0).reshape(8, 3),
        functional.mse_loss,
    ),
    "yes or no": (
        nn.Sequential(nn.Flatten(), nn.Linear(256, 1), nn.Flatten(0)),
        torch.arange(8) > 3,
        lambda logits, labels: functional.binary_cross_entropy_with_logits(logits, labels.float()),
    ),
    "soft labels": (nn.Sequential(nn.Flatten(), nn.Linear(256, 4)), torch.full((8, 4), 0.25), None),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_targets_that_are_no_classes_have_the_scores_that_need_no_classes(kind: str) -> None:
    head, labels, loss = LOSSES[kind]
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), head)
    found = pb.score(network, batch()[0], labels, loss=loss)
    assert "labels" in found.reasons["epe_nas"]
    without_pooling = {"zen"} | ({"az_progressivity", "az_trainability"} if "regression" in kind else set())
    flat = {"zen", "az_progressivity", "az_trainability", "t_cet", "epe_nas"}
    flat |= {"vkdnw", "vkdnw_entropy", *OF_TRANSFORMERS}
    assert set(found.reasons) <= without_pooling | flat
    for name in ("snip", "grad_norm", "zico", "gradsign", "fisher", "grasp", "ntk_trace", "jacov"):
        assert math.isfinite(found[name]), name


def test_snip_of_a_regression_by_hand() -> None:
    # One weight of 2 for images 1 and 3, targets 0: loss (4 + 36) / 2, its derivative (2 2 1 + 2 6 3) / 2 = 20.
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 1, bias=False))
    nn.init.constant_(network[1].weight, 2.0)
    images = torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1)
    found = pb.score(network, images, torch.zeros(2, 1), proxies=["snip"], loss=functional.mse_loss)
    assert found["snip"] == pytest.approx(40.0, rel=1e-6)


def test_a_loss_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the loss does not accept logits \[1, 4\] and labels \[1\]"):
        pb.score(nasbench201(), *batch(), proxies=["snip"], loss=functional.binary_cross_entropy)
    with pytest.raises(ValueError, match=r"must return one number, .*, not a tensor of shape \[1, 4\]"):
        pb.score(nasbench201(), *batch(), proxies=["snip"], loss=lambda logits, labels: logits)


def test_labels_of_a_segmentation_outside_the_logits_are_refused() -> None:
    network = nn.Conv2d(3, 5, 1)
    with pytest.raises(ValueError, match="labels must be from 0 to 4"):
        pb.score(network, batch()[0], torch.full((8, 8, 8), 5), proxies=["snip"])
    with pytest.raises(ValueError, match=r"labels must be whole numbers \[8, 8, 8\]"):
        pb.score(network, batch()[0], torch.zeros(8, dtype=torch.long), proxies=["snip"])


def test_a_transformer_with_normalisation_by_layer_says_why_it_has_no_logsynflow() -> None:
    torch.manual_seed(3)
    found = pb.score(VisionTransformer(), *batch(), proxies=["synflow", "logsynflow"])
    assert math.isfinite(found["synflow"])
    assert "logsynflow" not in found.reasons or "logarithm" in found.reasons["logsynflow"]
