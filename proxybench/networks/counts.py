"""Parameters and floating-point operations of any torch module, by the rules of published tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from predictors.errors import unknown_name
from proxybench.networks.arithmetic import Work
from proxybench.networks.operations import OperationCounter, ValuesWanted
from proxybench.networks.plain_layers import is_plain

FlopRule = Literal["suite-zero", "nats-bench"]
Rule = Callable[[Work], int]  # which part of an operation's arithmetic counts


@dataclass(frozen=True)
class Counts:
    """Counts by module.

    Attributes:
        by_module: dotted module name to its own count, without its children; in forward order for FLOPs.
    """

    by_module: Mapping[str, int]

    @property
    def total(self) -> int:
        """The sum over all modules."""
        return sum(self.by_module.values())

    def within(self, name: str) -> int:
        """The sum over the module of that name and all modules inside it: one entry of `Network.operations`."""
        return sum(count for module, count in self.by_module.items() if f"{module}.".startswith(f"{name}."))


def count_parameters(network: nn.Module) -> Counts:
    """The number of elements of all parameters; shared parameters count once, buffers do not count."""
    by_module: dict[str, int] = {}
    for name, parameter in network.named_parameters():
        module = name.rpartition(".")[0]
        by_module[module] = by_module.get(module, 0) + parameter.numel()
    return Counts(by_module)


def count_flops(
    network: nn.Module, in_shape: tuple[int, ...], *, rule: FlopRule = "suite-zero", image: Tensor | None = None
) -> Counts:
    """Count the floating-point operations of one image's forward pass in evaluation mode.

    A multiply-add counts as one. Both rules count the multiply-adds of convolutions (including transposed ones), of
    linear, bilinear and recurrent layers, of attention and of all other matrix products. In addition,

    - `suite-zero` counts the bias of convolutions; two per element of a normalisation (batch, instance, group, layer,
      RMS), or one if it has no weights; one per element of an activation function (ReLU and its relatives, GELU,
      SiLU, sigmoid, tanh, the gates of recurrent layers); kernel size per output of a pooling; and (h + 1)(w + 1) per
      channel of a global or adaptive pooling with windows h x w. This is what torchstat counts, the source of the flops
      in NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022).
    - `nats-bench` counts the biases of convolutions, linear and recurrent layers, and nothing else. This is what the
      code of NAS-Bench-201 and NATS-Bench counts and their records contain.

    Nothing else counts: elementwise sums and products, softmax, embeddings, resizing, folding, Fourier transforms.
    Counts depend on shapes, not on memory layout. Convolutions and plain layers of torch.nn, nearly all of the
    arithmetic, are not computed but replaced by zeros of the right shape unless the network looks at values, as one
    with a branch does; then everything is computed. Weights, buffers, modes and random states remain unchanged.

    Args:
        network: any module with one tensor as input.
        in_shape: shape of one input without the batch dimension.
        rule: counting rule, see above.
        image: the input [1, *in_shape], in the type that the network takes, such as token indices; by default standard
            normal numbers from a fixed seed.

    Raises:
        UnknownName: for an unknown rule.
        ValueError: for a size below 1, an image of the wrong shape, or a network that calls an operation from a library
            other than torch, whose arithmetic is unknown.
    """
    if rule not in _RULES:
        raise unknown_name("rule for FLOPs", rule, _RULES)
    return flops_of(count_work(network, in_shape, image=image), rule)


def flops_of(work: Mapping[str, Work], rule: FlopRule) -> Counts:
    """The floating-point operations that a rule of `count_flops` counts in the arithmetic of modules."""
    counts = {module: _RULES[rule](done) for module, done in work.items()}
    return Counts({module: count for module, count in counts.items() if count})


def count_work(network: nn.Module, in_shape: tuple[int, ...], *, image: Tensor | None = None) -> dict[str, Work]:
    """The arithmetic of each module in one image's forward pass, from which every rule of `count_flops` counts.

    Args and errors are those of `count_flops`.
    """
    if any(size < 1 for size in in_shape):
        raise ValueError(f"all sizes of in_shape must be at least 1, not {in_shape!r}")
    if image is None:
        weight = next((p for p in network.parameters() if p.is_floating_point()), torch.empty(0, device="cpu"))
        seeded = torch.Generator("cpu").manual_seed(0)
        noise = torch.randn(1, *in_shape, generator=seeded, dtype=torch.float32, device="cpu")
        image = noise.to(weight)
    elif image.shape != (1, *in_shape):
        raise ValueError(f"image must be of shape {[1, *in_shape]}, not {list(image.shape)}")
    return _counted(network, image)


def _counted(network: nn.Module, image: Tensor) -> dict[str, Work]:
    """The arithmetic of each module.

    Tries the fastest way first, then without the shortcuts that interfere with the network.
    """
    for shortcuts in (True, False):
        try:
            return _run(network, image, zeros=shortcuts, composite=True)
        except (ValuesWanted, Exception):
            continue
    # For a network that takes derivatives in its forward pass, operations are seen as decomposed by autograd.
    return _run(network, image, zeros=False, composite=False)


def _run(network: nn.Module, image: Tensor, *, zeros: bool, composite: bool) -> dict[str, Work]:
    devices = [image.device] if image.device.type == "cuda" else []
    counter = OperationCounter(zeros=zeros)
    below = torch._C._AutoDispatchBelowAutograd() if composite else nullcontext()
    with (
        torch.random.fork_rng(devices),
        _tracked(network, counter),
        _evaluation_mode(network),
        torch.no_grad(),
        below,
        counter.watching(),
    ):
        network(image.clone())
    return counter.work


@contextmanager
def _tracked(network: nn.Module, counter: OperationCounter) -> Iterator[None]:
    """Keep the name of the innermost running module at the end of `counter.running`.

    If the counter may return zeros, it is called instead of the plain layers.
    """
    handles, replaced = [], []
    for name, module in network.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue  # no Python calls inside, so its own count goes to the enclosing module
        if counter.zeros and is_plain(module):
            vars(module)["forward"] = _counting(counter, name, module)
            replaced.append(module)
            continue
        handles.append(module.register_forward_pre_hook(lambda _module, _inputs, name=name: _push(counter, name)))
        leave = module.register_forward_hook(lambda _module, _inputs, _output: _pop(counter), always_call=True)
        handles.append(leave)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module in replaced:
            vars(module).pop("forward", None)


def _counting(counter: OperationCounter, name: str, module: nn.Module) -> Callable[..., Any]:
    """What a plain module does instead of its forward pass."""
    return lambda *args, **kwargs: counter.layer(name, module, args, kwargs)


def _push(counter: OperationCounter, name: str) -> None:
    counter.running.append(name)


def _pop(counter: OperationCounter) -> None:
    counter.running.pop()  # returning a value from the hook would replace the module's output


@contextmanager
def _evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, with attention not using its fused kernel, which would hide the operations."""
    training = [module for module in network.modules() if module.training]
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    if training:
        network.eval()
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for module in training:
            module.training = True


_RULES: dict[str, Rule] = {
    "suite-zero": lambda work: work.multiply_adds + work.convolution_biases + work.elements,
    "nats-bench": lambda work: work.multiply_adds + work.convolution_biases + work.linear_biases,
}
