"""The raw material of Fisher information: each layer's output times its gradient, per image and channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor
from torch.autograd.graph import Node
from torch.utils.hooks import RemovableHandle

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.functions import AxisMoves
from proxybench.proxies.image_axis import Found, ImageAxis, SeenTensors
from proxybench.proxies.layers import Layer
from proxybench.proxies.recorder import LayerOutputs
from proxybench.proxies.weight_uses import are_used_beside


@dataclass
class _Output:
    """One output of a layer: its values, and the version of the memory in which they were seen."""

    values: Tensor
    version: int
    axis: ImageAxis | None = None


class ChannelProducts:
    """Output times gradient of the loss, summed over positions, for every watched layer.

    Args:
        layers: of the network.
        images: number of images in the batch.
    """

    def __init__(self, layers: Sequence[Layer], images: int) -> None:
        self._layers = layers
        self._images = images
        self._outputs: list[list[_Output]] = [[] for _ in layers]
        self._seen = [SeenTensors(images) for _ in layers]
        self._found: list[Tensor | None] = [None] * len(layers)
        self._nodes: list[set[Node]] = [set() for _ in layers]
        self._by_memory: dict[int, list[_Output]] = {}
        self._handles: list[RemovableHandle] = []
        self._failure: NoAnswer | None = None

    def watch(self, position: int, output: Tensor, moves: AxisMoves) -> None:
        """Wait for the gradient of the output of layer `position`."""
        entry = _Output(output.detach(), output._version)
        self._outputs[position].append(entry)
        self._seen[position].add(entry.values, moves)
        if output.grad_fn is None:
            return
        self._nodes[position].add(output.grad_fn)
        self._by_memory.setdefault(_memory(output), []).append(entry)

        def arrived(gradient: Tensor) -> None:
            try:
                self._add(position, entry, gradient.detach())
            except NoAnswer as failure:
                self._failure = failure

        self._handles.append(output.register_hook(arrived))  # type: ignore[no-untyped-call]

    def before_overwrite(self, tensor: Tensor) -> None:
        """Save the values of outputs whose memory is about to be overwritten."""
        for entry in self._by_memory.pop(_memory(tensor), []):
            if entry.values._version == entry.version:
                entry.values = entry.values.clone()
                entry.version = entry.values._version

    def find_axes(self, find: Callable[[int], Sequence[Found]], outputs: LayerOutputs) -> None:
        """Determine which axis of each output holds the images, before gradients arrive.

        Args:
            find: returns the axes of the outputs of the layer at a position; called only if a shape is ambiguous.
            outputs: reports outputs that could not be seen.
        """
        try:
            outputs.require_all()
            for position, seen in enumerate(self._seen):
                axes = seen.axes(partial(find, position))
                for entry, axis in zip(self._outputs[position], axes, strict=True):
                    entry.axis = axis
                seen.tensors.clear()
        except NoAnswer as failure:
            self._failure = failure

    def require_all(self, logits: Tensor) -> None:
        """Return no answer for a layer whose weight also reaches the logits other than through the outputs seen."""
        beside = are_used_beside(logits, [layer.weight for layer in self._layers], self._nodes)
        for layer, used in zip(self._layers, beside, strict=True):
            if used and self._failure is None:
                self._failure = NoAnswer(
                    f"the weight of layer {layer.name!r} is also used outside of its module, where no output is seen"
                )

    def _add(self, position: int, entry: _Output, gradient: Tensor) -> None:
        if entry.axis is None or self._failure is not None:
            return
        if entry.values._version != entry.version:
            raise NoAnswer("the output of a layer was overwritten in place")
        product = entry.axis.first(_real_product(entry.values, gradient), self._images)
        if self._layers[position].convolution:
            if entry.axis.axis == 1:
                raise NoAnswer("a convolution has the images where its channels are")
            product = product.movedim(3 if entry.axis.axis else 2, -1)  # after the images and what shared their axis
        summed = product.flatten(1, -2).sum(1)
        before = self._found[position]
        self._found[position] = summed if before is None else before + summed

    def finish(self) -> list[Tensor | None] | NoAnswer:
        """Stop watching; returns [n, channels] for each layer, None if no gradient arrived."""
        for handle in self._handles:
            handle.remove()
        for held in (self._handles, self._outputs, self._by_memory, self._nodes):
            held.clear()  # outputs are large, and what waits for gradients refers to itself
        return self._found if self._failure is None else self._failure


def _real_product(values: Tensor, gradient: Tensor) -> Tensor:
    """Their product; for complex numbers, the product of the real parts plus that of the imaginary parts."""
    return (values * gradient.conj()).real if values.is_complex() else values * gradient


def _memory(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
