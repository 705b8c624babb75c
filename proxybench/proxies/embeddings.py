"""The embeddings of a batch of integers, which stand for the batch wherever a proxy differentiates by its input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def _differentiable(output: Tensor) -> Tensor:
    return output if output.requires_grad else output.detach().requires_grad_()


@contextmanager
def embedded(
    network: nn.Module, tokens: Tensor, replace: Callable[[Tensor], Tensor] = _differentiable
) -> Iterator[list[Tensor]]:
    """The outputs of embeddings that look up exactly `tokens` in a forward pass inside, [n, ..., channels] each.

    Embeddings of anything else, such as places, are left out.

    Args:
        network: that is run inside.
        tokens: integers [n, ...], the batch.
        replace: what takes the place of an output; by default a tensor of the same values that can be differentiated.
    """
    found: list[Tensor] = []

    def hook(module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
        if not isinstance(output, Tensor) or not inputs or not torch.equal(inputs[0], tokens):
            return None
        replaced = replace(output)
        found.append(replaced)
        return replaced.clone()  # the network may write into it

    handles = [module.register_forward_hook(hook) for module in network.modules() if isinstance(module, nn.Embedding)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
