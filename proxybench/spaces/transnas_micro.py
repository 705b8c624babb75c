"""TransNAS-Bench-101 micro: a cell of 4 nodes with one of 4 operations on each of 6 edges, in a fixed skeleton.

Duan et al., "TransNAS-Bench-101: Improving Transferability and Generalizability of Cross-Task Neural Architecture
Search", CVPR 2021. The text is that of the published tables, `64-41414-A_BC_DEF`: 64 base channels, the skeleton
41414 and one digit per cell edge in the order (0,1) (0,2) (1,2) (0,3) (1,3) (2,3); 0 none, 1 skip_connect,
2 conv1x1, 3 conv3x3.
"""

from __future__ import annotations

import re
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.four_node_cell import FourNodeCellSpace

OPERATIONS = ("none", "skip_connect", "conv1x1", "conv3x3")
_TEXT = re.compile(r"64-41414-([0-3])_([0-3])([0-3])_([0-3])([0-3])([0-3])", re.ASCII)


class TransNASMicro(FourNodeCellSpace):
    """4,096 cells, with 1,696 distinct functions under NAS-Bench-201's simplification (none was published)."""

    name = "transnas101-micro"
    operations = OPERATIONS
    ops = ("input", *OPERATIONS, "output")
    source = "Duan et al., CVPR 2021, https://arxiv.org/abs/2105.11871"
    example = "64-41414-1_02_333"

    def _parse(self, text: str) -> ArchGraph:
        match = _TEXT.fullmatch(text)
        if match is None:
            raise self.invalid(text, "not of the form 64-41414-A_BC_DEF with digits 0 to 3")
        return self.from_choices(tuple(int(digit) for digit in match.groups()))

    def _text_of(self, value: Any) -> str | None:
        """Numbers or names of operations for each node, such as [[1], [0, 2], [3, 3, 3]]."""
        nodes = self.nested_operations(value)
        if nodes is None:
            return None
        digits = [[OPERATIONS.index(op) if op in OPERATIONS else op for op in node] for node in nodes]
        return "64-41414-" + "_".join("".join(map(str, node)) for node in digits)

    def format(self, arch: ArchGraph) -> str:
        a, b, c, d, e, f = self.to_choices(arch)
        return f"64-41414-{a}_{b}{c}_{d}{e}{f}"

    def is_identity(self, op: str, source: int) -> bool:
        """A `skip_connect` that starts at the cell input is kept as an operation.

        Three of the skeleton's five modules change stride and channels in their first cell, where it is a
        convolution (factorised reduction).
        """
        return op == "skip_connect" and source > 0
