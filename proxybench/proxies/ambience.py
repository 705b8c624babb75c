"""The torch settings that a pass runs under, regardless of what the caller has switched on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def neutral_settings(dtype: torch.dtype = torch.float32) -> Iterator[None]:
    """Run the enclosed code under torch's own defaults and restore the caller's settings afterwards.

    Gradients are enabled, automatic mixed precision is off, new tensors are on the CPU, compiled functions run as
    plain Python, and attention uses operations that can be differentiated twice.

    Args:
        dtype: the network's type. Tensors that the network creates in its forward pass without an explicit type are
            float64 in a float64 network and float32 in any other.
    """
    fast_attention = torch.backends.mha.get_fastpath_enabled()
    default = torch.get_default_dtype()
    torch.backends.mha.set_fastpath_enabled(False)
    torch.set_default_dtype(torch.float64 if dtype == torch.float64 else torch.float32)
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            for kind in ("cpu", "cuda"):
                if torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, enabled=False))
            if torch.get_default_device().type != "cpu":
                stack.enter_context(torch.device("cpu"))
            if "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance"):
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            yield
    finally:
        torch.set_default_dtype(default)
        torch.backends.mha.set_fastpath_enabled(fast_attention)


@contextmanager
def recurrence_unrolled() -> Iterator[None]:
    """Let torch run recurrent layers step by step instead of as one library call."""
    libraries: tuple[Any, ...] = (torch.backends.mkldnn, torch.backends.cudnn)
    before = [library.enabled for library in libraries]
    for library in libraries:
        library.enabled = False
    try:
        yield
    finally:
        for library, enabled in zip(libraries, before, strict=True):
            library.enabled = enabled
