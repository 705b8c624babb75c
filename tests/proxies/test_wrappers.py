"""Wrappers, reparametrised weights and settings around the call: the scores are those of the network."""

from __future__ import annotations

import copy
import logging
import random
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import pytest
import torch
from networks import batch, nasbench201
from snapshot import snapshot
from torch import nn
from torch.nn.utils import parametrizations, prune

import proxybench as pb

SOME = ["l2_norm", "snip", "synflow", "convolutions", "depth", "zen", "flops", "fisher", "t_cet", "gradsign", "zico"]
IMAGES, LABELS = batch(8, (3, 8, 8))


def two_convolutions() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )


def compiled(network: nn.Module) -> nn.Module:
    return torch.compile(network, backend="eager")


def compiled_inside(network: nn.Sequential) -> nn.Module:
    network[0] = compiled(network[0])
    return network


def compiled_in_place(network: nn.Module) -> nn.Module:
    network.compile(backend="eager")
    return network


WRAPPERS = {
    "parallel": nn.DataParallel,
    "compiled and parallel": lambda network: nn.DataParallel(compiled(network)),
    "compiled in place": compiled_in_place,
    "a compiled layer": compiled_inside,
}


@pytest.mark.parametrize("kind", WRAPPERS)
def test_scores_of_a_wrapped_network_are_those_of_the_network_inside(kind: str) -> None:
    expected = pb.score(two_convolutions(), IMAGES, LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch").setLevel(logging.ERROR)
        found = pb.score(WRAPPERS[kind](two_convolutions()), IMAGES, LABELS)
    assert found == pytest.approx(expected, nan_ok=True)


def test_scripted_networks_are_refused_with_the_way_out() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = [torch.jit.script(two_convolutions()), torch.jit.trace(two_convolutions().eval(), IMAGES)]
        scripted.append(nn.Sequential(torch.jit.script(nn.Conv2d(3, 4, 3))))
    for network in scripted:
        with pytest.raises(ValueError, match=r"TorchScript .* score the nn.Module that it was made from"):
            pb.score(network, IMAGES, LABELS)


def test_quantised_networks_are_refused_with_the_way_out() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dynamic = torch.ao.quantization.quantize_dynamic(two_convolutions(), {nn.Linear})
        static = nn.Sequential(
            torch.ao.quantization.QuantStub(), two_convolutions(), torch.ao.quantization.DeQuantStub()
        )
        static.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
        prepared = torch.ao.quantization.prepare(static.eval())
        prepared(IMAGES)
        converted = torch.ao.quantization.convert(prepared)
    for network in (dynamic, converted):
        with pytest.raises(ValueError, match=r"quantised .* score the network before"):
            pb.score(network, IMAGES, LABELS)


def test_a_network_trained_for_quantisation_has_its_layers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = two_convolutions().train()
        network.qconfig = torch.ao.quantization.get_default_qat_qconfig("fbgemm")
        prepared = torch.ao.quantization.prepare_qat(network)
        found = pb.score(prepared, IMAGES, LABELS, proxies=["l2_norm", "depth", "synflow"])
    expected = pb.score(two_convolutions(), IMAGES, LABELS, proxies=["l2_norm", "depth", "synflow"])
    assert found == pytest.approx(expected, rel=0.02)  # weights are rounded to 8 bits


def test_parameters_of_inference_mode_are_refused() -> None:
    with torch.inference_mode():
        network = two_convolutions()
    with pytest.raises(ValueError, match=r"created in torch.inference_mode\(\)"):
        pb.score(network, IMAGES, LABELS)


def by_hook(wrap: Callable[[nn.Module], object]) -> Callable[[nn.Sequential], None]:
    def apply(network: nn.Sequential) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch deprecates the hooks
            for place in (0, 2, 6):
                wrap(network[place])

    return apply


REPARAMETRISED = {
    "weight_norm": by_hook(parametrizations.weight_norm),
    "weight_norm by a hook": by_hook(torch.nn.utils.weight_norm),
    "spectral_norm": by_hook(parametrizations.spectral_norm),
    "spectral_norm by a hook": by_hook(torch.nn.utils.spectral_norm),
    "orthogonal": by_hook(parametrizations.orthogonal),
    "pruned": by_hook(lambda module: prune.l1_unstructured(module, "weight", 0.3)),
    "pruned twice": by_hook(
        lambda module: (prune.l1_unstructured(module, "weight", 0.3), prune.random_unstructured(module, "weight", 0.1))
    ),
}


def effective(network: nn.Sequential) -> nn.Sequential:
    """The same network with the weights that it multiplies with as plain parameters."""
    plain = two_convolutions()
    network.eval()
    network(IMAGES)  # hooks compute the weights
    for place in (0, 2, 6):
        plain[place].weight.data = network[place].weight.detach().clone()
        plain[place].bias.data = network[place].bias.detach().clone()
    return plain


@pytest.mark.parametrize("kind", REPARAMETRISED)
def test_a_reparametrised_weight_counts_as_the_weight_that_it_gives(kind: str) -> None:
    network = two_convolutions()
    REPARAMETRISED[kind](network)
    expected = pb.score(effective(network), IMAGES, LABELS, proxies=SOME)
    assert pb.score(network, IMAGES, LABELS, proxies=SOME) == pytest.approx(expected, rel=1e-5)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert pb.score(network, IMAGES, LABELS, proxies=["params"]) == {"params": parameters}


@pytest.mark.parametrize("kind", REPARAMETRISED)
def test_a_reparametrised_network_comes_back_as_it_was(kind: str) -> None:
    network = two_convolutions()
    REPARAMETRISED[kind](network)
    before, classes = snapshot(network), [type(module) for module in network.modules()]
    pb.score(network, IMAGES, LABELS)
    assert snapshot(network) == before
    assert [type(module) for module in network.modules()] == classes
    network(IMAGES).sum().backward()  # gradients still reach the parameters that it has
    assert all(parameter.grad is not None for parameter in network.parameters())


@contextmanager
def default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


AROUND: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "mixed precision": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "double precision": default_dtype,
    "another device": lambda: torch.device("meta"),
    "deterministic": deterministic,
}


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, float]:
    return pb.score(nasbench201(), IMAGES, LABELS)


