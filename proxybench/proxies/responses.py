"""How similarly two images activate each rectifier, and how similar the gradients of the loss are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.blocks import block_names
from proxybench.proxies.functions import AxisMoves, unwatched
from proxybench.proxies.image_axis import Found, ImageAxis, is_clear, known_axis
from proxybench.proxies.layers import Layer
from proxybench.proxies.memory_order import as_rows

RESOLUTION = 1e-6
MOSTLY_MEAN = 0.75


def correlations_of(values: Tensor) -> Tensor | None:
    """Pearson correlations between rows [n, ...], float64[n, n] on the CPU; None if a row is constant or not finite."""
    rows = as_rows(values)
    columns = rows.shape[1]
    means = rows.mean(1, keepdim=True)
    averages = means[:, 0].double().cpu()
    levels = averages.square() * columns
    products = (rows @ rows.T).double().cpu()
    if (levels < MOSTLY_MEAN * products.diagonal()).all():
        products -= torch.outer(averages, averages) * columns
    else:  # would lose digits
        centred = rows - means
        products = (centred @ centred.T).double().cpu()
    variances = products.diagonal()
    if not ((variances > RESOLUTION**2 * (variances + levels)) & variances.isfinite()).all():
        return None
    scale = variances.rsqrt()
    correlations: Tensor = products * scale[:, None] * scale[None]
    return correlations


class _Response:
    """One evaluation of a rectifier.

    Attributes:
        depth: number of the network's blocks that had ended before.
        inputs: its input, if its shape does not say which axis holds the images.
        axis: that axis; None until it is known, or if the input does not depend on the images.
        clear: whether the shape says that it is the first axis.
    """

    def __init__(self, depth: int, inputs: Tensor | None) -> None:
        self.depth, self.inputs = depth, inputs
        self.clear = inputs is None
        self.axis: ImageAxis | None = ImageAxis(0) if self.clear else None


class Responses:
    """Adds up |correlations| between images over rectifiers, those of inputs and of gradients with respect to them.

    Args:
        network: whose rectifiers are watched.
        layers: of the network.
        images: number of images in the batch.
    """

    def __init__(self, network: nn.Module, layers: Sequence[Layer], images: int) -> None:
        self._network, self._layers, self._images = network, layers, images
        self._ended = 0
        self._responses: list[_Response] = []
        self._total = torch.zeros((images, images), dtype=torch.float64)
        self._failure: NoAnswer | None = None
        self._handles: list[RemovableHandle] = []

    @contextmanager
    def blocks_counted(self) -> Iterator[None]:
        """Count the blocks that end in a forward pass inside."""

        def ended(module: nn.Module, inputs: Any, output: Any) -> None:
            self._ended += 1

        names = block_names(self._network, self._layers)
        handles = [self._network.get_submodule(name).register_forward_hook(ended) for name in names]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def entered(self, inputs: Tensor, moves: AxisMoves) -> None:
        """A rectifier is about to be evaluated."""
        clear = is_clear(inputs.shape, self._images, move_axes=moves.move_axes)
        with unwatched():
            self._responses.append(_Response(self._ended, None if clear else inputs.detach().clone()))
            if clear:
                self._add(self._responses[-1], inputs.detach())

    def left(self, output: Tensor) -> None:
        """The rectifier has been evaluated; wait for the gradient with respect to its input."""
        response, node = self._responses[-1], output.grad_fn
        if node is not None:
            shape = output.shape

            def arrived(to_inputs: Sequence[Tensor | None], to_outputs: Any) -> None:
                fitting = (one for one in to_inputs if one is not None and one.shape == shape)
                gradient = next(fitting, None)
                if gradient is not None:
                    self._add(response, gradient.detach())

            self._handles.append(node.register_hook(arrived))

    def find_axes(self, find: Callable[[], Sequence[Found]]) -> None:
        """Find which axis of each input holds the images, before gradients arrive.

        Args:
            find: returns the axes of all inputs; called only if a shape is ambiguous.
        """
        if all(response.clear for response in self._responses):
            return
        try:
            known = find()
            if len(known) != len(self._responses):
                raise NoAnswer("the network takes a different path in training mode, so images cannot be separated")
            for response, axis in zip(self._responses, known, strict=True):
                if response.inputs is not None:
                    response.axis = known_axis(axis)
                    self._add(response, response.inputs)
                    response.inputs = None
        except NoAnswer as failure:
            self._failure = failure

    def _add(self, response: _Response, values: Tensor) -> None:
        if response.axis is None or self._failure is not None:
            return
        try:
            found = correlations_of(values if response.clear else response.axis.first(values, self._images))
        except NoAnswer as failure:
            self._failure = failure
            return
        if found is not None:
            self._total += 2.0**response.depth * found.abs()

    def finish(self) -> Tensor | NoAnswer:
        """Stop watching; returns the sum, float64[n, n], with weight 2 to the number of blocks before a rectifier."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        if self._failure is not None:
            return self._failure
        if not self._responses:
            return NoAnswer("the network has no rectifier")
        return self._total
