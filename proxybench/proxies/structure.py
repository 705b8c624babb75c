"""Which layers are on a path from the images to the logits, and how long the longest path is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from proxybench.proxies.ambience import recurrence_unrolled
from proxybench.proxies.base import NoAnswer
from proxybench.proxies.batch_norm import batch_norm_removed
from proxybench.proxies.contractions import contracted_operands, is_fused
from proxybench.proxies.embeddings import embedded
from proxybench.proxies.probe import Probe
from proxybench.proxies.restore import replace_values
from proxybench.proxies.same_way import Decisions, Undecided, decisions_replayed

# Operations with one input of the output's shape whose derivative shows what is connected: they move, select, scale or
# mix values. Any other operation of this kind acts on each value separately and connects wherever a derivative arrives.
_TELLING = (
    *("Mul", "Div", "Convolution", "Mm", "Bmm", "Mv", "Addmm", "Linear", "Trilinear", "Matmul", "Einsum", "Fft"),
    *("Index", "Select", "Slice", "Gather", "Scatter", "Copy", "Put", "Where", "Masked", "Tril", "Triu", "Split"),
    *("Transpose", "T", "Permute", "Roll", "Flip", "Sort", "View", "UnsafeView", "ReshapeAlias", "Expand", "AsStrided"),
    *("Round", "Floor", "Ceil", "Trunc", "Sign", "Sgn", "Zero", "Fill", "Fmod", "Remainder", "Cumsum", "Cumprod"),
)


@dataclass(frozen=True)
class Structure:
    """How the layers of a network are connected.

    Attributes:
        depth: number of layers on the longest path from the images to the logits; None if there is no path.
        certain: whether a derivative passes along this path alone, so that it is a path through values and not only
            through operations, which may hold values that never meet.
        connected: for each layer, whether it is on a path from the images to the logits.
    """

    depth: int | None
    certain: bool
    connected: list[bool]


def structure_pass(probe: Probe) -> Structure:
    """Follow the autograd graph of one image's forward pass in evaluation mode.

    An operation counts as a layer if it multiplies values derived from the image by a layer's weight, or by something
    computed from weights alone, and sums over the products; so does each step of a recurrent layer. A connection counts
    if a derivative can pass it: derivatives are tracked only as zero or nonzero, and as nonzero through every
    elementwise function, so that a function that happens to be flat where it is evaluated does not cut a path. A
    multiplication by zero does.

    The values of weights do not matter: weights are replaced by positive random numbers that keep the scale, biases by
    zero, and normalisation over the batch is removed, so that nothing cancels. If the network branches on values, as in
    an early exit, it takes the path that it takes for the first image of the batch with its own weights. Of a network
    that takes integers, the embedding of the first text takes the place of an image.

    Raises:
        NoAnswer: if the network switches gradients off, or takes integers that not exactly one of its modules embeds.
    """
    try:
        return _structure(probe)
    except _Fused:
        with recurrence_unrolled():
            return _structure(probe)


class _Fused(NoAnswer):
    """A recurrent layer is a single operation that does not show how its steps are connected."""


def _structure(probe: Probe) -> Structure:
    try:
        return _follow_one_image(probe, None)
    except Undecided:
        return _follow_one_image(probe, decisions_of_first_image(probe))


def _follow_one_image(probe: Probe, decisions: Decisions | None) -> Structure:
    draws = torch.Generator().manual_seed(0)
    with probe.borrowed(train=False, weights=False) as network:
        replace_values(network, lambda name, parameter: _positive(parameter, name, draws).to(parameter))
        weights: list[Tensor] = [layer.weight.requires_grad_() for layer in probe.layers]
        with batch_norm_removed(), decisions_replayed(decisions):
            logits, image = _logits_and_input(probe, network, draws)
        share = torch.rand(logits.shape, generator=draws).to(logits).add_(0.5)
        output = (logits * share).sum()
        return _follow(output.real if output.is_complex() else output, image, weights)


def _logits_and_input(probe: Probe, network: nn.Module, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """The logits of positive random numbers in place of an image, or of the embedding of a text, and these numbers."""

    def numbers(like: Tensor) -> Tensor:
        return torch.rand(like.shape, generator=draws).to(like).add_(0.5).requires_grad_()

    first = probe.images[:1]
    if first.is_floating_point():
        image = numbers(first)
        return network(image.clone()), image
    with embedded(network, first, numbers) as found:
        logits = network(first.clone())
    if len(found) != 1:
        raise NoAnswer(f"integers have no derivative, and {len(found) or 'no'} modules of the network embed them")
    return logits, found[0]


def decisions_of_first_image(probe: Probe) -> Decisions:
    """The network's value-dependent decisions for the first image of the batch in evaluation mode."""
    decisions = Decisions()
    with probe.borrowed(train=False, weights=False) as network, torch.no_grad(), decisions.recorded():
        network(probe.images[:1].clone())
    return decisions


def _positive(parameter: Tensor, name: str, draws: torch.Generator) -> Tensor:
    """Positive numbers to replace a parameter, with mean 1 / inputs for a weight of two or more dimensions."""
    if name.endswith("bias"):
        return torch.zeros(parameter.shape)
    inputs = parameter[0].numel() if parameter.dim() >= 2 else 1
    return torch.rand(parameter.shape, generator=draws).add_(0.5).div_(inputs)


