"""Architectures as sums of parts: two networks with the same parts have the same parameters and FLOPs.

A part is something that the network of an architecture contains, with all that its cost depends on: an operation at its
place in a cell, a layer with its channels and resolution. `network_counts.py` knows the cost of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

from predictors.arch import ArchGraph
from proxybench.spaces import get_space
from proxybench.spaces.cell_genotype import INPUTS
from proxybench.spaces.darts import DARTS
from proxybench.spaces.encoder_chain import EncoderChain
from proxybench.spaces.flexibert import FlexiBERT
from proxybench.spaces.mnasnet import MnasNet
from proxybench.spaces.natsbench_size import NATSBenchSize
from proxybench.spaces.pit import PiT
from proxybench.spaces.resnet20_pooling import BLOCKS, ResNet20Pooling
from proxybench.spaces.transnas_macro import TransNASMacro


def parts_of(arch: ArchGraph) -> Counter[str]:
    """The parts of an architecture's network, and how often it contains each.

    Raises:
        KeyError: for a space that is not in `PARTS`.
        InvalidArchitecture: for a graph that is not an architecture of its space.
    """
    return Counter(["network", *PARTS[arch.space](arch)])


def _places(arch: ArchGraph) -> Iterator[str]:
    """Each operation has a fixed place, which decides its channels and resolution."""
    return (f"{place} {op}" for place, op in enumerate(arch.ops[1:-1]))


def _widths(arch: ArchGraph) -> Iterator[str]:
    widths = NATSBenchSize().channels(arch)
    yield f"stem {widths[0]}"
    yield from (f"stage{place} {c_in}-{c_out}" for place, (c_in, c_out) in enumerate(pairwise(widths), start=1))


def _modules(arch: ArchGraph) -> Iterator[str]:
    """Modules of the macro space: 2 and 4 double the channels, 3 and 4 halve the resolution."""
    doubled = halved = 0
    for kind in TransNASMacro().code(arch):
        yield f"module{kind} x{2**doubled} /{2**halved}"
        doubled, halved = doubled + (kind in (2, 4)), halved + (kind in (3, 4))
    yield f"classifier x{2**doubled}"


def _genotype(arch: ArchGraph) -> Iterator[str]:
    """Operations of a cell differ only in their stride, 2 for those of a reduction cell that read an input."""
    normal, reduce = DARTS().genotype(arch)
    yield from (f"normal {op}" for op, _ in normal.entries)
    yield from (f"reduction {op} of {'an input' if source < INPUTS else 'a state'}" for op, source in reduce.entries)


def _encoder(arch: ArchGraph) -> Iterator[str]:
    space = get_space(arch.space)
    assert isinstance(space, EncoderChain)
    channels, layers = space.choices(arch)
    bias = space.bias(arch)
    size = f"c{channels}" if bias is None else f"c{channels}b{bias}"
    yield size
    for heads, ratio in layers:
        yield f"{size} attention h{heads}"
        yield f"{size} mlp r{ratio:g}"


def _stages(arch: ArchGraph) -> Iterator[str]:
    base, ratio, stages = PiT().stages(arch)
    yield f"embedding {base * stages[0][1]}"
    for number, (depth, heads) in enumerate(stages):
        if number:
            yield f"pool{number} {base * stages[number - 1][1]}-{base * heads}"
        for _ in range(depth):
            yield f"stage{number} attention b{base}h{heads}"
            yield f"stage{number} mlp {base * heads} r{ratio}"
    yield f"classifier {base * stages[-1][1]}"


def _text_layers(arch: ArchGraph) -> Iterator[str]:
    channels, layers = FlexiBERT().layers(arch)
    yield f"c{channels}"
    for operation, heads, hidden, count in layers:
        yield f"c{channels} {operation} h{heads}"
        yield f"c{channels} feed-forward {hidden}x{count}"


def _pooled_blocks(arch: ArchGraph) -> Iterator[str]:
    places, pooled = ResNet20Pooling().places(arch), 0
    for block in range(BLOCKS):
        pooled += block in places
        yield f"block{block} /{2**pooled}{' pooled' if block in places else ''}"


def _repeated_blocks(arch: ArchGraph) -> Iterator[str]:
    """The first layer of a block of MnasNet changes channels and resolution, the others repeat."""
    for place, (expansion, kernel, layers, excitation) in enumerate(MnasNet().blocks(arch)):
        layer = f"e{expansion}k{kernel}se{excitation}"
        yield f"block{place} first {layer}"
        yield from [f"block{place} later {layer}"] * (layers - 1)


PARTS: dict[str, Callable[[ArchGraph], Iterator[str]]] = {
    "transnas101-micro": _places,
    "transnas101-macro": _modules,
    "natsbench-size": _widths,
    "darts": _genotype,
    "autoformer-tiny": _encoder,
    "pit": _stages,
    "resnet20-pooling": _pooled_blocks,
    "flexibert": _text_layers,
    "gpt-s": _encoder,
    "gpt-m": _encoder,
    "gpt-l": _encoder,
    "nasbench-macro": _places,
    "mnasnet": _repeated_blocks,
    "fbnet": _places,
}
