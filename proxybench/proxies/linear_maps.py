"""Which parameters a forward pass multiplies its features by, observed in the operations that it runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from proxybench.networks.dispatch import Dispatch

# Operations of torch's ATen library that contract their operands, named without underscores at the ends, and the
# positions of the operands; arguments at other positions are added (a bias) or are not tensors.
_OPERANDS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("mm", "bmm", "mv", "dot", "vdot", "matmul", "linear", "mkldnn_linear", "inner"), (0, 1)),
    **dict.fromkeys(("addmm", "addbmm", "baddbmm", "addmv", "sparse_addmm", "addr"), (1, 2)),
    **dict.fromkeys(("convolution", "convolution_overrideable", "conv_tbc"), (0, 1)),
    **dict.fromkeys(("trilinear", "bilinear", "lstm", "gru", "rnn_tanh", "rnn_relu"), (0, 1, 2)),
    "mkldnn_rnn_layer": (0, 1, 2),
}
_CONVOLUTIONS = ("convolution", "convolution_overrideable", "conv_tbc")
_SUMS = ("sum", "mean")


@dataclass(frozen=True)
class LinearMaps:
    """What a forward pass did with the parameters of a network.

    Attributes:
        multiplied: identities (`id`) of parameters with two or more dimensions that took part in a sum of products
            with values derived from the images, directly or after operations on parameters alone. If a weight is
            scaled or masked first, the weight itself is listed.
        convolved: the subset used as the kernel of a convolution.
    """

    multiplied: frozenset[int]
    convolved: frozenset[int]


def find_linear_maps(network: nn.Module, images: Tensor) -> LinearMaps:
    """Run `network` on `images` and record what happens to its parameters.

    Raises whatever the network raises. Warnings are left to the other passes; as errors they would hide results.
    """
    watch = _Watch(list(network.parameters()), images)
    with warnings.catch_warnings(), torch.no_grad(), watch:
        warnings.simplefilter("ignore")
        network(images)
    return LinearMaps(frozenset(watch.multiplied), frozenset(watch.convolved))


class _Watch(Dispatch):
    """Tracks through every operation which tensors depend on images and which are made of parameters alone.

    Tensors are identified by their memory, so views and writes into views need no special rules.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], images: Tensor) -> None:
        super().__init__()
        self.multiplied: set[int] = set()
        self.convolved: set[int] = set()
        self._alive: list[Any] = []  # memory that is kept alive cannot be mistaken for new memory
        self._images = {self._memory(images)}
        self._sources: dict[int, frozenset[int]] = {}
        self._dims: dict[int, int] = {id(parameter): parameter.dim() for parameter in parameters}
        self._products: dict[int, tuple[frozenset[int], tuple[int, ...]]] = {}
        for parameter in parameters:
            key = self._memory(parameter)
            self._sources[key] = self._sources.get(key, frozenset()) | {id(parameter)}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__.strip("_")
        given = list(_tensors((args, kwargs)))
        seen = any(self._memory(tensor) in self._images for tensor in given)
        sources = self._joined(given, pointwise=torch.Tag.pointwise in func.tags)
        if name in _OPERANDS and seen:
            self._multiply(name, [args[place] for place in _OPERANDS[name] if place < len(args)])
        elif name in _SUMS and given:
            self._sum(given[0], args)
        for tensor in _tensors(result):
            key = self._memory(tensor)
            if seen:
                self._images.add(key)
                if name == "mul" and sources:
                    self._products[key] = self._product(given)
            elif key not in self._images:
                self._sources[key] = self._sources.get(key, frozenset()) | sources
        return result

    def _memory(self, tensor: Tensor) -> int:
        try:
            storage = tensor.untyped_storage()
        except (NotImplementedError, RuntimeError):  # a sparse or opaque tensor
            self._alive.append(tensor)
            return id(tensor)
        self._alive.append(storage)
        return int(storage._cdata)

    def _made_of(self, tensor: Tensor) -> frozenset[int]:
        key = self._memory(tensor)
        return frozenset() if key in self._images else self._sources.get(key, frozenset())

    def _joined(self, tensors: Sequence[Tensor], *, pointwise: bool) -> frozenset[int]:
        """The parameters that a combination of these tensors is made of.

        If weights are combined elementwise, such as a weight and its mask or scale, the largest represents the result,
        or the first one if several have the same size.
        """
        made = [(tensor, self._made_of(tensor)) for tensor in tensors]
        made = [(tensor, sources) for tensor, sources in made if sources]
        if pointwise and made:
            return max(made, key=lambda pair: pair[0].numel())[1]
        return frozenset().union(*(sources for _, sources in made))

    def _matrices(self, tensor: Tensor) -> set[int]:
        return {source for source in self._made_of(tensor) if self._dims[source] >= 2}

    def _multiply(self, name: str, operands: Sequence[Any]) -> None:
        for place, tensor in enumerate(_tensors(operands)):
            found = self._matrices(tensor)
            self.multiplied |= found
            if name in _CONVOLUTIONS and place == 1:
                self.convolved |= found

    def _product(self, operands: Sequence[Tensor]) -> tuple[frozenset[int], tuple[int, ...]]:
        """The parameters in an elementwise product, and the axes (counted from the last) along which they vary."""
        made = [tensor for tensor in operands if self._matrices(tensor)]
        axes = {axis for tensor in made for axis in range(1, tensor.dim() + 1) if tensor.shape[-axis] > 1}
        return frozenset().union(*map(self._matrices, made)), tuple(sorted(axes))

    def _sum(self, tensor: Tensor, args: tuple[Any, ...]) -> None:
        """A product that is then summed along an axis on which the parameter varies is a linear map."""
        sources, varying = self._products.get(self._memory(tensor), (frozenset(), ()))
        over = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) and args[1] else range(tensor.dim())
        if any(tensor.dim() - axis % tensor.dim() in varying for axis in over):
            self.multiplied |= sources


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
