"""Outputs of layers as tokens, and weights of attention, recorded in a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.functions import Functions, unwatched
from proxybench.proxies.image_axis import ImageAxis
from proxybench.proxies.layers import Layer
from proxybench.proxies.observer import Axes, Output

Seen = Callable[[int, Tensor], None]


class TokenOutputs:
    """Outputs of layers as tokens; those whose shape is ambiguous wait until the axes of the images are known.

    Args:
        layers: of the network.
        images: number of images in the batch.
        seen: called with the position of a layer and its output as [n, tokens, channels], a view or a copy; the
            positions of a map are its tokens. Outputs that do not depend on the images are left out.
    """

    def __init__(self, layers: Sequence[Layer], images: int, seen: Seen) -> None:
        self._layers, self._images, self._seen = layers, images, seen
        self._waiting: list[Output] = []

    def add(self, output: Output) -> None:
        """An output of a layer other than a convolution; later changes of its memory do not matter."""
        if self._layers[output.position].convolution:
            return
        if output.clear:
            self._pass_on(output, ImageAxis(0))
        else:
            self._waiting.append(replace(output, values=output.values.clone()))

    def finish(self, axes: Axes) -> None:
        """Pass on the outputs that waited. Raises NoAnswer if it is unclear which axis of one holds the images."""
        for output in self._waiting:
            axis = output.axis(axes)
            if axis is not None:
                self._pass_on(output, axis)
        self._waiting.clear()

    def _pass_on(self, output: Output, axis: ImageAxis) -> None:
        values = output.values.detach()
        if self._images == 1:
            tokens = values[None] if values.dim() < 2 else values.reshape(1, -1, values.shape[-1])
        elif axis.axis == values.dim() - 1:
            raise NoAnswer(f"the output of layer {self._layers[output.position].name!r} has images as its channels")
        else:
            tokens = axis.first(values, self._images).flatten(1, -2)
        self._seen(output.position, tokens)


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
