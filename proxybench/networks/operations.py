"""Sees every torch operation that a network runs and counts its arithmetic."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from proxybench.networks.arithmetic import PRICES, PRICES_OF_FUNCTIONS, Arguments, Price, Work, work_of_quantised
from proxybench.networks.dispatch import Dispatch
from proxybench.networks.plain_layers import Shape, plain_output

_NOTHING = Work()
_READ_BY_PYTHON: frozenset[Any] = frozenset({Tensor.tolist, Tensor.numpy, Tensor.__array__, Tensor.__dlpack__})
_VALUE_TAGS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
_FREE = frozenset({"aten", "prim", "prims", "profiler"})  # namespaces whose operations have a price or are free


class ValuesWanted(BaseException):
    """The network looks at a value that was not computed; its own `except Exception` must not catch this."""


class OperationCounter(Dispatch):
    """Adds the arithmetic of every operation to that of the running module.

    Args:
        zeros: whether convolutions return zeros of the right shape instead of being computed.

    Attributes:
        running: names of the running modules, the innermost last.
        work: module name to its arithmetic so far, in the order in which modules first have any.
    """

    def __init__(self, *, zeros: bool) -> None:
        super().__init__()
        self.zeros = zeros
        self.running = [""]
        self.work: dict[str, Work] = {}
        self._within_function = False
        self._zeros: dict[tuple[Any, ...], Tensor] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the operations and Python functions called inside."""
        with _Functions(self), self:
            yield

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        keywords = kwargs or {}
        name, price, composite, reads = _known(func)
        if price is None and composite:
            with self:
                return func.decompose(*args, **keywords)
        if self.zeros and reads and _reads_values(name, args):
            raise ValuesWanted
        if self.zeros and torch.Tag.inplace_view in func.tags:
            raise ValuesWanted  # would change the shape of zeros that several layers share
        if self.zeros and name == "convolution" and (shape := _convolved(*args)) is not None:
            result = args[0].new_zeros(shape)
        else:
            result = func(*args, **keywords)
        if price is not None:
            self.add(price(_bound(func, args, keywords), result))
        elif func.namespace not in _FREE:
            self.add(_foreign(func, args, result))
        return result

    def layer(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Count a plain module, which is called only if its input's shape does not say what it returns.

        Args:
            name: of the module.
            module: one that `is_plain`.
            args: with which it is called.
            kwargs: with which it is called.
        """
        self.running.append(name)
        try:
            with torch._C.DisableTorchFunction():
                found = plain_output(module, args[0], self._shared_zeros) if len(args) == 1 and not kwargs else None
            if found is None:
                return type(module).forward(module, *args, **kwargs)
            output, work = found
            self.add(work)
            return output
        finally:
            self.running.pop()

    def _shared_zeros(self, like: Tensor, shape: Shape) -> Tensor:
        """Zeros, the same for every layer with an output of that shape, since nothing reads their values."""
        key = (*shape, like.dtype, like.device)
        if key not in self._zeros:
            self._zeros[key] = like.new_zeros(shape)
        return self._zeros[key]

    def add(self, work: Work) -> None:
        """Count the work of an operation of the running module."""
        if not self._within_function and work != _NOTHING:
            module = self.running[-1]
            before = self.work.get(module)
            self.work[module] = work if before is None else before + work

    def function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a torch function; if it has its own price, the operations inside it are free."""
        if self.zeros and func in _READ_BY_PYTHON:
            raise ValuesWanted
        price = PRICES_OF_FUNCTIONS.get(func)
        if price is None or self._within_function:
            return func(*args, **kwargs)
        self._within_function = True
        try:
            result = func(*args, **kwargs)
        finally:
            self._within_function = False
        self.add(price(_named(func, args, kwargs), result))
        return result


class _Functions(TorchFunctionMode):
    """Passes called functions to a counter before the operations that they consist of."""

    def __init__(self, counter: OperationCounter) -> None:
        super().__init__()
        self._counter = counter

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return self._counter.function(func, args, kwargs or {})


@cache
def _known(func: Any) -> tuple[str, Price | None, bool, bool]:
    """An operation's name without outer underscores, its price, whether torch decomposes it, whether it reads values.

    An operation that reads values returns a number to Python, or a result whose shape depends on values.
    """
    name = func.overloadpacket.__name__.strip("_")
    composite = torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")
    reads = bool(_VALUE_TAGS & set(func.tags)) or name == "pack_padded_sequence"
    return name, PRICES.get(name) if func.namespace == "aten" else None, composite, reads


def _reads_values(name: str, args: tuple[Any, ...]) -> bool:
    """Whether an operation that may read values does so: indexing does only with masks."""
    if name != "index":
        return True
    return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])


@cache
def _defaults(func: Any) -> dict[str, Any]:
    """The names of an operation's arguments in order, each with its default, or None without a default."""
    return {argument.name: argument.default_value for argument in func._schema.arguments}


def _bound(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """The arguments of an operation by name."""
    names = _defaults(func)
    return {**names, **dict(zip(names, args, strict=False)), **kwargs}


def _named(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """The arguments of a Python function by name."""
    return inspect.signature(func).bind(*args, **kwargs).arguments


def _foreign(func: Any, args: tuple[Any, ...], result: Any) -> Work:
    """The arithmetic of an operation from outside ATen. Raises ValueError if it is unknown."""
    if func.namespace == "quantized":
        return work_of_quantised(func.overloadpacket.__name__, args, result)
    raise ValueError(
        f"cannot count the operation {func.name()} because its arithmetic is unknown; "
        "replace it by torch operations and count the network again"
    )


def _convolved(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> list[int] | None:
    """The shape of a convolution's output, or None if torch would reject the arguments, which are those of ATen."""
    c_in, c_out = (weight.shape[0], weight.shape[1] * groups) if transposed else (weight.shape[1] * groups, len(weight))
    shape = [x.shape[0], c_out]
    for axis, (size, kernel) in enumerate(zip(x.shape[2:], weight.shape[2:], strict=True)):
        s, p, d, extra = (values[axis % len(values)] for values in (stride, padding, dilation, output_padding))
        span = d * (kernel - 1) + 1
        shape.append((size - 1) * s - 2 * p + span + extra if transposed else (size + 2 * p - span) // s + 1)
    return shape if x.shape[1] == c_in and min(shape) > 0 else None
