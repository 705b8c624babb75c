"""Record what flows through a forward pass: outputs of layers, inputs of rectifiers, wherever they are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from proxybench.proxies.layers import Layer

RECTIFIERS: frozenset[Any] = frozenset(
    {
        functional.relu, functional.relu6, functional.leaky_relu, functional.elu, functional.selu, functional.celu,
        functional.gelu, functional.silu, functional.mish, functional.hardswish, functional.hardtanh,
        functional.softplus, functional.prelu, torch.relu, Tensor.relu, torch.relu_, Tensor.relu_,
    }
)  # fmt: skip
_ATTENTION: Any = functional.multi_head_attention_forward
_ATTENTION_ARGUMENTS = inspect.signature(_ATTENTION)

Seen = Callable[[int, Tensor], None]


class _RectifierInputs(TorchFunctionMode):
    """Hands the input of every rectifier to `seen`: modules and functions alike go through torch.nn.functional."""

    def __init__(self, seen: Callable[[Tensor], None]) -> None:
        super().__init__()
        self._seen = seen

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in RECTIFIERS:
            self._seen(args[0] if args else (kwargs or {})["input"])
        return func(*args, **(kwargs or {}))


@contextmanager
def rectifier_inputs(seen: Callable[[Tensor], None]) -> Iterator[None]:
    """Call `seen` with the input of every rectifier (ReLU and its relatives) that is evaluated inside, in order."""
    with _RectifierInputs(seen):
        yield


@contextmanager
def layer_outputs(layers: Sequence[Layer], seen: Seen) -> Iterator[None]:
    """Call `seen(position, output)` for every layer that is applied inside.

    Outputs are those of the module that owns the weight, as it returns them. The projections of an attention module
    come with the images first, [n, tokens, channels]: the packed one once with all its channels, or, where query, key
    and value differ, once for each of these, with zeros in the channels of the others. Attention of a single sequence
    without an axis for images is not seen.
    """
    handles = []
    positions = {id(layer.weight): position for position, layer in enumerate(layers)}
    for position, layer in enumerate(layers):
        for owner in (layer.module, *layer.shared):

            def hook(module: nn.Module, inputs: Any, output: Any, position: int = position) -> None:
                if isinstance(output, Tensor):
                    seen(position, output)

            if not isinstance(owner, nn.MultiheadAttention):
                handles.append(owner.register_forward_hook(hook))
    with ExitStack() as stack:
        if any(isinstance(layer.module, nn.MultiheadAttention) for layer in layers):
            stack.enter_context(_AttentionProjections(positions, seen))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


class _AttentionProjections(TorchFunctionMode):
    """Takes the projections out of torch's attention function, so that their outputs can be seen.

    The function itself then projects with identity matrices, which changes no bit of its result.
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
        # As torch does it: equal inputs are projected by one product.
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
        """`output` [tokens, n, channels], in whose graph what was seen has its place."""
        position = self._positions.get(id(weight))
        if position is None:
            return output
        images_first = output.transpose(0, 1)
        self._seen(position, images_first)
        return images_first.transpose(0, 1)
