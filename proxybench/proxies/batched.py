"""Gradients of several functions of one graph, in one backward pass if torch can batch the operations."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.batch_pass import gradients


def gradients_of_each(
    outputs: Tensor, inputs: Sequence[Tensor], factors: Tensor, *, create_graph: bool = False
) -> list[Tensor]:
    """For each factor, the gradient of sum(factor * outputs) with respect to each input, [factors, *input.shape].

    The graph is kept.

    Args:
        outputs: of the graph.
        inputs: of the graph; zero if no path leads from one to the outputs.
        factors: [factors, *outputs.shape].
        create_graph: whether the gradients can be differentiated again.

    Raises:
        NoAnswer: if the outputs cannot be differentiated.
    """
    if not outputs.requires_grad:
        raise NoAnswer("nothing that could be differentiated reaches the output")
    if len(factors) > 1:
        try:
            return _together(outputs, inputs, factors, create_graph)
        except MemoryError:
            raise
        except Exception:  # whatever an operation without a batched derivative raises; the loop needs none
            pass
    rows = [gradients((outputs * factor).sum(), inputs, create_graph=create_graph, keep=True) for factor in factors]
    return [torch.stack(each) for each in zip(*rows, strict=True)]


def _together(outputs: Tensor, inputs: Sequence[Tensor], factors: Tensor, create_graph: bool) -> list[Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns of operations that it does not batch
        found = torch.autograd.grad(
            outputs,
            list(inputs),
            factors,
            create_graph=create_graph,
            retain_graph=True,
            allow_unused=True,
            is_grads_batched=True,
        )
    return [
        tensor.new_zeros((len(factors), *tensor.shape)) if gradient is None else gradient
        for tensor, gradient in zip(inputs, found, strict=True)
    ]