@pytest.mark.parametrize("kind", AROUND)
def test_settings_around_the_call_do_not_matter_and_stay(kind: str, undisturbed: dict[str, float]) -> None:
    network = nasbench201()
    with AROUND[kind]():
        before = (torch.get_default_dtype(), torch.is_autocast_enabled("cpu"), torch.is_grad_enabled())
        inference = torch.is_inference_mode_enabled()
        found = pb.score(network, IMAGES, LABELS)
        assert (torch.get_default_dtype(), torch.is_autocast_enabled("cpu"), torch.is_grad_enabled()) == before
        assert torch.is_inference_mode_enabled() == inference
    np.testing.assert_equal(found, undisturbed)


def test_images_and_labels_of_inference_mode_are_taken(undisturbed: dict[str, float]) -> None:
    with torch.inference_mode():
        images, labels = IMAGES.clone(), LABELS.clone()
    np.testing.assert_equal(pb.score(nasbench201(), images, labels), undisturbed)


@pytest.mark.parametrize("seed", [np.int64(3), np.uint8(3), torch.tensor(3)])
def test_a_seed_may_be_any_whole_number(seed: int) -> None:
    wanted = ["zen", "random", "meco"]
    expected = pb.score(nasbench201(), IMAGES, proxies=wanted, seed=3)
    assert pb.score(nasbench201(), IMAGES, proxies=wanted, seed=seed) == expected
    with pytest.raises(TypeError):
        pb.score(nasbench201(), IMAGES, proxies=wanted, seed=1.5)  # type: ignore[call-overload]


def test_random_states_of_the_process_stay() -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state(legacy=False)
    pb.score(copy.deepcopy(nasbench201()), IMAGES, LABELS)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert repr(np.random.get_state(legacy=False)) == repr(before[2])


@pytest.mark.parametrize("attribute", ["operations", "blocks"])
@pytest.mark.parametrize("value", [("conv3x3", "skip"), ("0", "0"), ["0"], 7, None, ("0",), nn.Identity()])
def test_attributes_of_another_meaning_are_left_alone(attribute: str, value: object) -> None:
    network = two_convolutions()
    expected = pb.score(network, IMAGES, LABELS, proxies=["snip", "params", "l2_norm"], nodes=True)
    other = two_convolutions()
    object.__setattr__(other, attribute, value)
    found = pb.score(other, IMAGES, LABELS, proxies=["snip", "params", "l2_norm"], nodes=True)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6)


def test_on_the_meta_device_what_counts_is_counted_and_the_rest_says_so() -> None:
    with torch.device("meta"):
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 4))
    found = pb.score(network, IMAGES, LABELS)
    # 3 4 9 weights and 4 biases, 2 4 of the normalisation, 144 4 weights and 4 biases
    assert found["params"] == 112 + 8 + 580
    # 36 positions: 3 4 9 multiply-adds and 4 biases, normalisation 2 4, ReLU 4; then 144 4
    assert found["flops"] == 36 * (108 + 4 + 8 + 4) + 576
    assert "meta" in found.reasons["snip"]
