"""Which operations in an autograd graph use a weight."""

from __future__ import annotations

from collections.abc import Sequence, Set

from torch import Tensor
from torch.autograd.graph import Node

_LOOKUPS = ("Embedding", "EmbeddingBag")  # looking up rows of a weight is not a product with it


def are_used_beside(output: Tensor, weights: Sequence[Tensor], known: Sequence[Set[Node]]) -> list[bool]:
    """For each weight, whether it reaches `output` on a path that avoids its known operations.

    Args:
        output: the final node of the graph.
        weights: leaves of the graph.
        known: for each weight, the operations known to use it, directly or through other operations.
    """
    if output.grad_fn is None:
        return [False for _ in weights]
    users = _users(output.grad_fn)
    leaves = {id(variable): node for node in users if (variable := getattr(node, "variable", None)) is not None}
    return [
        id(weight) in leaves and _reaches(output.grad_fn, leaves[id(weight)], users, nodes)
        for weight, nodes in zip(weights, known, strict=True)
    ]


def _users(root: Node) -> dict[Node, list[Node]]:
    """For each operation and leaf of the graph, the operations that consume its result."""
    users: dict[Node, list[Node]] = {root: []}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        for child, _ in node.next_functions:
            if child is None:
                continue
            if child not in users:
                users[child] = []
                waiting.append(child)
            users[child].append(node)
    return users


def _reaches(root: Node, leaf: Node, users: dict[Node, list[Node]], closed: Set[Node]) -> bool:
    seen, waiting = {leaf}, [leaf]
    while waiting:
        node = waiting.pop()
        if node is root:
            return True
        for user in users[node]:
            if user not in seen and user not in closed and not user.name().startswith(_LOOKUPS):
                seen.add(user)
                waiting.append(user)
    return False
