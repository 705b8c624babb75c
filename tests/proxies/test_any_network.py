"""Networks in the shapes that people use, scored and compared with what is worked out by hand or by plainer means."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pytest
import torch
from snapshot import snapshot
from torch import Tensor, nn
from zoo.entry import Entry
from zoo.generative import Pyramid
from zoo.networks import ZOO
from zoo.references import REFERENCES, TOLERANCES, Reference, weights_of
from zoo.tokens import ModelOutput, NamedOutput

import proxybench as pb
from proxybench.proxies import available
from proxybench.proxies.probe import Probe

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated"),
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN"),
]


every_network = pytest.mark.parametrize("name", ZOO, scope="module")  # a network's tests run one after the other


@cache
def scored(name: str) -> tuple[Any, bool]:
    """All proxies of a network, with their reasons; whether the network came back as it was."""
    entry: Entry = ZOO[name]
    network, images = entry.network(), entry.images()
    before = _state(name, network, images)
    found = pb.score(network, images, entry.targets(len(images)), loss=entry.loss)
    return found, _state(name, network, images) == before


def _state(name: str, network: nn.Module, images: Tensor) -> Any:
    """Everything about a network; without addresses in memory where torch itself moves buffers in a forward pass."""
    if name == "quantisation-aware":
        return {key: value.tolist() for key, value in network.state_dict().items()}
    return snapshot(network, images)


def test_there_are_many() -> None:
    assert len(ZOO) >= 70


@every_network
def test_every_proxy_has_a_number_or_a_reason_and_the_network_comes_back(name: str) -> None:
    found, unchanged = scored(name)
    assert set(found) == set(available())
    for proxy, value in found.items():
        assert not math.isinf(value), proxy
        assert math.isnan(value) == bool(found.reasons.get(proxy)), proxy
    assert unchanged


@every_network
def test_layers_are_the_weights_that_features_are_multiplied_with(name: str) -> None:
    entry = ZOO[name]
    probe = Probe(entry.network(), entry.images())
    assert len(weights_of(entry, entry.plain(entry.network()))) == entry.count
    assert len(probe.layers) == entry.count, [layer.name for layer in probe.layers]


@every_network
def test_values_are_those_of_the_definitions(name: str) -> None:
    entry, (found, _) = ZOO[name], scored(name)
    reference, wrong = Reference(entry), []
    for proxy, work_out in REFERENCES.items():
        kernel = "ntk_trace" if proxy == "jacobian_entropy" else proxy  # both need gradients of single images
        if kernel in entry.skipped or (proxy == "az_complexity" and entry.products is None):
            continue
        expected = work_out(reference)
        if found[proxy] != pytest.approx(expected, rel=TOLERANCES.get(proxy, 1e-3), abs=1e-9, nan_ok=True):
            wrong.append(f"{proxy}: {found[proxy]} instead of {expected} ({found.reasons.get(proxy, '')})")
    assert not wrong, "\n".join(wrong)


OUTPUTS = {
    "a dictionary": lambda: NamedOutput(lambda logits, hidden: {"logits": logits, "hidden": hidden}),
    "an object": lambda: NamedOutput(ModelOutput),
    "a tuple": lambda: NamedOutput(lambda logits, hidden: (logits, hidden)),
    "a list of maps": lambda: Pyramid(joined=False),
    "nothing": lambda: NamedOutput(lambda logits, hidden: None),
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_a_network_that_gives_no_tensor_is_refused_in_one_line(kind: str) -> None:
    with pytest.raises(
        TypeError, match=r"the network must return logits, not .*; wrap it in a module that does"
    ) as error:
        pb.score(OUTPUTS[kind](), torch.randn(4, 3, 8, 8), torch.arange(4))
    assert "\n" not in str(error.value)


class Logits(nn.Module):
    """Takes the logits out of what a network gives."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images).logits


def test_a_wrapper_that_takes_the_logits_out_changes_nothing() -> None:
    torch.manual_seed(0)
    network = NamedOutput(ModelOutput)
    plain = NamedOutput(lambda logits, hidden: logits)
    plain.load_state_dict(network.state_dict())
    images, labels = torch.randn(6, 3, 8, 8), torch.arange(6) % 4
    proxies = ["snip", "synflow", "grad_norm", "fisher", "jacov", "nwot", "depth", "flops", "zico"]
    expected = pb.score(plain, images, labels, proxies=proxies)
    assert pb.score(Logits(network), images, labels, proxies=proxies) == pytest.approx(dict(expected), rel=1e-6)
