"""A network comes back bit for bit, from `restored` and from every proxy."""

from __future__ import annotations

import random
from collections import OrderedDict

import numpy as np
import pytest
import torch
from networks import Attributes, VisionTransformer, batch, nasbench201
from snapshot import snapshot
from torch import Tensor, nn

from proxybench.proxies import PROXIES
from proxybench.proxies.probe import Probe
from proxybench.proxies.restore import restored


def with_history(network: nn.Module) -> nn.Module:
    """A network in the middle of its life: gradients, a frozen weight, hooks, modes of every kind."""
    parameters = list(network.parameters())
    for parameter in parameters[::2]:
        parameter.grad = torch.full_like(parameter, 0.25)
    parameters[1].requires_grad_(False)
    parameters[-1].requires_grad_(False)
    modules = list(network.modules())
    for module in modules[1::3]:
        module.eval()
    modules[1].register_forward_hook(_nothing)
    modules[-1].register_forward_pre_hook(_nothing_before)
    modules[2].note = ["a list", {"of": "things"}]
    modules[2].plain = torch.arange(3.0)
    return network


def _nothing(module: nn.Module, inputs: object, output: object) -> None: ...


def _nothing_before(module: nn.Module, inputs: object) -> None: ...


NETWORKS = {"nasbench201": nasbench201, "own attributes": Attributes, "transformer": VisionTransformer}


def changed_by(names: list[str], kind: str) -> set[str]:
    """What these proxies change in a network, its images and its labels."""
    network = with_history(NETWORKS[kind]())
    images, labels = batch(4)
    before = snapshot(network, images, labels)
    Probe(network, images, labels).run([PROXIES[name] for name in names])
    after = snapshot(network, images, labels)
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


@pytest.mark.parametrize("name", sorted(PROXIES))
def test_every_proxy_leaves_the_network_as_it_was(name: str) -> None:
    assert changed_by([name], "own attributes") == set()


@pytest.mark.parametrize("kind", NETWORKS)
def test_all_proxies_together_leave_the_network_as_it_was(kind: str) -> None:
    assert changed_by(sorted(PROXIES), kind) == set()


def test_the_network_comes_back_from_an_exception_in_a_pass() -> None:
    network = with_history(nasbench201())
    before = snapshot(network)

    def fail() -> None:
        with Probe(network, *batch(4)).borrowed() as borrowed:
            borrowed(batch(4)[0]).sum().backward()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert snapshot(network) == before


def test_whatever_happens_inside_is_undone() -> None:
    network = with_history(nasbench201())
    before = snapshot(network)
    with restored(network):
        network.requires_grad_(False).double().train()
        for parameter in network.parameters():
            parameter.data.zero_()
        network.stem.conv.weight = nn.Parameter(torch.zeros(1))
        network.stem.bn = nn.BatchNorm2d(3)
        del network.classifier.bias
        network.stem.conv.padding = (7, 7)
        network.stem.conv.forward = torch.neg
        network.added = "attribute"
        network.register_buffer("more", torch.ones(2))
        network._forward_hooks = OrderedDict()
        network.register_forward_hook(_nothing)
        for module in network.modules():
            module._forward_pre_hooks.clear()
            if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
                module.running_mean.fill_(7)
        list(network.modules())[2].note.append("more")
        list(network.modules())[2].plain.zero_()
        torch.manual_seed(5), np.random.seed(5), random.seed(5)
    assert snapshot(network) == before


def test_gradients_inside_do_not_add_to_those_restored() -> None:
    network = nn.Linear(2, 1)
    network.weight.grad = torch.tensor([[3.0, 4.0]])
    with restored(network, weights=False):
        assert network.weight.grad is None
        network(torch.ones(1, 2)).sum().backward()
    assert network.weight.grad.tolist() == [[3.0, 4.0]]


def test_a_buffer_that_is_expanded_is_no_obstacle() -> None:
    network = nn.Linear(2, 1)
    network.register_buffer("positions", torch.arange(2.0)[None].expand(5, -1))
    with restored(network):
        network.bias.data.zero_()
    assert network.positions.shape == (5, 2)


def test_a_proxy_works_where_gradients_are_switched_off() -> None:
    network, (images, labels) = nasbench201(), batch(4)
    expected = Probe(network, images, labels).run([PROXIES["grad_norm"]]).values
    for off in (torch.no_grad(), torch.inference_mode()):
        with off:
            assert Probe(network, images, labels).run([PROXIES["grad_norm"]]).values == expected


class Overwrites(nn.Module):
    """Writes into its images."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(12, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(images.mul_(2).flatten(1))


def test_a_network_that_writes_into_its_images_gets_a_copy() -> None:
    images, labels = batch(4, (3, 2, 2), 2)
    before = images.clone()
    probe = Probe(Overwrites(), images, labels)
    first = probe.run([PROXIES["grad_norm"], PROXIES["jacov"]]).values
    assert torch.equal(images, before)
    assert Probe(probe.network, images, labels).run([PROXIES["grad_norm"]]).values["grad_norm"] == first["grad_norm"]
