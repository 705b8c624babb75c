"""Which operations in an autograd graph multiply their operands and sum over the products, as a layer does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

# Names of graph nodes without `Backward0`, and the position of the operand that the operation adds to the product.
_PRODUCTS: Mapping[str, int | None] = {
    **dict.fromkeys(("Mm", "Bmm", "Mv", "Dot", "Vdot", "Matmul", "Trilinear", "MkldnnRnnLayer", "CudnnRnn"), None),
    **dict.fromkeys(("Addmm", "Addbmm", "Baddbmm", "Addmv", "Addr", "SparseAddmm"), 0),
    **dict.fromkeys(("Convolution", "ConvTbc", "Linear", "MkldnnLinear"), 2),
}
_FUSED = ("MkldnnRnn", "CudnnRnn", "MiopenRnn")
_VIEWS = frozenset({"View", "UnsafeView", "ReshapeAlias", "Alias", "Unsqueeze", "Squeeze", "Transpose", "T", "Permute"})


def kind_of(node: Node) -> str:
    """The operation to which a graph node belongs, for example `Addmm`."""
    return re.sub(r"Backward\d*$", "", node.name())


def is_fused(node: Node) -> bool:
    """Whether an operation is a whole recurrent layer with all its steps in one."""
    return node.name().startswith(_FUSED)


def is_own(node: Node) -> bool:
    """Whether an operation is a custom function of the network, so that the graph does not show what it does."""
    return isinstance(node, BackwardCFunction)


def contracted_operands(nodes: Iterable[Node]) -> dict[Node, list[bool]]:
    """For each operation that could be a layer: whether each of its inputs is a factor in a sum of products.

    These are matrix products and convolutions, except for the term they add, and elementwise products that are then
    summed along an axis on which the operand varies. What a custom torch.autograd.Function does is unknown, so all of
    its inputs count as factors.
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
    """Elementwise products that are inputs of a sum or mean, and its axes, counted from the last."""
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
    signed = [axis - 2**64 if axis >= 2**63 else axis for axis in given]  # torch reports -1 as an unsigned number
    return {dims - axis % dims for axis in signed} if dims else set()


def _factor(node: Any, place: int) -> Tensor | None:
    """An operand of a product, which torch keeps if the other operand has a derivative."""
    factor: Tensor | None = node._saved_other if place else node._saved_self
    return factor


def _varies(factor: Tensor | None, axes: set[int]) -> bool:
    return factor is not None and any(
        axis <= factor.dim() and factor.shape[-axis] > 1 and factor.stride(-axis) != 0 for axis in axes
    )
