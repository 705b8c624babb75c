"""`pb.check_proxy` on proxies of networks: those of this project keep the contract, broken ones are named."""

from __future__ import annotations

import pytest
import torch

import proxybench as pb
from predictors.checks import ContractBroken
from proxybench.proxies import PROXIES, proxy


@pytest.mark.parametrize("name", ["synflow", "nwot", "snip", "params", "zico"])
def test_proxies_of_this_project_keep_it(name: str) -> None:
    pb.check_proxy(PROXIES[name])


def test_a_network_of_the_user_is_checked_with(recwarn) -> None:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 4))
    pb.check_proxy(PROXIES["grad_norm"], network=network, images=torch.randn(4, 3, 2, 2), labels=torch.arange(4))
    with pytest.raises(ValueError, match="needs images"):
        pb.check_proxy(PROXIES["grad_norm"], network=network)


def broken(function, **declared):
    return proxy("mine", source="mine", formula="mine", needs=["images"], **declared)(function)


def _changes(probe):
    with torch.no_grad():
        next(probe.network.parameters()).add_(1.0)
    return 1.0


_DRAWS = iter(range(1, 1000))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda probe: float("nan"), "has no score for the network"),
        (lambda probe: 1 / 0, "has no score for the network: ZeroDivisionError"),
        (lambda probe: float(next(_DRAWS)), "gives another score for the same seed"),
        (_changes, "changes the network"),
    ],
)
def test_what_breaks_it_is_named(function, message: str) -> None:
    with pytest.raises(ContractBroken, match=f"the proxy mine {message}"):
        pb.check_proxy(broken(function))
