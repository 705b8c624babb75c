"""Everything about a network and the process that a pass must leave as it was."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


def snapshot(network: nn.Module, *tensors: Tensor) -> dict[str, Any]:
    """Values and identities, to be compared with `==`; `tensors` are the batch."""
    found: dict[str, Any] = {}
    for name, module in network.named_modules():
        found[f"{name} attributes"] = {key: _value(value) for key, value in vars(module).items()}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        found[name] = (_bits(parameter), parameter.requires_grad, id(parameter.grad), _bits(parameter.grad))
    for name, buffer in network.named_buffers():
        found[name] = (_bits(buffer), buffer.requires_grad)
    found["batch"] = [_bits(tensor) for tensor in tensors]
    found["random"] = (_bits(torch.get_rng_state())[1:], repr(np.random.get_state(legacy=False)), random.getstate())
    found["process"] = (
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.backends.mha.get_fastpath_enabled(),
        torch.backends.cuda.flash_sdp_enabled(),
        [id(vars(functional)[key]) for key in sorted(vars(functional)) if callable(vars(functional)[key])],
    )
    return found


def _value(value: Any) -> Any:
    """A plain value itself, an object's identity, and what a container holds in its order."""
    if isinstance(value, dict):
        return (id(value), [(key, _value(item)) for key, item in value.items()])
    if isinstance(value, list | tuple | set):
        return (id(value), [_value(item) for item in value])
    if isinstance(value, Tensor):
        return (id(value), _bits(value))
    return value if isinstance(value, bool | int | float | str | type(None)) else id(value)


def _bits(tensor: Tensor | None) -> Any:
    """Data pointer, shape, type and bytes: NaN equals itself and -0 is not 0."""
    if tensor is None:
        return None
    flat = tensor.detach().contiguous().flatten()
    return (tensor.data_ptr(), tuple(tensor.shape), tensor.dtype, flat.view(torch.uint8).numpy().tobytes())
