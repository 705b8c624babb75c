"""Check on a network whether a proxy keeps the contract that every proxy of this project must satisfy."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import Tensor, nn

from predictors.checks import ContractBroken
from proxybench.proxies.base import Proxy
from proxybench.proxies.score import score


def check_network_proxy(
    proxy: Proxy,
    network: nn.Module | None = None,
    images: Tensor | None = None,
    labels: Tensor | None = None,
) -> None:
    """Check that a proxy gives one number per network, the same for the same seed, and leaves the network unchanged.

    That larger is better and that NaN means no answer are conventions that cannot be checked.

    Args:
        proxy: made with `proxybench.proxies.proxy`.
        network: any module from images to logits; a small convolutional network by default.
        images: float[n, channels, height, width], input of the network.
        labels: integers [n].

    Raises:
        ContractBroken: names the first part of the contract that is violated.
    """
    if network is None:
        network, images, labels = _example()
    if images is None:
        raise ValueError("a network of your own needs images to be checked with")
    before = copy.deepcopy(network.state_dict())
    modes = [module.training for module in network.modules()]
    values = []
    for _ in range(2):
        scores = score(network, images, labels, proxies=[proxy], seed=0)
        _require(
            _as_before(network, before, modes), proxy, "changes the network; work on a copy or in probe.borrowed()"
        )
        values.append(scores[proxy.name])
        reason = scores.reasons.get(proxy.name, "")
        _require(not reason, proxy, f"has no score for the network: {reason}")
    _require(math.isfinite(values[0]), proxy, f"gives {values[0]}; raise NoAnswer where there is no score")
    _require(values[0] == values[1], proxy, "gives another score for the same seed; draw from probe's generator")
    if proxy.per_layer:
        parts = score(network, images, labels, proxies=[proxy], seed=0, nodes=True)[proxy.name]
        _require(
            bool(np.isclose(parts.sum(), values[0], rtol=1e-6, atol=1e-12)),
            proxy,
            f"gives values of layers that add up to {parts.sum():g}, not to its score {values[0]:g}",
        )


def _example() -> tuple[nn.Module, Tensor, Tensor]:
    """A network with the usual parts: convolutions, normalisation, rectifiers and a residual sum."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = _Example()
    return network, torch.randn(8, 3, 8, 8, generator=generator), torch.arange(8) % 4


class _Example(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.head = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stem(images)
        logits: Tensor = self.head(torch.relu(maps + self.body(maps)).mean((2, 3)))
        return logits


def _as_before(network: nn.Module, before: dict[str, Tensor], modes: list[bool]) -> bool:
    state = network.state_dict()
    same = state.keys() == before.keys() and all(torch.equal(state[name], before[name]) for name in before)
    return same and modes == [module.training for module in network.modules()]


def _require(kept: bool, proxy: Proxy, what: str) -> None:
    if not kept:
        raise ContractBroken(f"the proxy {proxy.name} {what}")
