"""Record the inputs of rectifiers, which are recognised by what they compute, however they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from proxybench.networks.dispatch import Dispatch
from proxybench.proxies.functions import AxisMoves, Functions, is_move, unwatched

# Names of functions, methods and ATen operations without the underscores of their in-place and internal forms.
_RECTIFIERS = frozenset(
    {
        *("relu", "relu6", "leaky_relu", "prelu", "prelu_kernel", "rrelu", "rrelu_with_noise", "elu", "selu", "celu"),
        *("gelu", "silu", "mish", "hardswish", "hardtanh", "softplus"),
    }
)
_CLAMPS = frozenset({"clamp", "clip", "clamp_min"})
_LARGER = frozenset({"maximum", "max", "fmax"})
_COMPARISONS = frozenset({"gt", "ge", "greater", "greater_equal"})
_MASKED = frozenset({"mul", "multiply", "where"})

Seen = Callable[[Tensor], None]
Rectified = Callable[[Tensor, Tensor], None]


def _ignore(*tensors: Tensor) -> None: ...


class _Recogniser:
    """Decides for each called function whether it rectifies; keeps the masks that `x * (x > 0)` uses later."""

    def __init__(self) -> None:
        self._masks: dict[int, tuple[Tensor, Tensor]] = {}

    def rectified(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
        """The tensor whose sign determines the function's result, or None if it is not a rectifier."""
        first = args[0] if args else kwargs.get("input")
        if not isinstance(first, Tensor):
            return None
        others = (*args[1:], *(value for key, value in kwargs.items() if key not in ("input", "out")))
        if name in _MASKED:
            return self._masked(first, others)
        if not first.is_floating_point():
            return None
        if name in _RECTIFIERS or (name in _CLAMPS and _clamps_at_zero(args[1:], kwargs)):
            return first
        if name == "threshold":
            level = args[1] if len(args) > 1 else kwargs["threshold"]
            return first - level if level else first
        if name in _LARGER and len(others) == 1 and isinstance(others[0], Tensor):
            return others[0] if _is_zero(first) else first if _is_zero(others[0]) else None
        return None

    def remember(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        """Keep the result of `x > 0`, which later functions may use as a mask."""
        if name in _COMPARISONS and len(args) == 2 and isinstance(args[0], Tensor) and _is_zero(args[1]):
            self._masks = {id(result): (result, args[0])}

    def _masked(self, first: Tensor, others: Sequence[Any]) -> Tensor | None:
        """The x of `where(x > 0, x, ...)` and `x * (x > 0)`."""
        for tensor in (first, *others):
            mask, source = self._masks.get(id(tensor), (None, None))
            if mask is tensor and any(other is source for other in (first, *others)):
                return source
        return None


def _clamps_at_zero(bounds: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether values are clamped below at 0, or at both ends of a range around 0 as in a hard tanh."""
    lowest = kwargs.get("min", bounds[0] if bounds else None)
    highest = kwargs.get("max", bounds[1] if len(bounds) > 1 else None)
    if lowest is None or isinstance(highest, Tensor):
        return False
    if isinstance(lowest, Tensor):
        return highest is None and _is_zero(lowest)
    return bool(lowest == 0 or (highest is not None and lowest < 0 < highest))


def _is_zero(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.requires_grad and not bool(value.any())
    return isinstance(value, int | float) and value == 0


class _Functions(Functions):
    """Sees the functions that Python calls; both modules and functions go through torch.nn.functional."""

    def __init__(self, seen: Seen, rectified: Rectified) -> None:
        super().__init__()
        self._seen, self._rectified, self._recogniser = seen, rectified, _Recogniser()

    def call(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        plain = name.strip("_")
        if plain not in _RELEVANT:
            return func(*args, **kwargs)
        with unwatched():
            inputs = self._recogniser.rectified(plain, args, kwargs)
            if inputs is not None:
                self._seen(inputs)
        result = func(*args, **kwargs)
        with unwatched():
            if inputs is not None:
                self._rectified(inputs, result)
            self._recogniser.remember(plain, args, result)
        return result


_RELEVANT = _RECTIFIERS | _CLAMPS | _LARGER | _COMPARISONS | _MASKED | {"threshold"}


class _Operations(Dispatch):
    """Sees the operations that run, including those of scripted modules, which make no Python calls."""

    def __init__(self, seen: Seen, rectified: Rectified) -> None:
        super().__init__()
        self._seen, self._rectified, self._recogniser = seen, rectified, _Recogniser()
        self.move_axes = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__.strip("_")
        self.move_axes = self.move_axes or is_move(name)
        inputs = self._recogniser.rectified(name, args, kwargs or {})
        if inputs is not None:
            self._seen(inputs)
        result = func(*args, **(kwargs or {}))
        if inputs is not None:
            self._rectified(inputs, result)
        self._recogniser.remember(name, args, result)
        return result


@contextmanager
def rectifier_inputs(
    seen: Seen = _ignore, network: nn.Module | None = None, *, rectified: Rectified = _ignore
) -> Iterator[AxisMoves]:
    """Call `seen` with the input of every rectifier (ReLU and relatives) evaluated inside, in order.

    Functions are watched as Python calls them. If `network` has scripted modules, which make no Python calls, the
    executed operations are watched instead, which takes longer. Yields an object that says whether axes were moved.

    Args:
        seen: called before the rectifier runs.
        network: the network that is run inside.
        rectified: called afterwards with the input, which the rectifier may have overwritten, and the output.
    """
    scripted = network is not None and any(isinstance(module, torch.jit.ScriptModule) for module in network.modules())
    mode: _Operations | _Functions = _Operations(seen, rectified) if scripted else _Functions(seen, rectified)
    with mode:
        yield mode
