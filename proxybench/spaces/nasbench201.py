"""NAS-Bench-201 (NATS-Bench topology): a cell of 4 nodes with one of 5 operations on each of its 6 edges.

Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.four_node_cell import FourNodeCellSpace
from proxybench.spaces.line_graph import FOUR_NODE_CELL
from proxybench.spaces.spelling import is_row

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_OP = r"([a-z0-9_]+)"
_TEXT = re.compile(rf"\|{_OP}~0\|\+\|{_OP}~0\|{_OP}~1\|\+\|{_OP}~0\|{_OP}~1\|{_OP}~2\|", re.ASCII)
_PRINTED = re.compile(rf"\w+\(4 nodes with {_TEXT.pattern}\)", re.ASCII)  # as the authors' class prints itself
_EDGE_NAMES = tuple(f"{target}<-{source}" for source, target in FOUR_NODE_CELL)  # as in their configurations


class NASBench201(FourNodeCellSpace):
    """15,625 cells, with 6,466 distinct functions under the published simplification."""

    name = "nasbench201"
    operations = OPERATIONS
    ops = ("input", *OPERATIONS, "output")
    source = "Dong and Yang, ICLR 2020, https://openreview.net/forum?id=HJxyZkBKDr"
    example = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"

    def _parse(self, text: str) -> ArchGraph:
        match = _TEXT.fullmatch(text) or _PRINTED.fullmatch(text)
        if match is None:
            raise self.invalid(text, "not of the form |op~0|+|op~0|op~1|+|op~0|op~1|op~2|")
        for op in match.groups():
            if op not in OPERATIONS:
                raise self.invalid(text, f"operation {op!r} is not one of {', '.join(OPERATIONS)}")
        return self.from_operations(match.groups())

    def _text_of(self, value: Any) -> str | None:
        """Lists of (operation, source) for each node, or a dictionary such as {"1<-0": operation, ...}."""
        if isinstance(value, Mapping) and value.keys() == set(_EDGE_NAMES):
            a, b, c, d, e, f = (value[name] for name in _EDGE_NAMES)
            value = ((a,), (b, c), (d, e, f))
        nodes = self.nested_operations(value)
        if nodes is None or not all(is_row(node, str) for node in nodes):
            return None
        return "+".join("|" + "".join(f"{op}~{source}|" for source, op in enumerate(node)) for node in nodes)

    def format(self, arch: ArchGraph) -> str:
        a, b, c, d, e, f = self.cell_operations(arch)
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"

    def is_identity(self, op: str, source: int) -> bool:
        return op == "skip_connect"
