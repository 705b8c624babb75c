"""Weight gradients for each image, as if each were a batch of its own, from one pass over all images.

An image's gradient with respect to a layer's weight follows from that image's layer input and output gradient alone.
This holds for convolutions and linear layers in a network that does not mix images; batch normalisation, which does,
uses the statistics of one image at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.grad import conv2d_weight

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.batch_norm import BatchNormCall, BatchNormMode
from proxybench.proxies.contractions import is_own
from proxybench.proxies.layers import Layer
from proxybench.proxies.memory_order import channels_together, over_positions

CHUNK = 2**24  # gradient values held in memory at a time


def _normalise_alone(call: BatchNormCall) -> Tensor:
    """Normalise by each image's statistics if batch normalisation would use those of the batch."""
    if not call.training:
        return call.compute()
    inputs = call.inputs
    positions = inputs[0, 0].numel()
    if positions == 1:
        raise NoAnswer("normalisation over a single value")
    # One group per channel: same as instance_norm, in a third of the time unless channels come last in memory.
    images, channels = inputs.shape[:2]
    normalised, _, scales = torch.native_group_norm(
        inputs.contiguous(), call.weight, call.bias, images, channels, positions, channels, call.eps
    )
    if not (scales.isfinite() & (scales > 0)).all():
        raise NoAnswer("the variance of a batch normalisation is not finite")
    if channels_together(inputs):
        return normalised.contiguous(memory_format=torch.channels_last)
    return normalised


@contextmanager
def each_image_alone() -> Iterator[None]:
    """Make batch normalisation in training mode treat each image as its own batch; keeps no running statistics."""
    with BatchNormMode(_normalise_alone):
        yield


def all_plain(layers: Sequence[Layer], network: nn.Module) -> bool:
    """Whether every layer is a 2-D convolution with zero padding or a linear layer whose weight is not shared."""
    owners = Counter(id(weight) for _, weight in network.named_parameters(remove_duplicate=False))
    return all(is_plain(layer) and owners[id(layer.weight)] == 1 for layer in layers)


def is_plain(layer: Layer) -> bool:
    """Whether the layer is a 2-D convolution with zero padding or a linear layer.

    A subclass with its own `forward` is not, because it may transform its input first; nor is a layer with complex
    weights.
    """
    module = layer.module
    if layer.weight.is_complex():
        return False
    if isinstance(module, nn.Conv2d):
        plain = type(module).forward is nn.Conv2d.forward
        return plain and module.padding_mode == "zeros" and not isinstance(module.padding, str)
    return isinstance(module, nn.Linear) and type(module).forward is nn.Linear.forward


@dataclass
class Call:
    """One call of a layer in a forward pass.

    Attributes:
        layer: the layer called.
        inputs: its input, detached.
        output: its output, still in the graph.
        versions: versions of the two at the call; they differ later if one was overwritten in place.
    """

    layer: Layer
    inputs: Tensor
    output: Tensor
    versions: tuple[int, int]

    def separable(self, images: int) -> bool:
        """Whether rows of inputs and output are images, [n, channels, h, w] or [n, channels], and still intact."""
        dimensions = 4 if isinstance(self.layer.module, nn.Conv2d) else 2
        return (
            self.inputs.dim() == dimensions
            and len(self.inputs) == images
            and self.versions == (self.inputs._version, self.output._version)
        )


@contextmanager
def recorded_calls(layers: Sequence[Layer]) -> Iterator[list[Call]]:
    """The calls of `layers` (modules with one weight each) made inside, in order.

    Calls made with gradients switched off are left out, as they have none.
    """
    calls: list[Call] = []
    by_module = {layer.module: layer for layer in layers}

    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        if output.requires_grad:
            inputs = args[0] if args else kwargs["input"]
            calls.append(Call(by_module[module], inputs.detach(), output, (inputs._version, output._version)))

    handles = [module.register_forward_hook(hook, with_kwargs=True) for module in by_module]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def all_separable(calls: Sequence[Call], layers: Sequence[Layer], logits: Tensor, images: int) -> bool:
    """Whether the calls fully determine the per-image gradients with respect to the weights of `layers`.

    They do not if a call mixes images, if a weight is used other than by its module (for example by a function), or if
    a hook of the network changes a module's output.
    """
    if not calls or not all(call.separable(images) for call in calls):
        return False
    return logits.grad_fn is not None and not _used_beside(calls, layers, logits.grad_fn)


def _used_beside(calls: Sequence[Call], layers: Sequence[Layer], root: Node) -> bool:
    """Whether the graph uses a weight outside the calls, or in a way that cannot be inspected."""
    weights = {id(layer.weight) for layer in layers}
    known: set[Node] = set()
    for call in calls:
        node = call.output.grad_fn
        assert node is not None
        known.add(node)
        known.update(child for child, _ in node.next_functions if child is not None and child.name() == "TBackward0")
    seen, waiting = {root}, [root]
    while waiting:
        node = waiting.pop()
        if is_own(node):
            return True
        for child, _ in node.next_functions:
            if child is None:
                continue
            if id(getattr(child, "variable", None)) in weights and node not in known:
                return True
            if child not in seen:
                seen.add(child)
                waiting.append(child)
    return False


def chunks_of_gradients(uses: Sequence[tuple[Call, Tensor]]) -> Iterator[Tensor]:
    """Per-image gradients with respect to one layer's weight, in chunks [some images, *weight.shape].

    Args:
        uses: the separable calls of that layer, at least one, each with the gradient of the summed image losses with
            respect to its output.
    """
    layer = uses[0][0].layer
    size = max(1, CHUNK // layer.weight.numel())
    for start in range(0, len(uses[0][1]), size):
        images = slice(start, start + size)
        parts = [per_image_gradients(layer.module, call.inputs[images], delta[images]) for call, delta in uses]
        yield parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)


def per_image_gradients(module: nn.Module, inputs: Tensor, deltas: Tensor) -> Tensor:
    """The gradient of each image with respect to the weight of a plain layer, [n, *weight.shape].

    Args:
        module: a linear layer or a two-dimensional convolution.
        inputs: inputs of the layer, [n, ...].
        deltas: gradients with respect to its output, [n, ...].
    """
    if not isinstance(module, nn.Conv2d):
        return deltas.unsqueeze(2) * inputs.unsqueeze(1)
    n, shape = len(inputs), module.weight.shape
    if shape[2:] == (1, 1) and module.stride == (1, 1) and module.padding == (0, 0) and module.groups == 1:
        return torch.bmm(over_positions(deltas), over_positions(inputs).mT).view(n, *shape)
    # Groups are not summed, so with separate groups for each image one convolution gives all gradients.
    gradients: Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
        inputs.flatten(0, 1).unsqueeze(0),
        (n * shape[0], *shape[1:]),
        deltas.flatten(0, 1).unsqueeze(0),
        module.stride,
        module.padding,
        module.dilation,
        n * module.groups,
    )
    return gradients.view(n, *shape)
