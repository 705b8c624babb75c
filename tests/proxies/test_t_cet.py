"""T-CET against hand-worked layers and an independent definition."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from proxybench.networks import build
from proxybench.proxies.code_volumes import log_code_volume
from proxybench.proxies.probe import Probe
from proxybench.proxies.scores import Scores
from proxybench.proxies.t_cet import log_signal_to_noise, t_cet
from proxybench.spaces.nasbench201 import NASBench201

IMAGES = torch.sin(torch.arange(5 * 2 * 4 * 4.0) ** 1.5).reshape(5, 2, 4, 4)


def run(network: nn.Module, images: Tensor = IMAGES) -> Scores:
    return Probe(network, images).run([t_cet])


def network() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 8, 1), nn.Flatten(), nn.Linear(32, 9)
    )
    nn.init.uniform_(net[1].weight, 0.5, 2)
    nn.init.uniform_(net[1].bias, -0.1, 0.1)
    nn.init.uniform_(net[1].running_var, 0.5, 2)
    return net


@pytest.mark.parametrize(
    ("saliency", "expected"),
    [
        ([1.0, 2, 3], log(6 / 1)),
        ([0.0, 0, 3, 3], log(6 / 3**0.5)),
        ([5.0], log(5)),
        ([2.0, 2], log(4)),
        ([0.0, 0], 0),
    ],
)
def test_signal_to_noise(saliency: list[float], expected: float) -> None:
    assert log_signal_to_noise(torch.tensor(saliency)).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([[1.0, -1, 1], [1, 1, -1]], log(3 * 3 - 1)),  # one of three signs is shared
        ([[1.0, -1], [-1, 1]], log(2 * 2)),  # none is
        ([[1.0, 2], [3, 4]], 0),  # all are: K is singular
        ([[0.0, -2], [-3, -4]], 0),
        ([[1.0, -2, 3]], log(3)),
        ([[-1.0, -2]], 0),
        ([[1.0, -1], [float("nan"), 1]], float("nan")),
    ],
)
def test_code_volume(outputs: list[list[float]], expected: float) -> None:
    assert log_code_volume(torch.tensor(outputs)).item() == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_the_layers_agree_with_an_independent_definition() -> None:
    net = network().double().eval()
    outputs = []
    x = IMAGES.double()
    for module in net:
        x = module(x)
        if isinstance(module, nn.Conv2d | nn.Linear):
            outputs.append(x.detach().numpy().reshape(len(x), -1) > 0)
    absolute = network().double()
    absolute[1] = nn.Identity()
    for parameter in absolute.parameters():
        parameter.data.abs_()
    absolute(torch.ones(1, 2, 4, 4, dtype=torch.float64)).sum().backward()
    expected = []
    for place, code in zip((0, 3, 5), outputs, strict=True):
        agreement = (code[:, None] == code[None]).sum(-1)
        volume = np.linalg.slogdet(agreement)[1] if len(np.unique(code, axis=0)) == len(code) else 0
        flow = (absolute[place].weight * absolute[place].weight.grad).detach().numpy()
        expected.append(volume * np.log(flow.sum() / flow.std(ddof=1)))
    scores = run(network())
    np.testing.assert_allclose(scores.nodes["t_cet"], expected, rtol=1e-6)
    assert scores.values["t_cet"] == pytest.approx(sum(expected), rel=1e-6)
    assert np.count_nonzero(expected) == 3


def test_equal_images_have_no_volume() -> None:
    assert run(network(), torch.ones_like(IMAGES)).values["t_cet"] == 0


def test_one_image_is_enough_in_evaluation_mode() -> None:
    assert np.isfinite(run(network(), IMAGES[:1]).values["t_cet"])


@pytest.mark.parametrize(
    "cell",
    [
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|",
    ],
)
def test_a_disconnected_network_has_a_score_of_its_living_layers(cell: str) -> None:
    net = build(NASBench201().parse(cell), 3, (2, 4, 4), channels=4, cells=1)
    scores = run(net)
    assert np.isfinite(scores.nodes["t_cet"]).all()


def test_a_transformer_has_a_score_of_its_linear_layers() -> None:
    attention = nn.Sequential(
        nn.Conv2d(2, 8, 2, 2),
        nn.Flatten(2),
        nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
        nn.Flatten(),
        nn.Linear(32, 3),
    )
    nodes = Probe(attention, IMAGES).run([t_cet]).nodes["t_cet"]
    assert np.isfinite(nodes).all()
    assert (nodes[:2] != 0).all()


def test_a_network_without_layers_has_no_answer() -> None:
    assert np.isnan(run(nn.Sequential(nn.Flatten())).values["t_cet"])
