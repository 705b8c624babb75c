"""Record the outputs of layers in a forward pass wherever they are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.functions import Functions, unwatched
from proxybench.proxies.layers import Layer

_ATTENTION: Any = functional.multi_head_attention_forward
_ATTENTION_ARGUMENTS = inspect.signature(_ATTENTION)

Seen = Callable[[int, Tensor], None]


class LayerOutputs:
    """Reports which layers were used although their outputs cannot be seen.

    Args:
        layers: by position, those whose products are watched as functions because their modules also do other things.
    """

    def __init__(self, layers: dict[int, Layer]) -> None:
        self._waiting = dict(layers)

    def saw(self, position: int) -> None:
        """Note that an output of the layer at `position` was seen."""
        self._waiting.pop(position, None)

    def require_all(self) -> None:
        """Raise NoAnswer if an output was not seen (inside a recurrent layer, or of a transformed weight)."""
        for layer in self._waiting.values():
            raise NoAnswer(f"the output of layer {layer.name!r} cannot be seen: it is computed inside an operation")


@contextmanager
def layer_outputs(layers: Sequence[Layer], seen: Seen) -> Iterator[LayerOutputs]:
    """Call `seen(position, output)`, whose own functions no observer sees, for every layer applied inside.

    Outputs of convolutions have their channels on axis 1, all others last. For convolutions and linear layers the
    output is what the module that owns the weight returns. A weight also owned by another kind of module, such as an
    embedding, is watched in the functions that multiply by it.
    The projections of an attention module are passed with the images first, [n, tokens, channels]: the packed
    projection once with all its channels or, if query, key and value differ, once for each, with zeros in the channels
    of the others. Attention over a single sequence without an image axis is not seen.
    """

    def quietly(position: int, output: Tensor) -> None:
        with unwatched():
            seen(position, output)

    handles = []
    positions = {id(layer.weight): position for position, layer in enumerate(layers)}
    free: dict[int, Layer] = {}
    for position, layer in enumerate(layers):
        owners = [owner for owner in (layer.module, *layer.shared) if not isinstance(owner, nn.MultiheadAttention)]
        if not all(isinstance(owner, _ConvNd | nn.Linear) for owner in owners):
            free[position] = layer
            continue

        def hook(module: nn.Module, inputs: Any, output: Any, position: int = position) -> None:
            if isinstance(output, Tensor):
                quietly(position, output)

        handles += [owner.register_forward_hook(hook) for owner in owners]
    outputs = LayerOutputs(free)
    with ExitStack() as stack:
        if any(isinstance(layer.module, nn.MultiheadAttention) for layer in layers):
            stack.enter_context(_AttentionProjections(positions, quietly))
        if free:
            stack.enter_context(_Products(free, quietly, outputs))
        try:
            yield outputs
        finally:
            for handle in handles:
                handle.remove()


class _Products(Functions):
    """Sees the results of functions that multiply by a weight not owned by a convolution or linear layer.

    The tensor passed to `seen` replaces the result in the graph, so that the gradient arrives at it.
    """

    def __init__(self, layers: dict[int, Layer], seen: Seen, outputs: LayerOutputs) -> None:
        super().__init__()
        self._seen, self._outputs = seen, outputs
        self._position = {_memory(layer.weight): position for position, layer in layers.items()}

    def call(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = func(*args, **kwargs)
        if name not in _PRODUCTS or not isinstance(result, Tensor):
            return result
        operands = operands_of(name, args, kwargs)
        for place, operand in enumerate(operands):
            position = self._position.get(_memory(operand))
            if position is not None:
                result = self._watched(position, result, _channel_axes(name, args, operands, place, result))
        return result

    def _watched(self, position: int, result: Tensor, channels: tuple[int, ...] | None) -> Tensor:
        if channels is None:
            return result
        self._outputs.saw(position)
        if channels == (1,) and result.dim() > 2:
            self._seen(position, result)
            return result
        places = tuple(range(-len(channels), 0))
        moved = result.movedim(channels, places)
        last = moved.flatten(-len(channels)).contiguous() if len(channels) > 1 else moved
        self._seen(position, last)
        return last.reshape(moved.shape).movedim(places, channels)


_CONVOLUTIONS = frozenset({f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)} | {"convolution"})
_PRODUCTS = _CONVOLUTIONS | {
    *("linear", "matmul", "rmatmul", "mm", "bmm", "mv", "addmm", "baddbmm", "addmv", "einsum", "bilinear"),
}


def operands_of(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """The tensors that a function multiplies, in order, without a bias or anything else it adds."""
    flat = [one for value in args for one in (value if isinstance(value, tuple | list) else (value,))]
    if name in ("addmm", "baddbmm", "addmv"):
        flat = flat[1:]
    flat += [value for key, value in kwargs.items() if key not in ("bias", "out", "input")]
    given = [one for one in flat if isinstance(one, Tensor)]
    if name == "rmatmul":
        return given[::-1]
    return given if name == "einsum" else given[: 3 if name == "bilinear" else 2]


def _channel_axes(
    name: str, args: tuple[Any, ...], operands: Sequence[Tensor], place: int, result: Tensor
) -> tuple[int, ...] | None:
    """The axes of the result that come from a weight, that is, along which the result varies with the weight.

    None if they are unknown.
    """
    if name in _CONVOLUTIONS:
        return (1,) if place == 1 else None
    if name == "einsum":
        return _einsum_axes(args, place, result)
    if name in ("linear", "bilinear"):
        return (result.dim() - 1,) if place == len(operands) - 1 else None
    if operands[place].dim() < 2:
        return None
    return (result.dim() - 1,) if place else (result.dim() - 2,) if operands[1].dim() > 1 else (result.dim() - 1,)


def _einsum_axes(args: tuple[Any, ...], place: int, result: Tensor) -> tuple[int, ...] | None:
    """The axes of the result whose letters occur only in the operand at `place`; None if the equation has no arrow."""
    if not args or not isinstance(args[0], str) or "->" not in args[0] or "..." in args[0].split(",")[place]:
        return None
    left, right = args[0].replace(" ", "").split("->")
    terms = left.split(",")
    others = "".join(term for index, term in enumerate(terms) if index != place)
    behind = right.rpartition("...")[2]
    axes = [
        result.dim() - len(behind) + behind.index(letter) if letter in behind else right.index(letter)
        for letter in terms[place]
        if letter in right and letter not in others
    ]
    return tuple(axes) or None


def _memory(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


class _AttentionProjections(TorchFunctionMode):
    """Moves the projections out of torch's attention function so that their outputs can be seen.

    The function itself then projects with identity matrices, which leaves its result identical bit for bit.
    """

    def __init__(self, positions: dict[int, int], seen: Seen) -> None:
        super().__init__()
        self._positions = positions
        self._seen = seen

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is not _ATTENTION or args[0].dim() != 3:
            return func(*args, **(kwargs or {}))
        bound = _ATTENTION_ARGUMENTS.bind(*args, **(kwargs or {}))
        bound.apply_defaults()
        arguments = bound.arguments
        projected = self._packed(arguments) if arguments["in_proj_weight"] is not None else self._separate(arguments)
        query = projected[0]
        identity = torch.eye(query.shape[-1], dtype=query.dtype, device=query.device)
        arguments.update(zip(("query", "key", "value"), projected, strict=True))
        arguments.update(use_separate_proj_weight=False, in_proj_weight=identity.repeat(3, 1), in_proj_bias=None)
        output, weights = func(*bound.args, **bound.kwargs)
        return self._watched(arguments["out_proj_weight"], output), weights

    def _packed(self, arguments: dict[str, Any]) -> list[Tensor]:
        query, key, value = (arguments[name] for name in ("query", "key", "value"))
        weight, bias = arguments["in_proj_weight"], arguments["in_proj_bias"]
        size = weight.shape[0] // 3
        # As in torch: identical inputs are projected by one product.
        together = [(query, 0, 3)] if query is key is value else [(query, 0, 1), (key, 1, 3)] if key is value else None
        projected: list[Tensor] = []
        for inputs, first, end in together or [(query, 0, 1), (key, 1, 2), (value, 2, 3)]:
            rows = slice(first * size, end * size)
            part = functional.linear(inputs, weight[rows], None if bias is None else bias[rows])
            padded = functional.pad(part, (first * size, (3 - end) * size))
            projected += self._watched(weight, padded)[..., rows].chunk(end - first, dim=-1)
        return projected

    def _separate(self, arguments: dict[str, Any]) -> list[Tensor]:
        bias = arguments["in_proj_bias"]
        biases = [None] * 3 if bias is None else bias.chunk(3)
        return [
            self._watched(arguments[f"{name[0]}_proj_weight"], functional.linear(
                arguments[name], arguments[f"{name[0]}_proj_weight"], part
            ))
            for name, part in zip(("query", "key", "value"), biases, strict=True)
        ]  # fmt: skip

    def _watched(self, weight: Tensor, output: Tensor) -> Tensor:
        """`output` [tokens, n, channels], with the tensor passed to `seen` in its graph."""
        position = self._positions.get(id(weight))
        if position is None:
            return output
        images_first = output.transpose(0, 1)
        self._seen(position, images_first)
        return images_first.transpose(0, 1)
