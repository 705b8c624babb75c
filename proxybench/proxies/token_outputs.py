"""Outputs of layers over tokens and weights of attention, recorded in a forward pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.functions import Functions, unwatched
from proxybench.proxies.image_axis import image_axes, known_axis
from proxybench.proxies.probe import Probe
from proxybench.proxies.recorder import layer_outputs

Seen = Callable[[int, Tensor, Tensor], None]


@contextmanager
def token_outputs(probe: Probe, seen: Seen) -> Iterator[None]:
    """Call `seen(position, output, tokens)` for outputs of layers other than convolutions in a forward pass inside.

    `tokens` is a view or copy of the output as [n, tokens, channels]; of a map, the positions are its tokens. Outputs
    that do not depend on the images are left out. The pass must be in evaluation mode, over the batch of `probe`, and
    begin after this function has found the axes of the images.

    Raises:
        NoAnswer: from the forward pass, if it is unclear which axis of an output holds the images.
    """
    images = len(probe.images)
    axes = probe.once(image_axes).outputs if images > 1 else None
    calls = [0] * len(probe.layers)

    def of_layer(position: int, output: Tensor) -> None:
        call = calls[position]
        calls[position] += 1
        if probe.layers[position].convolution:
            return
        with unwatched():
            values = output.detach()
            if axes is None:
                tokens = values[None] if values.dim() < 2 else values.reshape(1, -1, values.shape[-1])
            else:
                if call >= len(axes[position]):
                    raise NoAnswer("the network takes a different path for the whole batch")
                axis = known_axis(axes[position][call])
                if axis is None:
                    return
                if axis.axis == values.dim() - 1:
                    raise NoAnswer(f"the output of layer {probe.layers[position].name!r} has images as its channels")
                tokens = axis.first(values, images).flatten(1, -2)
            seen(position, output, tokens)

    with layer_outputs(probe.layers, of_layer):
        yield


@contextmanager
def attention_weights(network: nn.Module, seen: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Call `seen(name, weights)` for every self-attention in a forward pass inside.

    Self-attention is torch's function or module of attention, or a softmax over the last axis of a tensor whose last
    two axes have the same length. The weights are [..., heads, queries, keys], without heads if the network computes
    them so; the name is that of the innermost module that is running.
    """
    running: list[str] = []

    def enter(module: nn.Module, inputs: Any, name: str) -> None:
        running.append(name)

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:
        running.pop()

    handles = []
    for name, module in network.named_modules():
        if not isinstance(module, torch.jit.ScriptModule):
            handles.append(module.register_forward_pre_hook(partial(enter, name=name)))
            handles.append(module.register_forward_hook(leave))
    try:
        with _Attention(lambda weights: seen(running[-1] if running else "", weights)):
            yield
    finally:
        for handle in handles:
            handle.remove()


class _Attention(Functions):
    """Sees the weights of attention, whether a function of torch computes them or a softmax."""

    def __init__(self, seen: Callable[[Tensor], None]) -> None:
        super().__init__()
        self._seen = seen

    def call(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = func(*args, **kwargs)
        reader = _READERS.get(name)
        if reader is not None:
            with unwatched():
                weights = reader(func, args, kwargs, result)
                if weights is not None and weights.dim() > 2 and weights.shape[-1] == weights.shape[-2]:
                    self._seen(weights.detach())
        return result


def _of_softmax(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Tensor | None:
    axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
    return result if isinstance(result, Tensor) and axis in (-1, result.dim() - 1) else None


def _of_product(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Tensor:
    """The weights are what attention returns if the values are the rows of the identity matrix."""
    given = dict(zip(("query", "key", "value"), args, strict=False)) | kwargs
    key = given["key"]
    identity = torch.eye(key.shape[-2], dtype=key.dtype, device=key.device).expand(*key.shape[:-2], -1, -1)
    arguments = {name: value for name, value in kwargs.items() if name not in ("query", "key", "value")}
    weights: Tensor = func(given["query"], key, identity, *args[3:], **arguments)
    return weights


def _of_module(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Tensor | None:
    if len(args) > 13:
        return None
    weights: Tensor | None = func(*args, **kwargs | {"need_weights": True, "average_attn_weights": False})[1]
    return weights


_READERS: dict[str, Callable[..., Tensor | None]] = {
    "softmax": _of_softmax,
    "scaled_dot_product_attention": _of_product,
    "multi_head_attention_forward": _of_module,
}


def sums_by_module(probe: Probe, measure: Callable[[Tensor], float]) -> dict[str, float]:
    """The sum of `measure` of the weights of attention, [..., heads, queries, keys], by the name of a module.

    From a forward pass of the batch in evaluation mode; an empty dictionary for a network without attention.
    """
    sums: defaultdict[str, float] = defaultdict(float)

    def seen(name: str, weights: Tensor) -> None:
        sums[name] += measure(weights)

    with probe.borrowed(train=False, weights=False) as network, torch.no_grad(), attention_weights(network, seen):
        probe.forward(network, probe.images)
    return dict(sums)
