"""Proxies of the loss's gradient against values worked out by hand and against independent definitions in float64."""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import log, sqrt

import numpy as np
import pytest
import torch
from networks import DEAD_END, batch, nasbench201, odd
from torch import Tensor, nn
from torch.autograd.functional import hvp
from torch.func import functional_call
from torch.nn import functional

from proxybench.proxies import PROXIES
from proxybench.proxies.probe import Probe
from proxybench.proxies.scores import Scores

LOSS = ["grad_norm", "plain", "snip", "grasp", "fisher"]
LN3 = log(3)


def scores(network: nn.Module, images: Tensor, labels: Tensor) -> Scores:
    return Probe(network, images, labels).run([PROXIES[name] for name in LOSS])


def linear(weight: list[list[float]]) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight), bias=False, dtype=torch.float64)
    layer.weight.data.copy_(torch.tensor(weight, dtype=torch.float64))
    return layer


def test_a_linear_layer_by_hand() -> None:
    # Logits (ln 3, 0), softmax (3/4, 1/4); of label 0 the gradient of the logits is d = (-1/4, 1/4), and dL/dw = d x.
    # The Hessian product is A (dL/dw x) x with A = diag(p) - p p, 3/16 and -3/16: rows of -3/16 and of 3/16.
    network = linear([[LN3, 0], [0, 0]])
    found = scores(network, torch.ones(1, 2), torch.tensor([0])).values
    assert found == pytest.approx(
        {
            "grad_norm": 1 / 2,
            "plain": -LN3 / 4,
            "snip": LN3 / 4,
            "grasp": 3 * LN3 / 16,
            "fisher": 2 * LN3**2 / 32,  # output (ln 3, 0) times d, squared, halved, for each of two weights
        },
        rel=1e-12,
    )


def test_a_mean_over_two_images_by_hand() -> None:
    # The second image is the first with label 1: d = (3/4, -3/4). Gradients of the mean loss: half the sum of both.
    found = scores(linear([[LN3, 0], [0, 0]]), torch.ones(2, 2), torch.tensor([0, 1])).values
    assert found["grad_norm"] == pytest.approx(2 * 1 / 4, rel=1e-12)  # four entries of +-1/4
    assert found["plain"] == pytest.approx(LN3 / 4, rel=1e-12)
    # mean over the images of (ln 3 d / 2)^2 is ln^2 3 (1/64 + 9/64) / 2; halved, for each of two weights
    assert found["fisher"] == pytest.approx(2 * LN3**2 * (10 / 64) / 2 / 2, rel=1e-12)


def test_a_convolution_without_normalisation_by_hand() -> None:
    # Pixels 1 and 3, weights ln 3 / 2 and 0, mean over pixels: logits (ln 3, 0), d as above, dL/dw = 2 d.
    conv = nn.Conv2d(1, 2, 1, bias=False, dtype=torch.float64)
    conv.weight.data[:, 0, 0, 0] = torch.tensor([LN3 / 2, 0], dtype=torch.float64)
    network = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found = scores(network, torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2), torch.tensor([0])).values
    assert found["grad_norm"] == pytest.approx(sqrt(1 / 2), rel=1e-12)
    assert found["snip"] == pytest.approx(LN3 / 4, rel=1e-12)
    assert found["plain"] == pytest.approx(-LN3 / 4, rel=1e-12)
    # positions add up before the square: ln 3 / 2 (1 + 3) times -1/4 / 2; the channel has one weight
    assert found["fisher"] == pytest.approx(LN3**2 / 32, rel=1e-12)


def test_the_scores_of_two_layers_are_added_up_by_layer() -> None:
    # Two layers (ln 3, 1): h = (ln 3 x1, x2) = (ln 3, 0), then the identity; d = (-1/4, 1/4) as above.
    network = nn.Sequential(linear([[LN3, 0], [0, 1]]), linear([[1, 0], [0, 1]]))
    found = scores(network, torch.tensor([[1.0, 0.0]]), torch.tensor([0])).nodes
    assert found["grad_norm"] == pytest.approx([sqrt(2) / 4, LN3 * sqrt(2) / 4], rel=1e-12)
    assert found["plain"] == pytest.approx([-LN3 / 4, -LN3 / 4], rel=1e-12)


