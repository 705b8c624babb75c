"""Parameters and floating-point operations of any torch module, by rules that published tables follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from predictors.errors import unknown_name
from proxybench.networks.operations import OperationCounter, Rule, ValuesWanted

FlopRule = Literal["suite-zero", "nats-bench"]


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


def count_flops(
    network: nn.Module, in_shape: tuple[int, ...], *, rule: FlopRule = "suite-zero", image: Tensor | None = None
) -> Counts:
    """The floating-point operations of one image's forward pass in evaluation mode.

    A multiply-add counts as one. Both rules count those of convolutions (also transposed), of linear, bilinear and
    recurrent layers, of attention and of every other product of matrices. Beside them

    - `suite-zero` counts the bias of convolutions; two per element of a normalisation (batch, instance, group, layer,
      RMS), or one if it has no weights; one per element of an activation function (ReLU and its relatives, GELU,
      SiLU, sigmoid, tanh, the gates of recurrent layers); kernel size per output of a pooling; and (h + 1)(w + 1) per
      channel of a global or adaptive pooling of windows h x w. So does torchstat, whose figures are the flops of
      NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022).
    - `nats-bench` counts the biases of convolutions, linear and recurrent layers, and nothing else. So does the code
      of NAS-Bench-201 and NATS-Bench, whose records hold these.

    Nothing else counts: sums and products of elements, softmax, embeddings, resizing, folding, Fourier transforms.
    What is counted follows from shapes, not from how tensors lie in memory. The values of convolutions, nearly all
    of the arithmetic, are left out (zeros of the right shape take their place) unless the network looks at values,
    as one with a branch does; then everything is computed. Weights, buffers, modes and random states stay as they are.

    Args:
        network: any module with one tensor as input.
        in_shape: shape of one input without the batch dimension.
        rule: what counts.
        image: the input [1, *in_shape], of the network's own kind, such as token numbers; by default standard normal
            numbers from a fixed seed.

    Raises:
        UnknownName: for another rule.
        ValueError: for a size below 1, an image of another shape, and a network that calls an operation of a library
            other than torch, whose arithmetic is not known.
    """
    if rule not in _RULES:
        raise unknown_name("rule for FLOPs", rule, _RULES)
    if any(size < 1 for size in in_shape):
        raise ValueError(f"all sizes of in_shape must be at least 1, not {in_shape!r}")
    if image is None:
        weight = next((p for p in network.parameters() if p.is_floating_point()), torch.empty(0, device="cpu"))
        seeded = torch.Generator("cpu").manual_seed(0)
        noise = torch.randn(1, *in_shape, generator=seeded, dtype=torch.float32, device="cpu")
        image = noise.to(weight)
    elif image.shape != (1, *in_shape):
        raise ValueError(f"image must be of shape {[1, *in_shape]}, not {list(image.shape)}")
    return Counts(_counted(network, image, _RULES[rule]))


def _counted(network: nn.Module, image: Tensor, rule: Rule) -> dict[str, int]:
    """FLOPs of each module; the cheapest way first, then without its shortcuts where they get in the network's way."""
    for shortcuts in (True, False):
        try:
            return _run(network, image, rule, zeros=shortcuts, composite=True)
        except (ValuesWanted, Exception):
            continue
    # Operations are then met as autograd takes them apart, for a network that takes derivatives in its forward pass.
    return _run(network, image, rule, zeros=False, composite=False)


def _run(network: nn.Module, image: Tensor, rule: Rule, *, zeros: bool, composite: bool) -> dict[str, int]:
    devices = [image.device] if image.device.type == "cuda" else []
    counter = OperationCounter(rule, zeros=zeros)
    below = torch._C._AutoDispatchBelowAutograd() if composite else nullcontext()
    with (
        torch.random.fork_rng(devices),
        _tracked(network, counter.running),
        _evaluation_mode(network),
        torch.no_grad(),
        below,
        counter.watching(),
    ):
        network(image.clone())
    return counter.flops


@contextmanager
def _tracked(network: nn.Module, running: list[str]) -> Iterator[None]:
    """Keep the name of the innermost module that is running at the end of `running`."""
    handles = []
    for name, module in network.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue  # Python calls nothing inside, so what is its own belongs to the module around it
        handles.append(module.register_forward_pre_hook(lambda _module, _inputs, name=name: running.append(name)))
        leave = module.register_forward_hook(lambda _module, _inputs, _output: _pop(running), always_call=True)
        handles.append(leave)
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


_RULES: dict[str, Rule] = {
    "suite-zero": lambda work: work.multiply_adds + work.convolution_biases + work.elements,
    "nats-bench": lambda work: work.multiply_adds + work.convolution_biases + work.linear_biases,
}
