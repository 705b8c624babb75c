"""VKDNW: Fisher information compared with torch.func, its entropy by hand."""

from __future__ import annotations

import math

import pytest
import torch
from networks import DEAD_END, nasbench201, odd
from torch import Tensor, nn

from proxybench.networks.initialise import initialise
from proxybench.proxies import PROXIES
from proxybench.proxies.base import NoAnswer
from proxybench.proxies.probe import Probe
from proxybench.proxies.vkdnw import (
    SAMPLES,
    SMOOTHING,
    directions,
    fisher_pass,
    quantile_entropy,
    scores_alone,
    scores_together,
)


def shares_of(logits: Tensor) -> Tensor:
    return logits.softmax(-1) * (1 - SMOOTHING) + SMOOTHING / logits.shape[-1]


def test_directions_are_a_root_of_the_covariance() -> None:
    logits = torch.randn(3, 4, dtype=torch.float64) * 5
    shares = shares_of(logits)
    covariance = torch.diag_embed(shares) - shares[:, :, None] * shares[:, None]
    found = directions(logits)
    torch.testing.assert_close(torch.einsum("cni,cnj->nij", found, found), covariance)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 4, 2, 2)])
def test_logits_that_are_not_classes_have_none(shape: tuple[int, ...]) -> None:
    with pytest.raises(NoAnswer, match="not one distribution over classes"):
        directions(torch.zeros(shape))


def test_entropies_by_hand() -> None:
    assert quantile_entropy(torch.ones(5, dtype=torch.float64)) == pytest.approx(math.log(9))
    # The deciles of 0, 1, ..., 10 are 1, ..., 9.
    expected = -sum(k / 45 * math.log(k / 45) for k in range(1, 10))
    assert quantile_entropy(torch.arange(11, dtype=torch.float64)) == pytest.approx(expected)
    with pytest.raises(NoAnswer, match="information is zero"):
        quantile_entropy(torch.zeros(4, dtype=torch.float64))


def test_the_information_is_that_of_the_whole_jacobian() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 3, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4)).double()
    probe = Probe(network, torch.randn(2, 2, 4, 4, dtype=torch.float64), seed=3)
    found = fisher_pass(probe)
    initialise(network, "kaiming", probe.generator("vkdnw"))
    images = probe.noise("vkdnw images", SAMPLES)
    parameters = {name: value.detach() for name, value in network.named_parameters()}

    def logits_of(entries: Tensor, image: Tensor) -> Tensor:
        changed = dict(parameters)
        for entry, name in zip(entries, ("0.weight", "3.weight"), strict=True):
            flat = torch.cat([entry[None], parameters[name].flatten()[1:]])
            changed[name] = flat.view(parameters[name].shape)
        out: Tensor = torch.func.functional_call(network, changed, (image[None],))[0]
        return out

    entries = torch.stack([parameters[name].flatten()[0] for name in ("0.weight", "3.weight")])
    information = torch.zeros(2, 2, dtype=torch.float64)
    for image in images:
        jacobian = torch.func.jacrev(logits_of)(entries, image)
        shares = shares_of(logits_of(entries, image))
        information += jacobian.T @ (torch.diag(shares) - torch.outer(shares, shares)) @ jacobian / SAMPLES
    torch.testing.assert_close(found, torch.linalg.eigvalsh(information))


@pytest.mark.parametrize("cell", [None, DEAD_END])
def test_one_pass_gives_what_one_pass_for_each_image_gives(cell: str | None) -> None:
    network = nasbench201(cell) if cell else nasbench201()
    probe = Probe(network, torch.randn(4, 3, 8, 8))
    images = probe.noise("images", 3)
    with probe.borrowed(train=False) as lent:
        for layer in probe.layers:
            layer.weight.requires_grad_()
        together = scores_together(probe, lent, images)
        alone = torch.cat([scores_alone(probe, lent, image[None]) for image in images], dim=1)
    assert together is not None
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["a cell", "transformer", "shared weights"])
def test_the_score_is_the_number_of_layers_plus_the_entropy(kind: str) -> None:
    network, images, labels = odd(kind)
    values = (
        Probe(network, images, labels)
        .run([PROXIES[name] for name in ("vkdnw", "vkdnw_entropy", "trainable_layers")])
        .values
    )
    assert values["vkdnw"] == pytest.approx(values["trainable_layers"] + values["vkdnw_entropy"], rel=1e-12)
    assert 0 < values["vkdnw_entropy"] <= math.log(9)


def test_trainable_layers_by_hand() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, affine=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2)
    )
    found = Probe(network, torch.randn(4, 3, 1, 1)).run([PROXIES["trainable_layers"]])
    assert found.values["trainable_layers"] == 3
    assert found.nodes["trainable_layers"].tolist() == [2, 1]
