"""Zen-score: how strongly a network with Gaussian weights reacts to a small change of a random image."""

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
    """Keeps in `features` the input of the last global pooling: [n, c, h, w] that becomes one value a channel."""

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
    """What `network` pools over all positions before its classifier, [n, c, h, w].

    Raises:
        NoAnswer: where nothing is pooled, or normalisation over one single value is asked for.
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
    """The logarithm of the change of the last feature map, and what batch normalisation divided out of it.

    As in NAS-Bench-Suite-Zero: one draw of weights and images, the L1 norm, the map that enters the global pooling, and
    after both passes running variances with momentum 0.1 from 1, about 0.81 + 0.19 v for a batch variance v. The paper
    has v itself, the Frobenius norm and a mean over draws. Momentum and tracking are set here, so that a network's own
    do not matter. Of the batch only its shape is used. NaN where the map does not depend on the image.
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
