"""The functions that a forward pass calls, by name: as a function, a method, an operator or in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_MOVES = frozenset(
    {
        *("permute", "transpose", "movedim", "moveaxis", "swapaxes", "swapdims", "t", "T", "mT", "H", "mH", "adjoint"),
        *("einsum", "tensordot", "stack", "transpose_", "swapaxes_", "swapdims_", "t_", "unfold", "as_strided"),
    }
)
_CHANGES = frozenset({"setitem", *(f"i{name}" for name in ("add", "sub", "mul", "truediv", "div", "pow", "and", "or"))})


class AxisMoves(Protocol):
    """An observer of a forward pass that knows whether any operation so far has reordered axes."""

    move_axes: bool


class Functions(TorchFunctionMode):
    """Sees each function that Python calls with tensors while it is active, but not the calls inside that function.

    Attributes:
        move_axes: whether one of them reordered axes or brought another axis to the front.
    """

    def __init__(self) -> None:
        super().__init__()
        self.move_axes = False

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = _names.get(func) or _name(func)
        result = self.call(name, func, args, kwargs or {})
        if not self.move_axes:
            with unwatched():  # every attribute of a tensor is a function that other observers would see
                self.move_axes = name in _MOVES or _changes_first(args, result)
        return result

    def call(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The function's result; `name` is its own, with the underscore if it is in place; `matmul` for operators."""
        return func(*args, **kwargs)


def _changes_first(args: tuple[Any, ...], result: Any) -> bool:
    """Whether the first axis of the result differs in length from that of the first argument."""
    if not isinstance(result, Tensor) or not args or not isinstance(args[0], Tensor):
        return False
    return bool(result.dim()) and result.shape[:1] != args[0].shape[:1]


def unwatched() -> AbstractContextManager[None]:
    """What an observer itself computes inside is seen by no other observer of the forward pass."""
    return torch._C.DisableTorchFunction()


_names: dict[Any, str] = {}


def _name(func: Any) -> str:
    name: str = getattr(func, "__name__", "") or "?"
    if name == "__get__":  # an attribute of tensors, such as T
        return getattr(getattr(func, "__self__", None), "__name__", name)  # of a wrapper that is created at each access
    if name.startswith("__"):
        name = name.strip("_")
    _names[func] = name
    return name


class _Overwrites(Functions):
    def __init__(self, before: Callable[[Tensor], None]) -> None:
        super().__init__()
        self._before = before

    def call(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        changed = args[0] if args and (name[-1] == "_" or name in _CHANGES or _in_place(args, kwargs)) else None
        for tensor in (changed, kwargs.get("out")):
            if isinstance(tensor, Tensor):
                self._before(tensor)
        return func(*args, **kwargs)


def _in_place(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a function of torch.nn.functional overwrites its input; True if in doubt."""
    return kwargs.get("inplace") is True or args[-1] is True


def is_move(name: str) -> bool:
    """Whether the function of that name reorders axes."""
    return name in _MOVES


@contextmanager
def overwrites(before: Callable[[Tensor], None]) -> Iterator[AxisMoves]:
    """Call `before` with each tensor about to be overwritten by a function called inside, and possibly with others.

    Yields an object that says whether axes were moved.
    """
    with _Overwrites(before) as functions:
        yield functions
