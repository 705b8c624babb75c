"""Supernets of cells with one of several operations on each of six edges: NAS-Bench-201, TransNAS-Bench-101 micro.

An edge has the same operation in all cells of a path; every cell has its own weights, and every operation its own
batch normalisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from torch import nn

from predictors.arch import ArchGraph
from proxybench.networks import nasbench201 as nasbench201_networks
from proxybench.networks import transnas_micro as transnas_networks
from proxybench.oneshot.supernet import Choice, ChoiceSupernet, Path
from proxybench.spaces.four_node_cell import FourNodeCellSpace
from proxybench.spaces.line_graph import FOUR_NODE_CELL
from proxybench.spaces.nasbench201 import NASBench201
from proxybench.spaces.transnas_micro import TransNASMicro


class FourNodeCellSupernet(ChoiceSupernet):
    """A supernet with one choice for each of the six edges, in the order of the space's operations."""

    def __init__(self, space: FourNodeCellSpace, network: nn.Module, edges: Sequence[Sequence[Choice]]) -> None:
        super().__init__(network, edges)
        self._space = space

    def path(self, arch: ArchGraph) -> Path:
        return self._space.to_choices(arch)

    def function(self, path: Path) -> str:
        return _function(type(self._space), path)

    def arch(self, path: Path) -> ArchGraph:
        return self._space.from_choices(path)


def nasbench201(
    num_classes: int = 10, in_shape: tuple[int, int, int] = (3, 32, 32), *, channels: int = 16, cells: int = 5
) -> FourNodeCellSupernet:
    """The supernet of NAS-Bench-201; arguments and errors as in `proxybench.networks.nasbench201.build`."""
    space, edges = NASBench201(), _no_places()

    def make(edge: int, width: int) -> Choice:
        edges[edge].append(Choice(nasbench201_networks.operation(name, width) for name in space.operations))
        return edges[edge][-1]

    network = nasbench201_networks.assemble(make, num_classes, in_shape, channels, cells)
    return FourNodeCellSupernet(space, network, edges)


def transnas_micro(
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    channels: int = 64,
    cells: int = 2,
    modules: Sequence[int] = (4, 1, 4, 1, 4),
) -> FourNodeCellSupernet:
    """The supernet of TransNAS micro cells; arguments and errors as in `proxybench.networks.transnas_micro.build`."""
    space, edges = TransNASMicro(), _no_places()

    def make(edge: int, c_in: int, c_out: int, stride: int) -> Choice:
        operations = (transnas_networks.operation(name, c_in, c_out, stride) for name in space.operations)
        edges[edge].append(Choice(operations))
        return edges[edge][-1]

    network = transnas_networks.assemble(make, num_classes, in_shape, channels, cells, modules)
    return FourNodeCellSupernet(space, network, edges)


@cache
def _function(space: type[FourNodeCellSpace], path: Path) -> str:
    cells = space()
    return cells.digest(cells.from_choices(path))


def _no_places() -> list[list[Choice]]:
    return [[] for _ in FOUR_NODE_CELL]
