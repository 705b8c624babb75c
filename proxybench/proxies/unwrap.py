"""The network inside a wrapper, with plain weights instead of reparametrised ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)
_QUANTISED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized", "torchao.")


def unwrap(network: nn.Module) -> nn.Module:
    """The module inside nn.DataParallel, DistributedDataParallel and torch.compile; any other module unchanged.

    Raises:
        ValueError: if the layers cannot be watched because the network is TorchScript or quantised, or because its
            parameters were created in inference mode.
    """
    while True:
        inner = _inside(network)
        if inner is None:
            break
        network = inner
    for name, module in network.named_modules():
        _require_watchable(name or "the network itself", module)
    return network


def _inside(network: nn.Module) -> nn.Module | None:
    if isinstance(network, _PARALLEL):
        parallel: nn.Module = network.module
        return parallel
    dynamo = sys.modules.get("torch._dynamo")  # loaded by torch.compile; loading it here would take seconds
    if dynamo is not None and isinstance(network, dynamo.OptimizedModule):
        compiled: nn.Module = network._orig_mod
        return compiled
    return None


def _require_watchable(name: str, module: nn.Module) -> None:
    kind = type(module)
    if f"{kind.__module__}.".startswith(_QUANTISED):
        raise ValueError(
            f"the network is quantised ({name} is a {kind.__module__}.{kind.__qualname__}), so its weights have no "
            "gradients; score the network before quantisation"
        )
    if isinstance(module, torch.jit.ScriptModule) and (
        name == "the network itself" or any(True for _ in module.parameters(recurse=False))
    ):
        raise ValueError(
            f"the network is TorchScript ({name} is scripted or traced), so its layers cannot be watched; score the "
            "nn.Module that it was made from"
        )
    if any(parameter is not None and parameter.is_inference() for parameter in module._parameters.values()):
        raise ValueError(
            f"parameters of {name} were created in torch.inference_mode(), so they have no gradients; build the "
            "network outside of it"
        )


@dataclass
class EffectiveWeight:
    """A weight that a module computes from other parameters before each use, and a plain parameter with its value.

    Attributes:
        module: the module that owns the weight.
        name: name of the weight in its module.
        parameter: the effective weight as a separate parameter.
    """

    module: nn.Module
    name: str
    parameter: nn.Parameter

    def install(self) -> None:
        """Make the module use the plain parameter instead of the parameters and hooks from which it was computed."""
        module, own = self.module, vars(self.module)
        if parametrize.is_parametrized(module):
            module.__class__ = parametrize.type_before_parametrizations(module)
            del module._modules["parametrizations"]
        for key in [key for key, hook in module._forward_pre_hooks.items() if _computes(hook, self.name)]:
            del module._forward_pre_hooks[key]
        own.pop(self.name, None)
        for suffix in ("_g", "_v", "_orig"):
            module._parameters.pop(f"{self.name}{suffix}", None)
        module._parameters[self.name] = self.parameter
        if isinstance(module, nn.RNNBase):
            own["_flat_weights"] = [getattr(module, name, None) for name in module._flat_weights_names]


def effective_weights(network: nn.Module) -> list[EffectiveWeight]:
    """The current weights of parametrizations, weight_norm, spectral_norm and pruning masks in `network`.

    The network must be in evaluation mode, so that spectral_norm does not update its estimate.
    """
    return [
        EffectiveWeight(module, name, nn.Parameter(value.detach().clone()))
        for module in network.modules()
        for name, value in _computed(module)
    ]


def has_effective_weights(network: nn.Module) -> bool:
    """Whether any weight of `network` is computed from other parameters before each use."""
    return any(
        parametrize.is_parametrized(module) or any(map(_is_known, module._forward_pre_hooks.values()))
        for module in network.modules()
    )


def _computed(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Name and current value of each weight that the module computes from its parameters."""
    if parametrize.is_parametrized(module):
        for name in module.parametrizations:  # type: ignore[union-attr]
            yield name, getattr(module, name)
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm):
            yield hook.name, hook.compute_weight(module)
        elif isinstance(hook, SpectralNorm):
            yield hook.name, hook.compute_weight(module, do_power_iteration=False)
        elif isinstance(hook, BasePruningMethod):
            yield hook._tensor_name, hook.apply_mask(module)  # type: ignore[no-untyped-call]


def _is_known(hook: object) -> bool:
    return isinstance(hook, WeightNorm | SpectralNorm | BasePruningMethod)


def _computes(hook: object, name: str) -> bool:
    return _is_known(hook) and getattr(hook, "name", getattr(hook, "_tensor_name", None)) == name
