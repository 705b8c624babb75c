"""What a proxy observes in the shared pass in evaluation mode, without disturbing the other observers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.functions import unwatched
from proxybench.proxies.image_axis import Found, ImageAxis, known_axis
from proxybench.proxies.layers import Layer
from proxybench.proxies.recorder import LayerOutputs
from proxybench.proxies.scores import attempt

Axes = Callable[[], Sequence[Sequence[Found]]]


@dataclass(frozen=True)
class Output:
    """An output of a layer.

    Attributes:
        position: of the layer.
        call: number of earlier calls of the layer.
        values: the output.
        clear: whether its shape says that the images are on its first axis.
    """

    position: int
    call: int
    values: Tensor
    clear: bool

    def axis(self, axes: Axes) -> ImageAxis | None:
        """The axis of the images, None if the output does not depend on them.

        Args:
            axes: returns, for each layer, the axes of its outputs; called only if the shape is ambiguous.

        Raises:
            NoAnswer: if the axis cannot be determined.
        """
        if self.clear:
            return ImageAxis(0)
        known = axes()[self.position]
        if self.call >= len(known):
            raise NoAnswer("the network takes a different path for the whole batch")
        return known_axis(known[self.call])


class Observer:
    """Observes a forward pass; an error ends its own observation only.

    Args:
        layers: of the network.
        images: number of images in the batch.

    Attributes:
        layers: of the network.
        images: number of images in the batch.
    """

    def __init__(self, layers: Sequence[Layer], images: int) -> None:
        self.layers, self.images = layers, images
        self._failure: NoAnswer | None = None

    def safely(self, work: Callable[[], None]) -> None:
        """Run a part of the observation, which no observer of functions sees, unless an earlier part failed."""
        if self._failure is None:
            with unwatched():
                found = attempt(work)
            self._failure = found if isinstance(found, NoAnswer) else None

    def output(self, output: Output) -> None:
        """A layer has been applied."""

    def rectifier(self, inputs: Tensor) -> None:
        """A rectifier is about to be evaluated."""

    def attention(self, name: str, weights: Tensor) -> None:
        """Weights of a self-attention, [..., heads, queries, keys], inside the module of that name."""

    def finish(self, axes: Axes, outputs: LayerOutputs) -> Any:
        """What was observed, or the NoAnswer that says why that is unknown.

        Args:
            axes: as for `Output.axis`.
            outputs: reports outputs that could not be seen.
        """
        return attempt(lambda: self.result(axes, outputs)) if self._failure is None else self._failure

    def result(self, axes: Axes, outputs: LayerOutputs) -> Any:
        """The same; raises the NoAnswer."""
        raise NotImplementedError
