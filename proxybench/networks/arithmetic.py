"""The arithmetic of one torch operation, derived from the shapes of its arguments and result.

Operations are seen as a network calls them (a linear layer, an LSTM, an attention), before torch decomposes them, so
that neither the memory layout of a tensor nor a fused kernel changes what is counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Arguments = Mapping[str, Any]  # of an operation by name, including defaults of omitted ones
Price = Callable[[Arguments, Any], "Work"]  # takes the arguments and the result of an operation


@dataclass(frozen=True)
class Work:
    """The arithmetic of one operation.

    Attributes:
        multiply_adds: those of convolutions and matrix products.
        convolution_biases: number of elements to which a convolution adds its bias.
        linear_biases: number of elements to which a linear or recurrent layer adds a bias.
        elements: operations of normalisations, activation functions and poolings.
    """

    multiply_adds: int = 0
    convolution_biases: int = 0
    linear_biases: int = 0
    elements: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.multiply_adds + other.multiply_adds,
            self.convolution_biases + other.convolution_biases,
            self.linear_biases + other.linear_biases,
            self.elements + other.elements,
        )


def _convolution(arguments: Arguments, result: Tensor) -> Work:
    weight = arguments["weight"]
    positions = arguments["input"] if arguments.get("transposed") else result
    bias = 0 if arguments["bias"] is None else result.numel()
    return Work(positions.numel() * math.prod(weight.shape[1:]), convolution_biases=bias)


def _dense(arguments: Arguments, result: Tensor) -> Work:
    """A linear or bilinear layer: each output is a sum over all weights of its row."""
    bias = 0 if arguments["bias"] is None else result.numel()
    return Work(result.numel() * arguments["weight"].shape[1:].numel(), linear_biases=bias)


def _product(arguments: Arguments, result: Tensor, *, first: str, second: str) -> Work:
    """A product of matrices or vectors; a vector added to it is a bias."""
    left, right = arguments[first], arguments[second]
    entries = left.numel() if left.layout is torch.strided else left._nnz()
    columns = right.shape[-1] if right.dim() > 1 else 1
    added = arguments["self"] if first not in ("self", "sparse") else None
    biased = added is not None and added.dim() == 1 and arguments.get("beta", 1) != 0
    return Work(entries * columns, linear_biases=result.numel() if biased else 0)


def _attention(arguments: Arguments, result: Any) -> Work:
    query, key, value = arguments["query"], arguments["key"], arguments["value"]
    return Work(query.shape[:-1].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1]))


def _recurrent(arguments: Arguments, result: Any, *, gates: int, activations: int) -> Work:
    """All layers and directions of a recurrent layer; every weight is applied once for each token."""
    inputs = arguments["input"] if "input" in arguments else arguments["data"]
    parameters = arguments["params"]
    runs = arguments["num_layers"] * (2 if arguments["bidirectional"] else 1)
    # The parameters of a run begin with its input weight, which has one row for each gate of each unit.
    units = sum(parameter.shape[0] for parameter in parameters[:: len(parameters) // runs]) // gates
    return _steps(inputs.shape[:-1].numel(), parameters, units * activations)


def _recurrent_cell(arguments: Arguments, result: Any, *, gates: int, activations: int) -> Work:
    parameters = [arguments[name] for name in ("w_ih", "w_hh", "b_ih", "b_hh")]
    present = [parameter for parameter in parameters if parameter is not None]
    return _steps(arguments["input"].shape[:-1].numel(), present, parameters[0].shape[0] // gates * activations)


def _steps(tokens: int, parameters: list[Tensor], activations: int) -> Work:
    weights = sum(parameter.numel() for parameter in parameters if parameter.dim() == 2)
    biases = sum(parameter.numel() for parameter in parameters if parameter.dim() == 1)
    return Work(tokens * weights, linear_biases=tokens * biases, elements=tokens * activations)


def _normalisation(arguments: Arguments, result: Any) -> Work:
    return Work(elements=arguments["input"].numel() * (1 if arguments["weight"] is None else 2))


def _each_input(arguments: Arguments, result: Any) -> Work:
    return Work(elements=next(iter(arguments.values())).numel())


def _each_output(arguments: Arguments, result: Tensor) -> Work:
    return Work(elements=result.numel())


def _pooling(arguments: Arguments, result: Any, *, axes: int) -> Work:
    outputs = result[0] if isinstance(result, tuple) else result
    kernel = arguments["kernel_size"]
    kernel = [kernel] if isinstance(kernel, int) else list(kernel)
    return Work(elements=outputs.numel() * math.prod(kernel if len(kernel) > 1 else kernel * axes))


def _adaptive_pooling(arguments: Arguments, result: Any, *, axes: int) -> Work:
    outputs = result[0] if isinstance(result, tuple) else result
    return _windows(next(iter(arguments.values())), outputs.shape[-axes:])


def _global_pooling(arguments: Arguments, result: Any) -> Work:
    """A mean or maximum over all positions of a map [n, c, h, w] or volume [n, c, d, h, w]; others are not pooling."""
    inputs, dims = arguments["self"], arguments.get("dim")
    dims = [dims] if isinstance(dims, int) else dims
    positions = set(range(2, inputs.dim()))
    if len(positions) not in (2, 3) or not dims or {dim % inputs.dim() for dim in dims} != positions:
        return Work()
    return _windows(inputs, (1,) * len(positions))


def _windows(inputs: Tensor, outputs: tuple[int, ...]) -> Work:
    """For all windows and channels, the product over the axes of the window size plus one."""
    axes = len(outputs)
    lengths = [
        sum(-(-(place + 1) * size // windows) - place * size // windows + 1 for place in range(windows))
        for size, windows in zip(inputs.shape[-axes:], outputs, strict=True)
    ]
    return Work(elements=inputs.shape[:-axes].numel() * math.prod(lengths))


def _nothing(arguments: Arguments, result: Any) -> Work:
    return Work()


_ACTIVATIONS = (
    *("relu", "relu6", "hardtanh", "leaky_relu", "rrelu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish"),
    *("hardswish", "sigmoid", "hardsigmoid", "log_sigmoid", "tanh", "softplus", "threshold", "hardshrink"),
    *("softshrink", "prelu_kernel", "rrelu_with_noise", "log_sigmoid_forward"),
)
_NORMALISATIONS = (
    *("batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm"),
    *("native_batch_norm", "native_group_norm", "native_layer_norm", "fused_rms_norm"),
)

# Operations of torch's ATen library, by name without leading and trailing underscores.
PRICES: dict[str, Price] = {
    "convolution": _convolution,
    "linear": _dense,
    "bilinear": _dense,
    "mm": partial(_product, first="self", second="mat2"),
    "bmm": partial(_product, first="self", second="mat2"),
    "mv": partial(_product, first="self", second="vec"),
    "dot": partial(_product, first="self", second="tensor"),
    "vdot": partial(_product, first="self", second="other"),
    "addmm": partial(_product, first="mat1", second="mat2"),
    "addmm_activation": partial(_product, first="mat1", second="mat2"),
    "addmv": partial(_product, first="mat", second="vec"),
    "addbmm": partial(_product, first="batch1", second="batch2"),
    "baddbmm": partial(_product, first="batch1", second="batch2"),
    "sparse_mm": partial(_product, first="sparse", second="dense"),
    "scaled_dot_product_attention": _attention,
    "lstm": partial(_recurrent, gates=4, activations=5),  # three gates, the candidate, the new state
    "gru": partial(_recurrent, gates=3, activations=3),
    "rnn_tanh": partial(_recurrent, gates=1, activations=1),
    "rnn_relu": partial(_recurrent, gates=1, activations=1),
    "lstm_cell": partial(_recurrent_cell, gates=4, activations=5),
    "gru_cell": partial(_recurrent_cell, gates=3, activations=3),
    "rnn_tanh_cell": partial(_recurrent_cell, gates=1, activations=1),
    "rnn_relu_cell": partial(_recurrent_cell, gates=1, activations=1),
    "cdist": _nothing,  # whether torch computes it as a product depends on the number of points
    "mean": _global_pooling,
    "amax": _global_pooling,
    "glu": _each_output,
    **dict.fromkeys(_NORMALISATIONS, _normalisation),
    **dict.fromkeys(_ACTIVATIONS, _each_input),
    **{f"{kind}_pool{axes}d": partial(_pooling, axes=axes) for kind in ("avg", "max") for axes in (1, 2, 3)},
    **{f"max_pool{axes}d_with_indices": partial(_pooling, axes=axes) for axes in (1, 2, 3)},
    **{f"fractional_max_pool{axes}d": partial(_pooling, axes=axes) for axes in (2, 3)},
    **{
        f"adaptive_{kind}_pool{axes}d": partial(_adaptive_pooling, axes=axes)
        for kind in ("avg", "max")
        for axes in (1, 2, 3)
    },
}

# Functions of torch.nn.functional written in Python from operations that would be counted differently.
PRICES_OF_FUNCTIONS: dict[Any, Price] = {
    functional.softsign: _each_input,
    functional.tanhshrink: _each_input,
    functional.local_response_norm: _each_input,
    functional.lp_pool1d: partial(_pooling, axes=1),
    functional.lp_pool2d: partial(_pooling, axes=2),
    functional.lp_pool3d: partial(_pooling, axes=3),
}


def work_of_quantised(name: str, arguments: tuple[Any, ...], result: Tensor) -> Work:
    """The arithmetic of an operation of torch's namespace `quantized`, whose weight is packed with its bias."""
    packed: Any = next((one for one in arguments if isinstance(one, torch.ScriptObject)), None)
    if packed is None:
        return Work()
    weight, bias = packed.unpack()[:2]
    given = {"input": arguments[0], "weight": weight, "bias": bias, "transposed": "transpose" in name}
    work = _convolution(given, result) if name.startswith("conv") else _dense(given, result)
    rectified = result.numel() if "relu" in name else 0
    return Work(work.multiply_adds, work.convolution_biases, work.linear_biases, rectified)