def _follow(output: Tensor, image: Tensor, weights: list[Tensor]) -> Structure:
    if output.grad_fn is None:
        raise NoAnswer("nothing that could be differentiated reaches the output")
    connected = [False] * len(weights)
    nodes = list(_inputs_first(output.grad_fn))
    if any(is_fused(node) for node in nodes):
        raise _Fused("a recurrent layer cannot be split into its steps")
    factors = contracted_operands(nodes)
    passed, _ = _derivatives_that_pass(output, image, nodes)
    position = {id(weight): index for index, weight in enumerate(weights)}
    depth: dict[Node, int] = {node: 0 for node in nodes if _variable(node) is image}
    deepest: dict[Node, int] = {}
    for node in nodes:
        edges = [child for child, _ in node.next_functions]
        passes = passed.get(node, [False] * len(edges))
        reached = [
            (depth[child], place)
            for place, (child, alive) in enumerate(zip(edges, passes, strict=True))
            if alive and child in depth
        ]
        if not reached:
            continue
        most, deepest[node] = max(reached)
        layers = {
            position[id(_variable(leaf))]
            for child in _factors(node, factors)
            if child not in passed and child not in depth
            for leaf in _inputs_first(child)
            if id(_variable(leaf)) in position
        }
        depth[node] = most + bool(layers)
        for layer in layers:
            connected[layer] = True
    _, certain = _derivatives_that_pass(output, image, nodes, _path(output.grad_fn, deepest))
    return Structure(depth.get(output.grad_fn), certain, connected)


def _path(node: Node | None, deepest: Mapping[Node, int]) -> dict[Node, int]:
    """The operations on the longest path, last first, and the input through which the path leaves each."""
    path: dict[Node, int] = {}
    while node is not None and node in deepest:
        path[node] = deepest[node]
        node, _ = node.next_functions[path[node]]
    return path


def _factors(node: Node, factors: Mapping[Node, list[bool]]) -> list[Node]:
    """The inputs of an operation that are factors of a sum of products."""
    return [
        child
        for (child, _), factor in zip(node.next_functions, factors.get(node, ()), strict=False)
        if factor and child is not None
    ]


def _derivatives_that_pass(
    output: Tensor, image: Tensor, nodes: list[Node], path: Mapping[Node, int] | None = None
) -> tuple[Mapping[Node, list[bool]], bool]:
    """For each operation between image and output, and each of its inputs, whether a derivative passes.

    Also returns whether a derivative arrives at the image.

    Args:
        output: a scalar.
        image: an input of the graph.
        nodes: of the graph.
        path: the operations that derivatives may pass, and the input through which they leave each; all by default.
    """
    passed: dict[Node, list[bool]] = {}
    pattern = _patterns()

    def watch(node: Node) -> Any:
        alike = sum(edge is not None for edge, _ in node.next_functions) == 1
        alike = alike and not node.name().startswith(_telling_names())

        def left(to_inputs: tuple[Tensor | None, ...], to_outputs: tuple[Tensor | None, ...]) -> Any:
            [first, *others] = to_outputs or (None,)
            found = [
                derivative if derivative is None or first is None or others or not alike or _differ(derivative, first)
                else first
                for derivative in to_inputs
            ]  # fmt: skip
            if path is not None:
                found = [derivative if path.get(node) == place else None for place, derivative in enumerate(found)]
            passed[node] = [derivative is not None and bool((derivative != 0).any()) for derivative in found]
            return tuple(
                None if given is None else torch.zeros_like(given) if derivative is None else pattern(derivative)
                for given, derivative in zip(to_inputs, found, strict=True)
            )

        return node.register_hook(left)

    handles = [watch(node) for node in nodes if _variable(node) is None]
    [arrived] = torch.autograd.grad(output, [image], allow_unused=True, retain_graph=path is None)
    for handle in handles:
        handle.remove()
    return passed, arrived is not None and bool((arrived != 0).any())


def _differ(one: Tensor, other: Tensor) -> bool:
    return one.shape != other.shape or one.dtype != other.dtype


def _telling_names() -> tuple[str, ...]:
    return tuple(f"{name}Backward" for name in _TELLING)


def _patterns() -> Callable[[Tensor], Tensor]:
    """A function that replaces nonzero entries by positive random numbers, so derivatives neither grow nor vanish."""
    draws = torch.Generator().manual_seed(1)
    numbers = torch.zeros(0)

    def pattern(derivative: Tensor) -> Tensor:
        nonlocal numbers
        if derivative.layout is not torch.strided:
            return derivative
        if len(numbers) < derivative.numel():
            numbers = torch.rand(2 * derivative.numel(), generator=draws).add_(0.5)
        random = numbers[: derivative.numel()].view(derivative.shape).to(derivative)
        return torch.where(derivative != 0, random, torch.zeros_like(derivative))

    return pattern


def _variable(node: Node) -> Tensor | None:
    """The tensor at which derivatives end at this graph node; None for an operation."""
    variable: Tensor | None = getattr(node, "variable", None)
    return variable


def _inputs_first(root: Node) -> Iterator[Node]:
    """All nodes of the autograd graph below `root`, each after the nodes that provide its inputs."""
    seen: set[Node] = {root}
    stack = [(root, iter(root.next_functions))]
    while stack:
        node, edges = stack[-1]
        for child, _ in edges:
            if child is not None and child not in seen:
                seen.add(child)
                stack.append((child, iter(child.next_functions)))
                break
        else:
            stack.pop()
            yield node