class Definition:
    """A network of convolutions with batch normalisation as a function of its weights and of masks on its outputs."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(
            *(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Softplus()),
            *(nn.Conv2d(3, 2, 2, stride=2), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(2, 3)),
        ).double()
        self.images = torch.randn(5, 2, 4, 4, dtype=torch.float64)
        self.labels = torch.tensor([0, 2, 1, 1, 0])
        self.names = ["0.weight", "3.weight", "6.weight"]
        self.weights = [self.network.get_parameter(name).detach().clone() for name in self.names]

    def loss(self, *weights: Tensor) -> Tensor:
        replaced = dict(zip(self.names, weights, strict=True))
        return functional.cross_entropy(functional_call(self.network.train(), replaced, (self.images,)), self.labels)

    def masked(self, position: int, mask: Tensor) -> Tensor:
        """The loss when output channel c of a layer is multiplied by mask[image, c]."""
        x, layer = self.images, 0
        for module in self.network:
            x = module(x)
            if isinstance(module, nn.Conv2d | nn.Linear):
                if layer == position:
                    x = x * mask.reshape(*mask.shape, *[1] * (x.dim() - 2))
                layer += 1
        return functional.cross_entropy(x, self.labels)


@pytest.fixture(scope="module")
def definition() -> Definition:
    return Definition()


@pytest.fixture(scope="module")
def found(definition: Definition) -> Scores:
    return scores(definition.network, definition.images, definition.labels)


def differences(loss: Callable[[Tensor], Tensor], at: Tensor, step: float = 1e-5) -> Tensor:
    """Central differences of a scalar function, one element at a time; error about 1e-10."""
    gradient = torch.zeros_like(at)
    for place in np.ndindex(*at.shape):
        moved = torch.zeros_like(at)
        moved[place] = step
        gradient[place] = (loss(at + moved) - loss(at - moved)) / (2 * step)
    return gradient


def test_gradients_agree_with_finite_differences(definition: Definition, found: Scores) -> None:
    for position, weight in enumerate(definition.weights):

        def loss(moved: Tensor, position: int = position) -> Tensor:
            with torch.no_grad():
                return definition.loss(*definition.weights[:position], moved, *definition.weights[position + 1 :])

        gradient = differences(loss, weight)
        expected = {
            "grad_norm": gradient.norm(),
            "plain": (weight * gradient).sum(),
            "snip": (weight * gradient).abs().sum(),
        }
        for name, value in expected.items():
            assert found.nodes[name][position] == pytest.approx(float(value), rel=1e-7, abs=1e-9), name


def test_the_hessian_product_agrees_with_torchs_and_with_differences_of_gradients(
    definition: Definition, found: Scores
) -> None:
    weights = tuple(weight.clone().requires_grad_() for weight in definition.weights)

    def gradient_at(shift: float, along: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        moved = [(weight.detach() + shift * d).requires_grad_() for weight, d in zip(weights, along, strict=True)]
        return torch.autograd.grad(definition.loss(*moved), moved)

    gradient = gradient_at(0.0, weights)
    _, exact = hvp(definition.loss, weights, gradient)
    step = 1e-5
    ahead, behind = gradient_at(step, gradient), gradient_at(-step, gradient)
    rough = [(a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    for position, weight in enumerate(definition.weights):
        assert found.nodes["grasp"][position] == pytest.approx(-float((weight * exact[position]).sum()), rel=1e-9)
        assert found.nodes["grasp"][position] == pytest.approx(-float((weight * rough[position]).sum()), rel=1e-6)


def test_fisher_agrees_with_derivatives_by_a_mask_on_each_channel_of_each_image(
    definition: Definition, found: Scores
) -> None:
    # With z replaced by m z the derivative at m = 1 is the sum over positions of z dL/dz. It counts once for each of
    # the weights of the channel: 2 x 3 x 3, 3 x 2 x 2, 2.
    for position, (channels, weights) in enumerate(((3, 18), (2, 12), (3, 2))):
        mask = torch.ones(5, channels, dtype=torch.float64)
        with torch.no_grad():
            sensitivity = differences(lambda moved, p=position: definition.masked(p, moved), mask)
        expected = weights * 0.5 * (sensitivity**2).mean(0).sum()
        assert found.nodes["fisher"][position] == pytest.approx(float(expected), rel=1e-6)


def test_grasp_of_a_loss_without_curvature_is_zero() -> None:
    probe = Probe(nn.Linear(2, 2), torch.ones(3, 2), torch.zeros(3), loss=lambda logits, _: logits.mean())
    assert probe.run([PROXIES["grasp"]]).values == {"grasp": 0.0}


def test_grasp_is_nan_where_a_function_has_no_second_derivative() -> None:
    network, images, labels = odd("mobile")  # hard sigmoid
    found = scores(network, images, labels)
    assert "cannot be differentiated twice" in found.unanswered["grasp"]
    assert set(found.unanswered) == {"grasp"}


def test_a_layer_on_no_path_has_no_gradient() -> None:
    network = nasbench201(DEAD_END)
    found = scores(network, *batch()).nodes
    dead = [network.operations.index(f"cells.0.edges.{edge}") for edge in (0, 5)]
    for name in LOSS:
        assert found[name][dead].tolist() == [0.0, 0.0]
        assert found[name][network.operations.index("stem")] != 0


def test_frozen_weights_count_as_any_others() -> None:
    network = nasbench201()
    expected = scores(network, *batch()).values
    assert scores(network.requires_grad_(False), *batch()).values == expected
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in network.parameters())


def test_a_network_in_evaluation_mode_is_scored_with_the_statistics_of_the_batch() -> None:
    network = nasbench201()
    expected = scores(network, *batch()).values
    assert scores(network.eval(), *batch()).values == expected


def test_products_that_leave_single_precision_are_added_up_in_double_precision() -> None:
    # Weights 1e25 and equal logits: |w dL/dw| = 1e25 x 1e20 / 2 for each of four, beyond 3e38.
    network = nn.Linear(2, 2, bias=False)
    network.weight.data.fill_(1e25)
    probe = Probe(
        network, torch.full((1, 2), 1e20), torch.zeros(1), loss=lambda logits, _: (logits * 0.5).sum() * 1e-30
    )
    assert probe.run([PROXIES["snip"]]).values["snip"] == pytest.approx(4 * 1e25 * 0.5e-10, rel=1e-6)


OVERWRITING: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda x: functional.relu(x, inplace=True),
    "relu, by position": lambda x: functional.relu(x, True),
    "relu_": torch.relu_,
    "method": Tensor.relu_,
    "leaky_relu_": functional.leaky_relu_,
    "clamp_": lambda x: x.clamp_(min=0),
    "product": lambda x: x.mul_(2).relu(),
    "operator": lambda x: operator.iadd(x, 1.0),
    "a part": lambda x: (operator.setitem(x, (slice(None), 1), 0.0), x)[1],
}


class Overwrites(nn.Module):
    """A function on the output of a convolution, or on a copy of it."""

    def __init__(self, function: Callable[[Tensor], Tensor], *, copies: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.last = nn.Linear(4, 4)
        self.function, self.copies = function, copies

    def forward(self, images: Tensor) -> Tensor:
        x = self.conv(images)
        return self.last(self.function(x.clone() if self.copies else x).mean((2, 3)))


@pytest.mark.parametrize("kind", OVERWRITING)
def test_fisher_reads_an_output_before_a_function_overwrites_it(kind: str) -> None:
    found = []
    for copies in (False, True):
        torch.manual_seed(0)
        found.append(scores(Overwrites(OVERWRITING[kind], copies=copies), *batch()))
    assert found[0].unanswered == found[1].unanswered == {}
    assert found[0].values == pytest.approx(found[1].values, rel=1e-6)


def test_a_weight_in_two_modules_counts_the_outputs_of_both() -> None:
    # x -> w x -> w w x with w = 2, L = the output: the two outputs times their gradients are both 4.
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = (nn.Linear(1, 1, bias=False, dtype=torch.float64) for _ in range(2))
            self.second.weight = self.first.weight
            nn.init.constant_(self.first.weight, 2)

        def forward(self, images: Tensor) -> Tensor:
            return self.second(self.first(images))

    probe = Probe(Twice(), torch.ones(1, 1), torch.zeros(1), loss=lambda logits, _: logits.sum())
    found = probe.run([PROXIES["fisher"], PROXIES["plain"]]).values
    assert found == pytest.approx({"fisher": (4 + 4) ** 2 / 2, "plain": 2 * 4.0}, rel=1e-12)
