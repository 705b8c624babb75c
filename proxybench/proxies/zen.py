"""Zen-score: how strongly a network with Gaussian weights reacts to a small perturbation of a random image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from proxybench.networks.initialise import initialise
from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.batch_norm import RunningStatistics
from proxybench.proxies.probe import Probe

MIXUP = 1e-2
MOMENTUM = 0.1
POOLING: frozenset[Any] = frozenset(
    {functional.adaptive_avg_pool2d, functional.adaptive_max_pool2d, functional.avg_pool2d, torch.mean, Tensor.mean}
)


class _PooledMap(TorchFunctionMode):
    """Keeps in `features` the input [n, c, h, w] of the last global pooling, which yields one value per channel."""

    features: Tensor | None = None

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in POOLING:
            maps = args[0] if args else (kwargs or {})["input"]
            if (
                maps.dim() == 4
                and result.shape[:2] == maps.shape[:2]
                and result.numel() == maps.shape[0] * maps.shape[1]
            ):
                self.features = maps
        return result


def pooled_map(probe: Probe, network: nn.Module, images: Tensor) -> Tensor:
    """The map that `network` pools over all positions before its classifier, [n, c, h, w].

    Raises:
        NoAnswer: if nothing is pooled, or if the network normalises over a single value.
    """
    with _PooledMap() as recorder:
        probe.forward(network, images)
    if recorder.features is None:
        raise NoAnswer("the network has no global average pooling before its classifier")
    features: Tensor = recorder.features
    return features


@proxy(
    "zen",
    source="Lin et al., Zen-NAS, ICCV 2021, algorithm 1; NAS-Bench-Suite-Zero",
    formula="log mean over images of ||f(x + 0.01 e) - f(x)||_1 + sum over batch normalisations of "
    "1/2 log mean over channels of the running variance; x, e standard normal, weights N(0, 1), f before pooling",
    initialisation="gaussian",
)
def zen(probe: Probe) -> float:
    """The logarithm of the change in the last feature map, plus the scale that batch normalisation divided out.

    As in NAS-Bench-Suite-Zero: one draw of weights and images, the L1 norm, the map that enters the global pooling, and
    running variances after both passes with momentum 0.1 starting from 1, about 0.81 + 0.19 v for a batch variance v.
    The paper uses v itself, the Frobenius norm and a mean over draws. Momentum and tracking are set here, so the
    network's own settings do not matter. Only the batch's shape is used. NaN if the map does not depend on the image.
    """
    images = probe.noise("zen")
    changed = images + MIXUP * probe.noise("zen mixup")
    with probe.borrowed() as network, torch.no_grad():
        initialise(network, "gaussian", probe.generator("zen weights"))
        statistics = RunningStatistics(network, momentum=MOMENTUM, like=images)
        with statistics.tracked():
            before = pooled_map(probe, network, images)
        with statistics.tracked():
            difference = before - pooled_map(probe, network, changed)
    change = difference.double().abs().sum((1, 2, 3)).mean()
    if not change > 0:
        raise NoAnswer("the last feature map does not depend on the image")
    return float(change.log() + sum(variance.double().mean().log() / 2 for variance in statistics.variances))
