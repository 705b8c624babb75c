"""The network of a NAS-Bench-101 cell: stem, three stacks of three copies of the cell, pooling, classifier.

Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, section 2. The number of
channels of a vertex depends on the numbering of the vertices, so that isomorphic cells can differ in their parameters;
`space[index]` and `space.canonical` use the numbering that was trained.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.chain import ChainNetwork
from proxybench.networks.layers import require_sizes
from proxybench.networks.post_activation import ConvBNActivation
from proxybench.spaces.nasbench101 import NASBench101

_KERNELS = {"conv1x1-bn-relu": 1, "conv3x3-bn-relu": 3}


def build(
    arch: ArchGraph,
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    channels: int = 128,
    stacks: int = 3,
    modules: int = 3,
) -> ChainNetwork:
    """The network of a cell; the defaults are the published values.

    Operations: the stem, one entry per vertex of `arch` for each copy of the cell, each pooling, the classifier. A
    vertex consists of its operation and, if the cell's input flows into it, the 1x1 projection of that input; the input
    vertex is empty, and the output vertex has at most a projection. Cells with equally many vertices are thus aligned.

    Args:
        arch: a cell of the space nasbench101.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; any height and width will do.
        channels: of the stem and the first stack; doubled in each further stack.
        stacks: number of stacks, separated by max-pooling with stride 2.
        modules: copies of the cell in each stack.

    Raises:
        InvalidArchitecture: for a graph that is not a cell of the space.
        ValueError: for a size below 1, or fewer channels than there are vertices sharing the output of the cell.
    """
    require_sizes(num_classes, in_shape, channels=channels, stacks=stacks, modules=modules)
    NASBench101().format(arch)  # raises for every graph that is not a cell
    parts: dict[str, nn.Module] = {"stem": ConvBNActivation(in_shape[0], channels, 3)}
    operations, blocks, width = ["stem"], ["stem"], channels
    for stack in range(stacks):
        if stack > 0:
            parts[f"pool{stack}"] = nn.MaxPool2d(2, stride=2, ceil_mode=True)
            operations.append(f"pool{stack}")
        for _ in range(modules):
            name = f"cell{len(blocks) - 1}"
            parts[name] = Cell(arch, width, channels * 2**stack)
            width = channels * 2**stack
            operations += [f"{name}.vertices.{vertex}" for vertex in range(len(arch))]
            blocks.append(name)
    return ChainNetwork(parts, width, num_classes, operations=operations, blocks=blocks)


class Cell(nn.Module):
    """One copy of the cell, [n, in_channels, h, w] -> [n, out_channels, h, w]; `vertices` are those of the graph."""

    def __init__(self, arch: ArchGraph, in_channels: int, out_channels: int) -> None:
        super().__init__()
        widths = vertex_channels(arch, in_channels, out_channels)
        self.vertices = nn.ModuleList([nn.Identity()])
        self.sources: list[list[int]] = []  # internal vertices that feed vertices 1, 2, ...
        for vertex, op in enumerate(arch.ops[1:], start=1):
            sources = [source for source, target in arch.edges if target == vertex]
            self.sources.append([source for source in sources if source > 0])
            projected = in_channels if 0 in sources else None
            self.vertices.append(
                Output(out_channels, projected) if op == "output" else Vertex(op, widths[vertex], projected)
            )

    def forward(self, maps: Tensor) -> Tensor:
        first, *others = self.vertices
        outputs: list[Tensor] = [first(maps)]
        for vertex, sources in zip(others, self.sources, strict=True):
            outputs.append(vertex(maps, [outputs[source] for source in sources]))
        return outputs[-1]


class Vertex(nn.Module):
    """An internal vertex: its operation on the sum of its inputs.

    The cell's input passes through a 1x1 projection to `channels`; other maps are cut to their first `channels`.
    """

    def __init__(self, operation: str, channels: int, projected: int | None) -> None:
        super().__init__()
        self.channels = channels
        self.projection = None if projected is None else ConvBNActivation(projected, channels, 1)
        self.operation: nn.Module
        if operation == "maxpool3x3":
            self.operation = nn.MaxPool2d(3, stride=1, padding=1)
        else:
            self.operation = ConvBNActivation(channels, channels, _KERNELS[operation])

    def forward(self, maps: Tensor, internal: list[Tensor]) -> Tensor:
        """[n, channels, h, w] from the cell's input and the maps of the internal vertices that feed this one."""
        terms = [other[:, : self.channels] for other in internal]
        if self.projection is not None:
            terms.append(self.projection(maps))
        result: Tensor = self.operation(sum(terms[1:], start=terms[0]))
        return result


class Output(nn.Module):
    """The output vertex: its input maps concatenated, plus the projection of the cell's input if connected."""

    def __init__(self, channels: int, projected: int | None) -> None:
        super().__init__()
        self.projection = None if projected is None else ConvBNActivation(projected, channels, 1)

    def forward(self, maps: Tensor, internal: list[Tensor]) -> Tensor:
        """[n, channels, h, w] from the cell's input and the maps of the internal vertices that feed this one."""
        terms = [torch.cat(internal, dim=1)] if internal else []
        if self.projection is not None:
            terms.append(self.projection(maps))
        result: Tensor = sum(terms[1:], start=terms[0])
        return result


def vertex_channels(arch: ArchGraph, in_channels: int, out_channels: int) -> list[int]:
    """Channels of each vertex of a cell, by the rule of the published code (`compute_vertex_channels`).

    The internal vertices with an edge to the output share its channels, the first ones taking one more if the division
    leaves a remainder; every other internal vertex has as many channels as the widest vertex that it feeds.

    Raises:
        ValueError: if a vertex would have no channels.
    """
    last = len(arch) - 1
    sharing = sorted(source for source, target in arch.edges if target == last and source > 0)
    if len(sharing) > out_channels:
        raise ValueError(f"{len(sharing)} vertices share the cell's output; channels must be at least {len(sharing)}")
    widths = [in_channels, *[0] * (last - 1), out_channels]
    for place, vertex in enumerate(sharing):
        widths[vertex] = out_channels // len(sharing) + (place < out_channels % len(sharing))
    for vertex in range(last - 1, 0, -1):
        if vertex not in sharing:
            widths[vertex] = max(widths[target] for source, target in arch.edges if source == vertex)
    return widths
