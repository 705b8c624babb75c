"""Which operations in a graph of derivatives multiply their operands and sum over them, as a layer does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

# Names of nodes of the graph, without `Backward0`, and the position of what such an operation adds to the product.
_PRODUCTS: Mapping[str, int | None] = {
    **dict.fromkeys(("Mm", "Bmm", "Mv", "Dot", "Vdot", "Matmul", "Trilinear", "MkldnnRnnLayer", "CudnnRnn"), None),
    **dict.fromkeys(("Addmm", "Addbmm", "Baddbmm", "Addmv", "Addr", "SparseAddmm"), 0),
    **dict.fromkeys(("Convolution", "ConvTbc", "Linear", "MkldnnLinear"), 2),
}
_FUSED = ("MkldnnRnn", "CudnnRnn", "MiopenRnn")
_VIEWS = frozenset({"View", "UnsafeView", "ReshapeAlias", "Alias", "Unsqueeze", "Squeeze", "Transpose", "T", "Permute"})


def kind_of(node: Node) -> str:
    """The operation that a node of the graph belongs to, such as `Addmm`."""
    return re.sub(r"Backward\d*$", "", node.name())


def is_fused(node: Node) -> bool:
    """Whether an operation is a whole recurrent layer, all its steps in one."""
    return node.name().startswith(_FUSED)


def is_own(node: Node) -> bool:
    """Whether an operation is a function of the network's own, of which the graph does not say what it does."""
    return isinstance(node, BackwardCFunction)


def contracted_operands(nodes: Iterable[Node]) -> dict[Node, list[bool]]:
    """For each operation that could be a layer, for each of its inputs whether it is a factor of a sum of products.

    Such are matrix products and convolutions, without what they add, and a product element by element that is then
    summed along an axis on which the operand varies. What a function of the network's own (torch.autograd.Function)
    does is not known, so that all its inputs are taken for factors.
    """
    nodes = list(nodes)
    sums = _sums_of_products(nodes)
    found = {}
    for node in nodes:
        kind, inputs = kind_of(node), range(len(node.next_functions))
        if kind in _PRODUCTS:
            found[node] = [place != _PRODUCTS[kind] for place in inputs]
        elif is_own(node):
            found[node] = [True for _ in inputs]
        elif node in sums:
            found[node] = [_varies(_factor(node, place), sums[node]) for place in inputs]
    return found


def _sums_of_products(nodes: list[Node]) -> dict[Node, set[int]]:
    """Elementwise products that a sum or mean takes, and the axes, counted from the last, along which it sums."""
    found: dict[Node, set[int]] = {}
    for node in nodes:
        if kind_of(node) not in ("Sum", "Mean"):
            continue
        below, _ = node.next_functions[0]
        while below is not None and kind_of(below) in _VIEWS:
            below, _ = below.next_functions[0]
        if below is not None and kind_of(below) == "Mul":
            found.setdefault(below, set()).update(_axes(node))
    return found


def _axes(node: Any) -> set[int]:
    dims = len(node._saved_self_sym_sizes)
    given = getattr(node, "_saved_dim", None) or range(dims)
    signed = [axis - 2**64 if axis >= 2**63 else axis for axis in given]  # torch reports -1 as a number without sign
    return {dims - axis % dims for axis in signed} if dims else set()


def _factor(node: Any, place: int) -> Tensor | None:
    """An operand of a product, which torch keeps where the other one has a derivative."""
    factor: Tensor | None = node._saved_other if place else node._saved_self
    return factor


def _varies(factor: Tensor | None, axes: set[int]) -> bool:
    return factor is not None and any(
        axis <= factor.dim() and factor.shape[-axis] > 1 and factor.stride(-axis) != 0 for axis in axes
    )
