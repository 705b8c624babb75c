"""Genotypes: a normal and a reduction cell, each state the sum of two operations, as text and as graph.

The text is the one DARTS prints (Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019):
`Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=[2, 3, 4, 5], reduce=[...], reduce_concat=[...])`. Two
entries (operation, input) form one state; inputs 0 and 1 are the outputs of the cell before the previous one and of
the previous cell, input 2 is the first state, and so on. The cell's output concatenates the states in `concat`.

In the graph each cell is one component: `normal_input_0`, `normal_input_1`, then for each state its two operations
in the order of the text and an `add`, then `normal_output`; likewise for `reduce`. Swapping the two entries of a
state or renumbering states therefore gives an isomorphic graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.spelling import Unreadable, arguments, is_row, read_text

CELLS = ("normal", "reduce")
INPUTS = 2
NODES_PER_STATE = 3
Entry = tuple[str, int]
Attrs = tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class Cell:
    """Two (operation, input) entries per state, and the states that the output concatenates, ascending."""

    entries: tuple[Entry, ...]
    concat: tuple[int, ...]

    @property
    def states(self) -> int:
        return len(self.entries) // 2


@dataclass(frozen=True)
class Genotype:
    """The two cells of a network."""

    normal: Cell
    reduce: Cell

    def __iter__(self) -> Iterator[Cell]:
        return iter((self.normal, self.reduce))


def labels(operations: Sequence[str]) -> tuple[str, ...]:
    """Every node label of a genotype graph over `operations`."""
    ends = tuple(f"{cell}_{end}" for cell in CELLS for end in ("input_0", "input_1", "output"))
    return (*ends, *operations, "add")


def loose_ends(entries: Sequence[Entry]) -> tuple[int, ...]:
    """The states that are not inputs of other states."""
    used = {source for _, source in entries}
    return tuple(state for state in range(INPUTS, INPUTS + len(entries) // 2) if state not in used)


def all_states(entries: Sequence[Entry]) -> tuple[int, ...]:
    """All states of a cell."""
    return tuple(range(INPUTS, INPUTS + len(entries) // 2))


_INT = r"(?:0|[1-9][0-9]?)"
_BODY = rf"(?:'[a-z0-9_]+'|\"[a-z0-9_]+\")\s*,\s*{_INT}\s*"


def _sequence(item: str) -> str:
    """A pattern for a list or tuple of items, with or without a trailing comma."""
    items = rf"\s*{item}(?:\s*,\s*{item})*\s*(?:,\s*)?"
    return rf"(?:\[{items}\]|\({items}\))"


_ENTRIES = _sequence(rf"(?:\(\s*{_BODY}\)|\[\s*{_BODY}\])")
_CONCAT = rf"(?:range\(\s*{_INT}\s*,\s*{_INT}\s*\)|{_sequence(_INT)})"
_FIELDS = r"\s*,\s*".join(
    rf"{cell}\s*=\s*(?P<{cell}>{_ENTRIES})\s*,\s*{cell}_concat\s*=\s*(?P<{cell}_concat>{_CONCAT})" for cell in CELLS
)
_GENOTYPE = re.compile(rf"Genotype\(\s*{_FIELDS}\s*(?:,\s*)?\)", re.ASCII)
_ENTRY = re.compile(r"['\"]([a-z0-9_]+)['\"]\s*,\s*([0-9]+)", re.ASCII)
_NUMBER = re.compile(r"[0-9]+", re.ASCII)


def parse_genotype(text: str) -> Genotype:
    """Read a genotype as DARTS prints it, or as any other call with the same arguments (see `genotype_text`).

    Raises:
        ValueError: for a text that is not a genotype. Whether operations and inputs fit a space is checked by `misfit`.
    """
    match = _GENOTYPE.fullmatch(text)
    if match is None:
        match = _GENOTYPE.fullmatch(_respelled(text) or "")
    if match is None:
        raise ValueError("not of the form Genotype(normal=[('op', input), ...], normal_concat=[...], reduce=..., ...)")
    return Genotype(*(_parse_cell(match[cell], match[f"{cell}_concat"]) for cell in CELLS))


def _respelled(text: str) -> str | None:
    """The text that DARTS prints for a genotype written in another form, or None."""
    try:
        return genotype_text(read_text(text))
    except Unreadable:
        return None


def genotype_text(value: Any) -> str | None:
    """The text that DARTS prints for a genotype as a plain value of spelling.py, or None for another value.

    The four fields may be in any order or without names, in a call, a dictionary or a tuple. Entries may be grouped in
    pairs by state.
    """
    fields = arguments(value, ("normal", "normal_concat", "reduce", "reduce_concat"))
    if fields is None:
        return None
    cells = []
    for entries, concat in (fields[:2], fields[2:]):
        flat = _flat(entries)
        if flat is None or not is_row(concat, int) or min(concat) < 0:
            return None
        cells.append(Cell(flat, tuple(concat)))
    return format_genotype(Genotype(*cells))


def _flat(entries: Any) -> tuple[Entry, ...] | None:
    """A flat sequence of entries, given flat or in pairs; None for other values."""
    if not is_row(entries, tuple):
        return None
    if all(len(group) == 2 and is_row(group, tuple) for group in entries):
        entries = tuple(entry for group in entries for entry in group)
    fits = all(len(entry) == 2 and type(entry[0]) is str and type(entry[1]) is int for entry in entries)
    return entries if fits and all(source >= 0 for _, source in entries) else None


def _parse_cell(entries: str, concat: str) -> Cell:
    numbers = [int(number) for number in _NUMBER.findall(concat)]
    if concat.startswith("range"):
        numbers = list(range(*numbers))
    return Cell(tuple((op, int(source)) for op, source in _ENTRY.findall(entries)), tuple(sorted(numbers)))


def format_genotype(genotype: Genotype) -> str:
    """The text of a genotype, with lists and whitespace as DARTS prints them."""
    fields = [
        f"{name}={list(cell.entries)}, {name}_concat={list(cell.concat)}"
        for name, cell in zip(CELLS, genotype, strict=True)
    ]
    return f"Genotype({', '.join(fields)})"


def misfit(genotype: Genotype, operations: Sequence[str], states: int) -> str | None:
    """Why a genotype does not belong to a space with these `operations` and `states` per cell, or None."""
    for name, cell in zip(CELLS, genotype, strict=True):
        if len(cell.entries) != 2 * states:
            return f"{name} has {len(cell.entries)} entries instead of {2 * states}"
        for position, (op, source) in enumerate(cell.entries):
            if op not in operations:
                return f"operation {op!r} is not one of {', '.join(operations)}"
            if source >= INPUTS + position // 2:
                return f"state {INPUTS + position // 2} of {name} takes input {source}, which comes after it"
        if not cell.concat or len(set(cell.concat)) != len(cell.concat):
            return f"{name}_concat is empty or names a state twice"
        if not set(cell.concat) <= set(all_states(cell.entries)):
            return f"{name}_concat names states other than 2 to {states + 1}"
    return None


def genotype_graph(space: str, genotype: Genotype, constants: Mapping[str, float] | None = None) -> ArchGraph:
    """The graph of a genotype; each entry of `constants` becomes an attribute with the same value at every node."""
    ops: list[str] = []
    edges: list[tuple[int, int]] = []
    for name, cell in zip(CELLS, genotype, strict=True):
        offset = len(ops)
        nodes = [offset + _node(source) for source in range(INPUTS + cell.states)]
        output = offset + INPUTS + NODES_PER_STATE * cell.states
        ops += [f"{name}_input_0", f"{name}_input_1"]
        for state in range(cell.states):
            for op, source in cell.entries[2 * state : 2 * state + 2]:
                edges += (nodes[source], len(ops)), (len(ops), nodes[INPUTS + state])
                ops.append(op)
            ops.append("add")
        ops.append(f"{name}_output")
        edges += [(nodes[state], output) for state in cell.concat]
    attrs = tuple((name, (float(value),) * len(ops)) for name, value in sorted((constants or {}).items()))
    return ArchGraph(space, tuple(ops), tuple(sorted(edges)), attrs)


def _node(source: int) -> int:
    """The node, within its cell, that holds input or state `source`."""
    return source if source < INPUTS else INPUTS + NODES_PER_STATE * (source - INPUTS) + NODES_PER_STATE - 1


def graph_genotype(arch: ArchGraph) -> Genotype:
    """The genotype that `genotype_graph` would turn into a graph with these nodes and edges.

    Raises:
        ValueError: for a graph that does not come from a genotype.
    """
    half, odd = divmod(len(arch.ops), 2)
    states, rest = divmod(half - INPUTS - 1, NODES_PER_STATE)
    if odd or rest or states < 1:
        raise ValueError(f"a graph of {len(arch.ops)} nodes is not a pair of cells")
    genotype = Genotype(*(_graph_cell(arch, offset, states) for offset in (0, half)))
    expected = genotype_graph(arch.space, genotype)
    if (expected.ops, expected.edges) != (arch.ops, arch.edges):
        raise ValueError("nodes and edges are not those of a pair of cells")
    return genotype


def _graph_cell(arch: ArchGraph, offset: int, states: int) -> Cell:
    value_of = {offset + _node(source): source for source in range(INPUTS + states)}
    output = offset + INPUTS + NODES_PER_STATE * states
    source_of = {target: value_of.get(source, 0) for source, target in arch.edges}
    entries = [
        (arch.ops[node], source_of.get(node, 0))
        for state in range(states)
        for node in (offset + _node(INPUTS + state) - 2, offset + _node(INPUTS + state) - 1)
    ]
    concat = sorted(value_of.get(source, 0) for source, target in arch.edges if target == output)
    return Cell(tuple(entries), tuple(concat))
