"""Batch normalisation, as module or function: remove it for one pass, track or fix its statistics, read its variances.

All batch normalisation in torch goes through `torch.nn.functional.batch_norm` or `torch.batch_norm`, including that of
modules that fuse it with an activation, so it is intercepted there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from proxybench.proxies.functions import unwatched

_FUNCTION_ARGUMENTS = ("inputs", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
_TORCH_ARGUMENTS = ("inputs", "weight", "bias", "running_mean", "running_var", "training", "momentum", "eps")


@dataclass
class BatchNormCall:
    """The arguments of one call of batch normalisation, as torch.nn.functional.batch_norm names them."""

    inputs: Tensor
    running_mean: Tensor | None
    running_var: Tensor | None
    weight: Tensor | None = None
    bias: Tensor | None = None
    training: bool = False
    momentum: float = 0.1
    eps: float = 1e-5

    def compute(self) -> Tensor:
        """What the call gives."""
        return functional.batch_norm(
            self.inputs,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        )


class BatchNormMode(TorchFunctionMode):
    """Replaces each call of batch normalisation by `instead` while it is active."""

    def __init__(self, instead: Callable[[BatchNormCall], Tensor]) -> None:
        super().__init__()
        self._instead = instead

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        call = batch_norm_call(func, args, kwargs or {})
        return func(*args, **(kwargs or {})) if call is None else self._instead(call)


def batch_norm_call(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> BatchNormCall | None:
    """The call if the function is batch normalisation, otherwise None."""
    if func is functional.batch_norm:
        return _call(_FUNCTION_ARGUMENTS, args, kwargs)
    if func is torch.batch_norm:
        return _call(_TORCH_ARGUMENTS, args, kwargs)
    return None


def _call(names: Sequence[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> BatchNormCall:
    given = dict(zip(names, args, strict=False)) | {key: value for key, value in kwargs.items() if key in names}
    if "input" in kwargs:
        given["inputs"] = kwargs["input"]
    return BatchNormCall(**given)


@contextmanager
def batch_norm_removed() -> Iterator[None]:
    """Turn every batch normalisation that runs inside this context into the identity."""
    with BatchNormMode(lambda call: call.inputs):
        yield


def running_variances(batch_norms: Sequence[_BatchNorm]) -> Tensor:
    """A copy of the running variances of those that keep them, concatenated."""
    with unwatched():
        variances = [module.running_var.detach().float() for module in batch_norms if module.running_var is not None]
        return torch.cat(variances) if variances else torch.zeros(0)


class RunningStatistics:
    """Fresh running statistics for every batch normalisation of a network, independent of the network's own.

    Torch modules keep them themselves; for calls of the function they are kept here, keyed by the buffers passed to
    the call or, without buffers, by the order of the calls.

    Args:
        network: receives its own buffers, which `Probe.borrowed` removes again.
        momentum: of the running mean; 1 uses the statistics of the last batch only.
        like: a tensor with the network's type and device.

    Attributes:
        variances: the running variances, float[channels] each; modules first.
    """

    def __init__(self, network: nn.Module, *, momentum: float, like: Tensor) -> None:
        self.variances: list[Tensor] = []
        self._momentum, self._like = momentum, like
        self._owned: set[int] = set()
        self._kept: dict[Any, tuple[Tensor, Tensor]] = {}
        self._of_modules: dict[_BatchNorm, tuple[Tensor, Tensor]] = {}
        self._calls = 0
        self._fixed = False
        self.install(network)

    def install(self, network: nn.Module) -> None:
        """Give the modules of the network, lent again, the buffers in which their statistics are."""
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                if module not in self._of_modules:
                    self._of_modules[module] = self._start(module.num_features)
                    self._owned.add(self._of_modules[module][0].data_ptr())
                module.track_running_stats, module.momentum = True, self._momentum
                module.running_mean, module.running_var = self._of_modules[module]

    def _start(self, channels: int) -> tuple[Tensor, Tensor]:
        mean, variance = self._like.new_zeros(channels), self._like.new_ones(channels)
        self.variances.append(variance)
        return mean, variance

    @contextmanager
    def tracked(self) -> Iterator[None]:
        """Update the statistics during one forward pass."""
        self._calls = 0
        with BatchNormMode(self._compute):
            yield

    @contextmanager
    def fixed(self) -> Iterator[None]:
        """Normalise with the current statistics during one forward pass in evaluation mode."""
        self._fixed = True
        with self.tracked():
            yield

    def _compute(self, call: BatchNormCall) -> Tensor:
        place = None if call.running_mean is None else call.running_mean.data_ptr()
        if place in self._owned:
            return call.compute()
        key = f"call {self._calls}" if place is None else place
        self._calls += 1
        if call.training and key not in self._kept:
            self._kept[key] = self._start(call.inputs.shape[1])
        if key in self._kept:
            call.running_mean, call.running_var = self._kept[key]
            call.training, call.momentum = call.training and not self._fixed, self._momentum
        return call.compute()
