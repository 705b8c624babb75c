"""Make a second forward pass with other values take the same path as the first if the network branches on values.

The first pass records what the network turns into Python numbers (`if x.mean() > 0`, `.item()`) or into integers and
booleans (masks, positions of the largest values). The second pass reuses these, and all other values are kept small so
that nothing saturates.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from proxybench.networks.dispatch import Dispatch

_LINEAR = frozenset({"convolution", "mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "linear", "trilinear"})
_CHOICES = {"topk": 2, "sort": 1, "max": 1, "min": 1, "kthvalue": 2}  # return values and positions; place of the axis
_SCALED = frozenset(
    {
        *("mul", "div", "add", "sub", "rsub", "neg", "clone", "to_copy", "copy", "where", "masked_fill", "lerp"),
        *("addcmul", "addcdiv", "maximum", "minimum", "dropout", "native_dropout", "abs", "relu", "reciprocal"),
    }
)  # pointwise operations that do not saturate, or whose other arguments would have to be scaled too


class Undecided(Exception):
    """The network branches on values, but no decisions were recorded."""


class Decisions:
    """The integer and boolean results of one forward pass, in the order of the operations."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record the decisions made inside."""
        with _Recorder(self.found):
            yield


@contextmanager
def decisions_replayed(decisions: Decisions | None) -> Iterator[None]:
    """Replay the recorded decisions, and pass values between -1 and 1 to every operation that could saturate.

    Raises:
        Undecided: if there is something to decide and `decisions` is None.
        RuntimeError: if the operations differ from those of the recorded pass.
    """
    with _Replayer(None if decisions is None else iter(decisions.found)):
        yield


def _decides(name: str, args: tuple[Any, ...]) -> bool:
    """Whether an operation may turn floating-point numbers into integers or booleans."""
    return name == "local_scalar_dense" or any(isinstance(one, Tensor) and one.is_floating_point() for one in args)


def _is_decision(result: Any) -> bool:
    if isinstance(result, Tensor):
        return not (result.is_floating_point() or result.is_complex())
    return isinstance(result, bool | int | float)


class _Recorder(Dispatch):
    def __init__(self, found: list[Any]) -> None:
        super().__init__()
        self._found = found

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__.strip("_")
        if _decides(name, args):
            if _is_decision(result):
                self._found.append(result.clone() if isinstance(result, Tensor) else result)
            elif name in _CHOICES and isinstance(result, tuple | list):
                self._found.append(result[1].clone())
        return result


class _Replayer(Dispatch):
    def __init__(self, left: Iterator[Any] | None) -> None:
        super().__init__()
        self._left = left

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__.strip("_")
        if torch.Tag.pointwise in func.tags and name not in _SCALED and args and _has_fraction(args[0]):
            args = (_small(args[0], in_place=func.overloadpacket.__name__.endswith("_")), *args[1:])
        result = func(*args, **(kwargs or {}))
        if name in _LINEAR and _has_fraction(result):
            return _small(result, in_place=True)
        if _decides(name, args):
            if name in _CHOICES and isinstance(result, tuple | list):
                return self._chosen(name, result, args)
            if _is_decision(result):
                return self._next(result)
        return result

    def _next(self, result: Any) -> Any:
        if self._left is None:
            raise Undecided
        decided = next(self._left, None)
        if type(decided) is not type(result) and not isinstance(decided, bool | int | float):
            raise RuntimeError("the network takes a different path for other values of its weights")
        return decided

    def _chosen(self, name: str, result: Any, args: tuple[Any, ...]) -> Any:
        """Values and their positions, with the positions taken from the recorded pass."""
        positions = self._next(result[1])
        place = _CHOICES[name]
        dim = args[place] if len(args) > place else -1
        if positions.dim() < args[0].dim():
            return args[0].gather(dim, positions.unsqueeze(dim)).squeeze(dim), positions
        return args[0].gather(dim, positions), positions


def _has_fraction(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.numel() > 0


def _small(tensor: Tensor, *, in_place: bool) -> Tensor:
    """The tensor, divided by its largest magnitude if that exceeds 1."""
    largest = tensor.abs().max().clamp(min=1)
    return tensor.div_(largest) if in_place else tensor / largest
