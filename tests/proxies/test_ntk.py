"""The tangent kernel's condition number and trace against hand-worked kernels and a loop over images."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from proxybench.networks.nasbench201 import build
from proxybench.proxies.ntk import ntk_cond, ntk_trace
from proxybench.proxies.probe import Probe
from proxybench.proxies.scores import Scores
from proxybench.spaces.nasbench201 import NASBench201


def scores(network: nn.Module, images: Tensor) -> Scores:
    return Probe(network, images).run([ntk_cond, ntk_trace])


def linear(inputs: int, logits: int) -> nn.Module:
    return nn.Linear(inputs, logits, bias=False).double()


def diagonal(*entries: float) -> Tensor:
    return torch.diag(torch.tensor(entries, dtype=torch.float64))


def convolutional() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(16, 5)
    ).double()


def test_a_linear_layer_has_the_kernel_of_inner_products() -> None:
    # Gradients (1, 0) and (0, 2): the kernel is diag(1, 4).
    assert scores(linear(2, 1), diagonal(1, 2)).values == pytest.approx({"ntk_cond": -4.0, "ntk_trace": 5.0})


def test_the_logits_are_summed() -> None:
    # Three logits give the gradient of an image three rows, each the image.
    assert scores(linear(2, 3), diagonal(1, 2)).values == pytest.approx({"ntk_cond": -4.0, "ntk_trace": 15.0})


def test_correlated_images() -> None:
    # Kernel [[1, 1], [1, 2]]: eigenvalues (3 +- sqrt 5) / 2, their ratio ((3 + sqrt 5) / 2)^2.
    found = scores(linear(2, 1), torch.tensor([[1.0, 0], [1, 1]], dtype=torch.float64))
    assert found.values["ntk_cond"] == pytest.approx(-(((3 + math.sqrt(5)) / 2) ** 2))


def test_only_the_first_sixteen_images_count() -> None:
    sizes = [1.0] * 15 + [3.0]
    many = scores(linear(20, 1), diagonal(*sizes, 100, 100, 100, 100))
    assert many.values == pytest.approx({"ntk_cond": -9.0, "ntk_trace": 24.0})


def test_equals_a_loop_over_images_that_the_statistics_of_the_batch_normalise() -> None:
    network = convolutional()
    images = torch.randn(6, 2, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    fixed = copy.deepcopy(network)
    maps = network[0](images)
    fixed[1].running_mean = maps.mean((0, 2, 3)).detach()
    fixed[1].running_var = maps.var((0, 2, 3)).detach()
    fixed.eval()
    rows, traces = [], np.zeros(3)
    for place in range(6):
        fixed.zero_grad()
        fixed(images[place : place + 1]).sum().backward()
        layers = [fixed[layer].weight.grad.numpy().ravel() for layer in (0, 3, 5)]
        traces += [sum(value * value for value in layer) for layer in layers]
        rows.append(np.concatenate(layers))
    kernel = np.array([[float(one @ other) for other in rows] for one in rows])
    singular = np.linalg.svd(kernel, compute_uv=False)
    found = scores(network, images)
    assert found.nodes["ntk_trace"] == pytest.approx(traces, rel=1e-9)
    assert found.values["ntk_cond"] == pytest.approx(-singular[0] / singular[-1], rel=1e-6)


def test_both_share_one_pass() -> None:
    assert set(scores(linear(2, 1), diagonal(1, 2)).seconds) == {
        "layer_kernels",
        "statistics_pass",
        "ntk_cond",
        "ntk_trace",
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_images_have_a_trace_but_no_condition_number(dtype: torch.dtype) -> None:
    network = convolutional().to(dtype)
    found = scores(network, torch.rand(1, 2, 4, 4, dtype=dtype).expand(5, -1, -1, -1).clone())
    assert found.unanswered == {"ntk_cond": "the tangent kernel is singular"}
    assert found.values["ntk_trace"] > 0


def test_one_image_has_condition_number_1() -> None:
    assert scores(linear(2, 1), torch.tensor([[3.0, 4]], dtype=torch.float64)).values == pytest.approx(
        {"ntk_cond": -1.0, "ntk_trace": 25.0}
    )


def test_one_image_of_one_pixel_has_no_answer_under_batch_normalisation() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    assert set(scores(network, torch.ones(1, 1, 1, 1)).unanswered) == {"ntk_cond", "ntk_trace"}


def test_a_cell_of_zeros_has_trace_0_and_no_condition_number() -> None:
    network = build(NASBench201().parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"), channels=4, cells=1)
    found = scores(network, torch.randn(4, 3, 8, 8))
    assert found.values["ntk_trace"] == 0
    assert math.isnan(found.values["ntk_cond"])


def test_a_network_without_weights_has_no_answer() -> None:
    assert set(scores(nn.Flatten(), torch.randn(3, 1, 2, 2)).unanswered) == {"ntk_cond", "ntk_trace"}


def test_gradients_that_are_not_finite_have_no_answer() -> None:
    assert set(scores(linear(2, 1), diagonal(math.inf, 1)).unanswered) == {"ntk_cond", "ntk_trace"}
