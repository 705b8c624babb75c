"""Which layers lie on a path from the images to the logits, and how long the longest path is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.func import functional_call

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.batch_norm import remove_batch_norm
from proxybench.proxies.probe import Probe


@dataclass(frozen=True)
class Structure:
    """How the layers of a network are connected.

    Attributes:
        depth: layers on the longest path from the images to the logits; None where there is no path.
        connected: for each layer whether it lies on such a path.
    """

    depth: int | None
    connected: list[bool]


def structure_pass(probe: Probe) -> Structure:
    """Follow the graph of derivatives of one image's forward pass, in evaluation mode.

    An operation counts as a layer when it combines what comes from the image with a layer's weight, or with what is
    made of weights alone. A connection counts when a derivative passes it that is not zero. Values of weights do not
    matter: they are replaced by positive random numbers that keep the scale, biases by zero, normalisation over the
    batch is taken out, so that no rectifier closes and nothing cancels.

    Raises:
        NoAnswer: when the network switches gradients off.
    """
    draws = torch.Generator().manual_seed(0)
    values = {
        name: _positive(parameter, name, draws).to(parameter)
        for name, parameter in probe.network.named_parameters()
        if parameter.is_floating_point()
    }
    name_of = {id(parameter): name for name, parameter in probe.network.named_parameters()}
    weights = [values[name_of[id(layer.weight)]].requires_grad_() for layer in probe.layers]
    shape = (1, *probe.images.shape[1:])
    image = torch.rand(shape, generator=draws).to(probe.images).add_(0.5).requires_grad_()
    with probe.borrowed(train=False, weights=False) as network:
        remove_batch_norm(network)
        logits = functional_call(network, values, (image.clone(),))
        share = torch.rand(logits.shape, generator=draws).to(logits).add_(0.5)
        output = (logits * share).sum()
        return _follow(output, image, weights)


def _positive(parameter: Tensor, name: str, draws: torch.Generator) -> Tensor:
    """Positive numbers in place of a parameter, with mean 1 / inputs for a weight of two or more dimensions."""
    if name.endswith("bias"):
        return torch.zeros(parameter.shape)
    inputs = parameter[0].numel() if parameter.dim() >= 2 else 1
    return torch.rand(parameter.shape, generator=draws).add_(0.5).div_(inputs)


def _follow(output: Tensor, image: Tensor, weights: list[Tensor]) -> Structure:
    if output.grad_fn is None:
        raise NoAnswer("nothing that could be differentiated reaches the output")
    connected = [False] * len(weights)
    nodes = list(_inputs_first(output.grad_fn))
    passed = _derivatives_that_pass(output, image, nodes)
    position = {id(weight): index for index, weight in enumerate(weights)}
    depth: dict[Node, int] = {node: 0 for node in nodes if _variable(node) is image}
    for node in nodes:
        edges = [child for child, _ in node.next_functions if child is not None]
        passes = passed.get(node, [False] * len(edges))
        reached = [depth[child] for child, alive in zip(edges, passes, strict=True) if alive and child in depth]
        if not reached:
            continue
        layers = {
            position[id(_variable(leaf))]
            for child in edges
            if child not in passed and child not in depth
            for leaf in _inputs_first(child)
            if id(_variable(leaf)) in position
        }
        depth[node] = max(reached) + bool(layers)
        for layer in layers:
            connected[layer] = True
    return Structure(depth.get(output.grad_fn), connected)


def _derivatives_that_pass(output: Tensor, image: Tensor, nodes: list[Node]) -> Mapping[Node, list[bool]]:
    """For each operation between image and output: for each of its inputs in the graph, whether a derivative passes."""
    passed: dict[Node, list[bool]] = {}

    def watch(node: Node) -> Any:
        def left(to_inputs: tuple[Tensor | None, ...], _: Any) -> None:
            present = [edge is not None for edge, _ in node.next_functions]
            passed[node] = [
                derivative is not None and bool((derivative != 0).any())
                for derivative, there in zip(to_inputs, present, strict=True)
                if there
            ]

        return node.register_hook(left)

    handles = [watch(node) for node in nodes if _variable(node) is None]
    torch.autograd.grad(output, [image], allow_unused=True)
    for handle in handles:
        handle.remove()
    return passed


def _variable(node: Node) -> Tensor | None:
    """The tensor in which derivatives end at this node of the graph; None for an operation."""
    variable: Tensor | None = getattr(node, "variable", None)
    return variable


def _inputs_first(root: Node) -> Iterator[Node]:
    """All nodes of the graph of derivatives below `root`, each after those that it gets its inputs from."""
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
