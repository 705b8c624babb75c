"""Parameters and floating-point operations of any torch module, by rules that published tables follow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from predictors.errors import unknown_name

FlopRule = Literal["suite-zero", "nats-bench"]
Price = Callable[[str, tuple[Any, ...], Any], int]  # of an ATen operation, its arguments and its result


@dataclass(frozen=True)
class Counts:
    """What was counted, by the module that it belongs to.

    Attributes:
        by_module: dotted name of a module to what is its own, without its children; in forward order for FLOPs.
    """

    by_module: Mapping[str, int]

    @property
    def total(self) -> int:
        """The sum over all modules."""
        return sum(self.by_module.values())

    def within(self, name: str) -> int:
        """The sum over the module of that name and all inside it: one place of `Network.operations`."""
        return sum(count for module, count in self.by_module.items() if f"{module}.".startswith(f"{name}."))


def count_parameters(network: nn.Module) -> Counts:
    """The number of elements of all parameters, each once where modules share it; buffers are none."""
    by_module: dict[str, int] = {}
    for name, parameter in network.named_parameters():
        module = name.rpartition(".")[0]
        by_module[module] = by_module.get(module, 0) + parameter.numel()
    return Counts(by_module)


def count_flops(network: nn.Module, in_shape: tuple[int, ...], *, rule: FlopRule = "suite-zero") -> Counts:
    """The floating-point operations of one image's forward pass in evaluation mode.

    A multiply-add counts as one. Both rules count those of convolutions (also transposed) and matrix products
    (linear layers, attention). Beside them

    - `suite-zero` counts the bias of convolutions; two per element of a normalisation, or one if it has no weights;
      one per element of an activation function (ReLU and its kin, GELU, SiLU, sigmoid, tanh); kernel size per output
      of a pooling; and (h + 1)(w + 1) per channel of a global or adaptive pooling of windows h x w. So does torchstat,
      whose figures are the flops of NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022).
    - `nats-bench` counts the biases of convolutions and linear layers, and nothing else. So does the code of
      NAS-Bench-201 and NATS-Bench, whose records hold these.

    Convolutions, nearly all of the arithmetic, are not computed but give zeros of the right shape; the rest runs on
    these. Weights, buffers and modes of the network stay as they are.

    Args:
        network: any module with one tensor as input.
        in_shape: of one input without the batch dimension.
        rule: what counts.

    Raises:
        UnknownName: for another rule.
        ValueError: for a size below 1.
    """
    if rule not in _RULES:
        raise unknown_name("rule for FLOPs", rule, _RULES)
    if any(size < 1 for size in in_shape):
        raise ValueError(f"all sizes of in_shape must be at least 1, not {in_shape!r}")
    weight = next((p for p in network.parameters() if p.is_floating_point()), torch.empty(0))
    image = torch.zeros(1, *in_shape, dtype=weight.dtype, device=weight.device)
    counter = _OperationCounter(_RULES[rule])
    with _tracked(network, counter.running), _evaluation_mode(network), torch.no_grad(), counter:
        network(image)
    return Counts(counter.flops)


class _OperationCounter(TorchDispatchMode):
    """Adds the price of every operation to the module that is running; runs all but the convolutions."""

    def __init__(self, price: Price) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.price = price
        self.running = [""]
        self.flops: dict[str, int] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch would load its compiler to tell it to stay away, which takes seconds; here nothing is compiled."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        op = func.overloadpacket.__name__.strip("_")
        shape = _convolved(*args) if op == "convolution" else None
        result = args[0].new_zeros(shape) if shape else func(*args, **(kwargs or {}))
        flops = self.price(op, args, result)
        if flops:
            self.flops[self.running[-1]] = self.flops.get(self.running[-1], 0) + flops
        return result


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
    """The shape of a convolution's output, or None where torch would refuse; takes the arguments of ATen."""
    c_in, c_out = (weight.shape[0], weight.shape[1] * groups) if transposed else (weight.shape[1] * groups, len(weight))
    shape = [x.shape[0], c_out]
    for axis, (size, kernel) in enumerate(zip(x.shape[2:], weight.shape[2:], strict=True)):
        s, p, d, extra = (values[axis % len(values)] for values in (stride, padding, dilation, output_padding))
        span = d * (kernel - 1) + 1
        shape.append((size - 1) * s - 2 * p + span + extra if transposed else (size + 2 * p - span) // s + 1)
    return shape if x.shape[1] == c_in and min(shape) > 0 else None


@contextmanager
def _tracked(network: nn.Module, running: list[str]) -> Iterator[None]:
    """Keep the name of the innermost module that is running at the end of `running`."""
    handles = []
    for name, module in network.named_modules():
        handles.append(module.register_forward_pre_hook(lambda _module, _inputs, name=name: running.append(name)))
        handles.append(module.register_forward_hook(lambda _module, _inputs, _output: _pop(running)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _pop(running: list[str]) -> None:
    running.pop()  # a hook's result would replace the module's output


@contextmanager
def _evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, and attention without its fused kernel, which would hide what it does."""
    training = [module for module in network.modules() if module.training]
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    network.eval()
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for module in training:
            module.training = True


_BIASED = {"convolution": 2, "addmm": 0, "addmv": 0}  # position of the bias among the arguments
_NORMALISATIONS = {"native_batch_norm": 1, "cudnn_batch_norm": 1, "native_group_norm": 1, "native_layer_norm": 2}
_ACTIVATIONS = {"relu", "hardtanh", "leaky_relu", "elu", "prelu_kernel", "gelu", "silu", "mish", "hardswish"}
_ACTIVATIONS |= {"sigmoid", "hardsigmoid", "tanh", "softplus"}
_POOLINGS = {"avg_pool2d", "avg_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices"}


def _multiply_adds(op: str, args: tuple[Any, ...], result: Any) -> int:
    """Those of a convolution or of a product of matrices; 0 for any other operation."""
    if op == "convolution":
        x, weight, transposed = args[0], args[1], args[6]
        elements: int = x.numel() if transposed else result.numel()
        return elements * int(math.prod(weight.shape[1:]))
    if op in ("mm", "bmm", "mv", "dot"):
        return int(result.numel() * args[0].shape[-1])
    if op in ("addmm", "baddbmm", "addmv"):
        return int(result.numel() * args[1].shape[-1])
    if op.startswith("scaled_dot_product"):
        query, key, value = args[:3]
        return int(query.shape[:-1].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1]))
    return 0


def _price(op: str, args: tuple[Any, ...], result: Any, *, biased: frozenset[str], layers_only: bool) -> int:
    """FLOPs of one operation of torch's ATen library, named without underscores at its ends."""
    flops = _multiply_adds(op, args, result)
    if op in biased and args[_BIASED[op]] is not None:
        flops += result.numel()
    if flops or layers_only:
        return flops
    if op in _NORMALISATIONS:
        return int(args[0].numel() * (1 if args[_NORMALISATIONS[op]] is None else 2))
    if op in _ACTIVATIONS:
        return int(args[0].numel())
    if op in _POOLINGS:
        outputs = result[0] if isinstance(result, tuple) else result
        kernel = args[1] if len(args[1]) > 1 else args[1] * (outputs.dim() - 2)
        return int(outputs.numel() * math.prod(kernel))
    return _adaptive_pooling(op, args, result)


def _adaptive_pooling(op: str, args: tuple[Any, ...], result: Any) -> int:
    """(h + 1)(w + 1) for each window of h x w pixels and each channel; a mean over the image is one window."""
    x = args[0]
    if op == "mean" and len(args) > 1 and x.dim() == 4 and {dim % 4 for dim in args[1]} == {2, 3}:
        height, width = 1, 1
    elif op in ("adaptive_avg_pool2d", "adaptive_max_pool2d"):
        height, width = args[1]
    else:
        return 0
    return int(x.shape[:-2].numel() * _windows(x.shape[-2], height) * _windows(x.shape[-1], width))


def _windows(pixels: int, windows: int) -> int:
    """The sum over the windows along one side of their lengths plus one."""
    return sum(-(-(i + 1) * pixels // windows) - i * pixels // windows + 1 for i in range(windows))


_RULES: dict[str, Price] = {
    "suite-zero": partial(_price, biased=frozenset({"convolution"}), layers_only=False),
    "nats-bench": partial(_price, biased=frozenset(_BIASED), layers_only=True),
}
