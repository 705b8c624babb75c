"""Which axis of a tensor in a forward pass holds the images: found by experiment, not guessed from the shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.batch_norm import BatchNormMode
from proxybench.proxies.functions import AxisMoves
from proxybench.proxies.probe import Probe
from proxybench.proxies.recorder import layer_outputs
from proxybench.proxies.rectifiers import rectifier_inputs


@dataclass(frozen=True)
class ImageAxis:
    """Where the images are in a tensor.

    Attributes:
        axis: the axis that holds them, shared with other things if it is longer than the batch.
        outer: how many times the sequence of all images repeats along it.
        inner: number of consecutive entries of one image before the next image begins.
    """

    axis: int
    outer: int = 1
    inner: int = 1

    def first(self, values: Tensor, images: int) -> Tensor:
        """`values` as [n, others, ...]: the images first, then whatever shared their axis, then the other axes.

        Raises:
            NoAnswer: if the length of the axis does not match the number of images.
        """
        if self.axis >= values.dim() or values.shape[self.axis] != self.outer * images * self.inner:
            raise _unclear(values)
        moved = values.movedim(self.axis, 0)
        split = moved.reshape(self.outer, images, self.inner, *moved.shape[1:])
        return split.movedim(1, 0).flatten(1, 2)


Found = ImageAxis | NoAnswer | None


@dataclass
class ImageAxes:
    """The axes that hold the images, in call order.

    None if the tensor does not depend on the images; the reason if the axis cannot be determined.

    Attributes:
        rectifiers: axes of the inputs of rectifiers.
        outputs: position of a layer to the axes of its outputs.
    """

    rectifiers: list[Found]
    outputs: list[list[Found]]


def _unclear(values: Tensor) -> NoAnswer:
    return NoAnswer(f"a layer's output of shape {tuple(values.shape)} does not say what belongs to which image")


def is_clear(shape: Sequence[int], images: int, *, move_axes: bool) -> bool:
    """Whether the images can only be along the first axis, one entry each.

    Args:
        shape: of the tensor.
        images: in the batch.
        move_axes: whether the network reorders axes.
    """
    if images == 1:
        return True
    return bool(shape) and shape[0] == images and not (move_axes and any(size % images == 0 for size in shape[1:]))


def image_axes(probe: Probe) -> ImageAxes:
    """Run two images forward, then again with the second one changed, and see which entries of each tensor change.

    In evaluation mode; normalisation by batch statistics, which would mix the images, is removed.

    Raises:
        NoAnswer: if the batch has no second image.
    """
    pair = probe.images[:2].detach().clone()
    if len(pair) < 2:
        raise NoAnswer("a batch of one image does not say which axis holds the images")
    other = pair.clone()
    other[1] = _other_image(probe, pair[1])
    before, after = _tensors(probe, pair), _tensors(probe, other)
    if [len(one) for one in before] != [len(one) for one in after]:
        raise NoAnswer("the network takes a different path for another image")
    rectifiers, *outputs = [
        [_axis_of(*two) for two in zip(*both, strict=True)] for both in zip(before, after, strict=True)
    ]
    return ImageAxes(rectifiers, outputs)


def _other_image(probe: Probe, image: Tensor) -> Tensor:
    if image.is_floating_point():
        return probe.noise("image axis", 1)[0]
    different = [one for one in probe.images if not torch.equal(one, image)]
    return different[0] if different else image.flip(0)


def _tensors(probe: Probe, images: Tensor) -> list[list[Tensor]]:
    """The inputs of rectifiers, then the outputs of each layer, in call order."""
    found: list[list[Tensor]] = [[] for _ in range(1 + len(probe.layers))]

    def output(position: int, tensor: Tensor) -> None:
        found[1 + position].append(tensor.detach().clone())

    with (
        probe.borrowed(train=False, weights=False) as network,
        torch.no_grad(),
        BatchNormMode(lambda call: call.inputs if call.training else call.compute()),
        layer_outputs(probe.layers, output),
        rectifier_inputs(lambda tensor: found[0].append(tensor.detach().clone()), network),
    ):
        network(images)
    return found


def known_axis(found: Found) -> ImageAxis | None:
    """The axis that was found. Raises NoAnswer if it could not be determined."""
    if isinstance(found, NoAnswer):
        raise found
    return found


def _axis_of(before: Tensor, after: Tensor) -> Found:
    """The axis along which the second image's entries differ between `before` and `after`."""
    if before.shape != after.shape:
        return NoAnswer("the network takes a different path for another image")
    moved = (before != after) & ~(before.isnan() & after.isnan())
    if not moved.any():
        return ImageAxis(0, 1, len(before) // 2) if before.dim() and len(before) % 2 == 0 else None
    fitting = [
        (_second_alone(moved, axis, inner), ImageAxis(axis, size // (2 * inner), inner))
        for axis, size in enumerate(moved.shape)
        for inner in range(1, size // 2 + 1)
        if size % (2 * inner) == 0
    ]
    for wanted in (1.0, 0.0):  # an axis on which all of the second image changed, or otherwise the only possible one
        found = [axis for share, axis in fitting if share is not None and share >= wanted]
        if len(found) == 1:
            return found[0]
    return _unclear(before)


def _second_alone(moved: Tensor, axis: int, inner: int) -> float | None:
    """The share of the second image that changed, if `inner` entries of each image are consecutive on an axis.

    None if anything of the first image changed.
    """
    blocks = moved.movedim(axis, 0).reshape(-1, 2, inner, moved.numel() // moved.shape[axis]).any(-1)
    return None if bool(blocks[:, 0].any()) else float(blocks[:, 1].float().mean())


@dataclass
class SeenTensors:
    """Tensors seen in a pass over the batch, in order.

    Attributes:
        images: number of images in the batch.
        tensors: the tensors seen.
        clear: for each, whether its shape determines which axis holds the images.
    """

    images: int
    tensors: list[Tensor] = field(default_factory=list)
    clear: list[bool] = field(default_factory=list)

    def add(self, tensor: Tensor, moves: AxisMoves) -> None:
        """Record a tensor."""
        self.tensors.append(tensor)
        self.clear.append(is_clear(tensor.shape, self.images, move_axes=moves.move_axes))

    def axes(self, find: Callable[[], Sequence[Found]]) -> list[ImageAxis | None]:
        """The image axis of each tensor, None if it does not depend on the images.

        Args:
            find: returns the axes of all tensors of another pass; called only if a shape is ambiguous.

        Raises:
            NoAnswer: if it cannot be determined which entries belong to which image.
        """
        if all(self.clear):
            return [_whole_axis(tensor, self.images) for tensor in self.tensors]
        known = find()
        if len(known) != len(self.tensors):
            raise NoAnswer("the network takes a different path in training mode, so the axis of the images is unknown")
        return [
            _whole_axis(tensor, self.images) if clear else known_axis(axis)
            for tensor, clear, axis in zip(self.tensors, self.clear, known, strict=True)
        ]

    def by_image(self, find: Callable[[], Sequence[Found]]) -> list[Tensor]:
        """The tensors that depend on the images, as [n, others, ...]; arguments and errors as in `axes`."""
        axes = self.axes(find)
        return [axis.first(one, self.images) for axis, one in zip(axes, self.tensors, strict=True) if axis is not None]


def _whole_axis(tensor: Tensor, images: int) -> ImageAxis:
    """The first axis, with the entries of each image consecutive."""
    if not tensor.dim() or tensor.shape[0] % images:
        raise _unclear(tensor)
    return ImageAxis(0, 1, tensor.shape[0] // images)
