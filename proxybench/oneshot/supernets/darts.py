"""The supernet of DARTS cells: seven operations on every connection of both cells."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.cell_network import GenotypeCell, GenotypeNetwork
from proxybench.networks.cell_operations import operation
from proxybench.oneshot.supernet import Path, Supernet
from proxybench.spaces.cell_genotype import CELLS, INPUTS, Cell, Genotype, all_states
from proxybench.spaces.darts import DARTS, OPERATIONS, STATES

_SEARCHED = OPERATIONS[1:]  # without `none`
_PAIRS = [tuple(combinations(range(INPUTS + state), 2)) for state in range(STATES)]
_CHOICES = 3  # of a state: its pair of inputs and their two operations


class DARTSSupernet(Supernet):
    """Three choices for each of the four states of the normal cell, then of the reduction cell.

    They are the pair of inputs, and the operations on the first and on the second of them. An operation has its own
    weights for each connection of a state to an input, in every cell. Genotypes with `none` or two equal inputs have no
    path.

    Arguments and errors as in `proxybench.networks.darts.build`.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_shape: tuple[int, int, int] = (3, 32, 32),
        *,
        channels: int = 36,
        cells: int = 20,
        **options: Any,
    ) -> None:
        super().__init__()
        of_cell = [count for pairs in _PAIRS for count in (len(pairs), len(_SEARCHED), len(_SEARCHED))]
        self.options = tuple(of_cell * len(CELLS))
        entries = tuple(("max_pool_3x3", source) for _ in range(STATES) for source in range(INPUTS))
        any_cell = Cell(entries, all_states(entries))
        self.network = GenotypeNetwork(
            Genotype(any_cell, any_cell), num_classes, in_shape, channels, cells, make=operation, **options
        )
        reductions = {cells // 3, 2 * cells // 3}
        self._cells: list[tuple[int, GenotypeCell]] = []
        for number, cell in enumerate(self.network.cells):
            assert isinstance(cell, GenotypeCell)
            width = cell.channels // len(cell.concat)
            cell.operations = _entries(width, 2 if number in reductions else 1)
            self._cells.append((int(number in reductions), cell))

    def path(self, arch: ArchGraph) -> Path:
        space, path = DARTS(), []
        for cell in space.genotype(arch):
            for state, pairs in enumerate(_PAIRS):
                two = sorted(cell.entries[2 * state : 2 * state + 2], key=lambda entry: entry[1])
                sources = tuple(source for _, source in two)
                if sources not in pairs or not {op for op, _ in two} <= set(_SEARCHED):
                    raise space.invalid(space.format(arch), "the supernet has no `none` and needs two different inputs")
                path += [pairs.index(sources), *(_SEARCHED.index(op) for op, _ in two)]
        return tuple(path)

    def select(self, path: Path) -> None:
        half = _CHOICES * STATES
        for kind, cell in self._cells:
            sources: list[int] = []
            for state, pairs in enumerate(_PAIRS):
                start = kind * half + _CHOICES * state
                pair, *operations = path[start : start + _CHOICES]
                for place, (source, option) in enumerate(zip(pairs[pair], operations, strict=True)):
                    entry = cell.operations[2 * state + place]
                    assert isinstance(entry, Entry)
                    entry.active = (source, option)
                    sources.append(source)
            cell.sources = tuple(sources)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits

    def parameters_of(self, choice: int, option: int) -> list[list[nn.Parameter]]:
        return []


class Entry(nn.Module):
    """One of the two entries of a state, which share the operations of all connections to it.

    Args:
        connections: for each possible input, its operations.

    Attributes:
        active: the input and the operation that run.
    """

    def __init__(self, connections: nn.ModuleList) -> None:
        super().__init__()
        self.connections = connections
        self.active = (0, 0)

    def forward(self, maps: Tensor) -> Tensor:
        source, option = self.active
        result: Tensor = self.connections[source][option](maps)  # type: ignore[index]
        return result


def _entries(channels: int, stride: int) -> nn.ModuleList:
    """The eight entries of a cell; operations on its two inputs have the stride."""
    entries: list[Entry] = []
    for state in range(STATES):
        connections = nn.ModuleList(
            nn.ModuleList(operation(name, channels, stride if source < INPUTS else 1) for name in _SEARCHED)
            for source in range(INPUTS + state)
        )
        entries += [Entry(connections), Entry(connections)]
    return nn.ModuleList(entries)
