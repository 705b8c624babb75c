"""Networks that are not of a search space: every linear, convolution and attention layer counts."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from networks import ResNet, VisionTransformer, batch, mobile_network
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

import proxybench as pb
from proxybench.proxies import PROXIES
from proxybench.proxies.probe import Probe
from proxybench.proxies.scores import Scores

OF_LAYERS = ["grad_norm", "snip", "plain", "fisher", "grasp", "l2_norm", "synflow", "zico", "gradsign", "params"]
# Hard sigmoid has no second derivative in torch, and synaptic flow goes beyond where it is flat.
KINDS: dict[str, tuple[Callable[[], nn.Module], int, set[str]]] = {
    "residual": (ResNet, 7, set()),
    "mobile": (mobile_network, 12, {"grasp", "synflow"}),
    "transformer": (VisionTransformer, 10, set()),
}


def scores(network: nn.Module, names: list[str]) -> Scores:
    return Probe(network, *batch()).run([PROXIES[name] for name in names])


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_has_a_value(kind: str) -> None:
    build, layers, without = KINDS[kind]
    torch.manual_seed(0)
    found = scores(build(), OF_LAYERS)
    assert set(found.unanswered) <= without
    for name in set(OF_LAYERS) - without:
        assert np.count_nonzero(found.nodes[name]) == layers, name


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_backward(kind: str) -> None:
    torch.manual_seed(0)
    network = KINDS[kind][0]()
    for module in network.modules():
        if isinstance(module, nn.Dropout | nn.MultiheadAttention):
            setattr(module, "p" if isinstance(module, nn.Dropout) else "dropout", 0.0)
    found = scores(network, ["grad_norm", "snip", "plain"])
    images, labels = batch()
    nn.functional.cross_entropy(network.train()(images), labels).backward()
    by_name = dict(network.named_parameters())
    for place, operation in enumerate(found.operations):
        weight = by_name.get(f"{operation}.weight", by_name.get(operation))
        expected = {
            "grad_norm": weight.grad.norm(),
            "snip": (weight * weight.grad).abs().sum(),
            "plain": (weight * weight.grad).sum(),
        }
        for name, value in expected.items():
            assert found.nodes[name][place] == pytest.approx(float(value.detach()), rel=1e-4, abs=1e-6), operation


def test_a_weight_of_attention_that_is_taken_away_is_missed() -> None:
    # The flow of the value projection is cut: the packed projection and the output projection have no gradient.
    network = VisionTransformer()
    attention = network.blocks[0].attention
    attention.out_proj.weight.data.zero_()
    attention.in_proj_weight.data[16:].zero_()
    found = scores(network, ["grad_norm", "snip"])
    nodes = dict(zip(found.operations, found.nodes["snip"], strict=True))
    assert nodes["blocks.0.attention.in_proj_weight"] == nodes["blocks.0.attention.out_proj"] == 0
    assert nodes["blocks.0.mlp.0"] > 0


class Perceptron(nn.Module):
    """Linear layers written by hand, with functions for all that has no weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(192, 16)
        self.second = nn.Linear(16, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(images.flatten(1))))


def test_a_perceptron_without_a_convolution() -> None:
    torch.manual_seed(0)
    found = scores(Perceptron(), ["snip", "nwot", "depth", "jacov"])
    assert found.unanswered == {}
    assert found.values["depth"] == 2


def test_a_convolution_over_time_and_over_volumes() -> None:
    torch.manual_seed(0)
    for conv, shape in ((nn.Conv1d(2, 4, 3), (5, 2, 6)), (nn.Conv3d(2, 4, 2), (5, 2, 3, 3, 3))):
        network = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
        network(torch.zeros(shape))
        probe = Probe(network, torch.randn(shape), torch.tensor([0, 1, 2, 0, 1]))
        found = probe.run([PROXIES[name] for name in ("snip", "fisher", "synflow", "depth", "nwot")])
        assert found.unanswered == {}
        assert found.values["depth"] == 2


class Fussy(nn.Module):
    """A product with a parameter of its own, which raises an error or warns where its operations are watched."""

    def __init__(self, complain: Callable[[], None]) -> None:
        super().__init__()
        self.matrix, self.last = nn.Parameter(torch.randn(3, 5)), nn.Linear(5, 4)
        self._complain = complain

    def forward(self, images: Tensor) -> Tensor:
        if _get_current_dispatch_mode() is not None:
            self._complain()
        return self.last((images.mean((2, 3)) @ self.matrix).relu())


def refuse() -> None:
    raise RuntimeError("not while I am watched")


def test_a_warning_in_the_watched_pass_changes_nothing() -> None:
    torch.manual_seed(0)
    quiet, images = Fussy(lambda: None), torch.randn(4, 3, 8, 8)
    loud = Fussy(lambda: warnings.warn("slow", stacklevel=1))  # an error under the settings of these tests
    loud.load_state_dict(quiet.state_dict())
    found = pb.score(loud, images, torch.arange(4), proxies=["l2_norm", "snip"])
    assert found == pb.score(quiet, images, torch.arange(4), proxies=["l2_norm", "snip"])


def test_without_its_layers_a_network_has_the_scores_that_need_none() -> None:
    torch.manual_seed(0)
    network, images, labels = Fussy(refuse), torch.randn(4, 3, 8, 8), torch.arange(4)
    whole = Fussy(lambda: None)
    whole.load_state_dict(network.state_dict())
    found, expected = pb.score(network, images, labels), pb.score(whole, images, labels)
    reason = (
        "the layers of the network are unknown because it raises an error while it is watched: "
        "RuntimeError: not while I am watched"
    )
    for name in ("l2_norm", "snip", "grasp", "fisher", "synflow", "ntk_trace", "gradsign", "zico", "depth", "params"):
        assert (found[name] != found[name], found.reasons[name]) == (True, reason)
    for name in ("jacov", "nwot", "swap", "linear_regions"):
        assert found[name] == expected[name]
    assert pb.score(network, images, labels, proxies=["snip"], nodes=True)["snip"].shape == (0,)
    assert [layer.name for layer in Probe(whole, images).layers] == ["matrix", "last"]


class Fixed(Fussy):
    """Takes batches of four alone."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.reshape(4, 3, 8, 8))


def test_a_network_that_takes_no_single_image_is_watched_with_the_batch() -> None:
    network, images = Fixed(lambda: None), torch.randn(4, 3, 8, 8)
    assert [layer.name for layer in Probe(network, images).layers] == ["matrix", "last"]
