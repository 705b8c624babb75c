"""Restore a network exactly: weights, buffers, gradients, flags, hooks, random state."""

from __future__ import annotations

import copy
import operator
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_ABSENT = object()


class Snapshot:
    """The current state of a network; whatever is done to it within `lent` is undone bit for bit.

    This covers the values and identity of parameters and buffers, `grad`, `requires_grad`, training mode, the class
    and plain attributes of modules (a replaced `forward`, `inplace`, `eps`; the contents of their dictionaries, lists
    and sets), hooks, and the global random states of Python, numpy and torch.

    Taking a snapshot costs more than lending, so successive passes share one. Nothing else may change the network
    meanwhile.

    Args:
        network: the network to lend.
        others: parameters outside the network that replace some of its own while it is lent.
    """

    def __init__(self, network: nn.Module, others: Iterable[nn.Parameter] = ()) -> None:
        self.network = network
        self._modules = [_ModuleState(module) for module in network.modules()]
        parameters = (*network.parameters(), *others)
        self._parameters = [(p, p.data, p.detach().clone(), p.grad, p.requires_grad) for p in parameters]
        self._buffers = [(buffer, buffer.data, buffer.detach().clone()) for buffer in _buffers(network)]
        self._cuda = sorted({p.device for p in network.parameters() if p.device.type == "cuda"}, key=str)

    @contextmanager
    def lent(self, *, weights: bool = True) -> Iterator[nn.Module]:
        """The network, which is restored afterwards whatever happens to it inside.

        Args:
            weights: False if nothing inside changes a parameter in place; saves copying the parameters back.
        """
        python_state, numpy_state = random.getstate(), np.random.get_state()
        for parameter, *_ in self._parameters:
            parameter.grad = None  # so that nothing inside can add to the gradients that are restored
        try:
            with torch.random.fork_rng(devices=self._cuda):
                yield self.network
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
            for module in self._modules:
                module.put_back()
            with torch.no_grad():
                self._put_back_tensors(weights)

    def _put_back_tensors(self, weights: bool) -> None:
        for parameter, data, values, gradient, requires_grad in self._parameters:
            parameter.data = data
            if weights:
                data.copy_(values)
            parameter.grad = gradient
            parameter.requires_grad_(requires_grad)
        for buffer, data, contents in self._buffers:
            buffer.data = data
            data.copy_(contents)


@contextmanager
def restored(network: nn.Module, *, weights: bool = True) -> Iterator[nn.Module]:
    """Lend `network` once; see Snapshot."""
    with Snapshot(network).lent(weights=weights):
        yield network


def replace_values(network: nn.Module, values: Callable[[str, Tensor], Tensor]) -> None:
    """Replace the values of all numeric parameters by `values(name, tensor)`, of any type, without requiring gradients.

    The parameters remain the same objects, so that other references to them see the new values. The old data are not
    overwritten, and `Snapshot.lent` restores them.
    """
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(False)
        if parameter.is_floating_point() or parameter.is_complex():
            parameter.data = values(name, parameter.detach())


def _buffers(network: nn.Module) -> list[Tensor]:
    """Buffers and tensors that are plain attributes, without expanded ones, which cannot be written to."""
    plain = (value for module in network.modules() for value in vars(module).values() if isinstance(value, Tensor))
    return [
        tensor
        for tensor in (*network.buffers(), *plain)
        if all(stride > 0 or size < 2 for stride, size in zip(tensor.stride(), tensor.shape, strict=True))
    ]


class _ModuleState:
    """A module's own attributes and the contents of their containers: registries of parameters, submodules, hooks."""

    def __init__(self, module: nn.Module) -> None:
        self._module, self._class = module, type(module)
        self._own = vars(module)
        self._names = list(self._own)
        self._values = list(self._own.values())
        held = [value for value in self._values if isinstance(value, dict | list | set)]
        self._empty = [container for container in held if not container]
        self._filled = [(container, copy.copy(container)) for container in held if container]

    def put_back(self) -> None:
        """Undo later changes to the attributes; usually there are none, which is detected without a Python loop."""
        if type(self._module) is not self._class:
            self._module.__class__ = self._class
        if list(self._own) != self._names or not all(map(operator.is_, self._own.values(), self._values)):
            self._own.clear()
            self._own.update(zip(self._names, self._values, strict=True))
        for container in self._empty:
            if container:
                container.clear()
        for container, content in self._filled:
            if not _holds(container, content):
                container.clear()
                (container.extend if isinstance(container, list) else container.update)(content)


def _holds(container: Any, content: Any) -> bool:
    """Whether a container holds the same objects as its copy, in the same order."""
    if len(container) != len(content) or not all(map(operator.is_, container, content)):
        return False
    return not isinstance(container, dict) or all(map(operator.is_, container.values(), content.values()))
