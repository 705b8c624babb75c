"""The supernet of NAS-Bench-101: operations and projections at each vertex, slimmed to the channels of a cell."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.chain import ChainNetwork
from proxybench.networks.layers import require_sizes
from proxybench.networks.nasbench101 import vertex_channels
from proxybench.networks.post_activation import ConvBNActivation
from proxybench.oneshot.slim import SlimConv, SlimNorm
from proxybench.oneshot.supernet import Path, Supernet
from proxybench.spaces.nasbench101 import NASBench101

VERTICES = 6  # after the input: at most five internal ones, and the output
_KERNELS = {"conv1x1-bn-relu": 1, "conv3x3-bn-relu": 3}


class NASBench101Supernet(Supernet):
    """One choice: the number of the cell, with the vertex numbering of the space.

    Internal vertices share the weights of their place in the numbering; the output vertex has its own.

    Arguments and errors as in `proxybench.networks.nasbench101.build`.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_shape: tuple[int, int, int] = (3, 32, 32),
        *,
        channels: int = 128,
        stacks: int = 3,
        modules: int = 3,
    ) -> None:
        super().__init__()
        require_sizes(num_classes, in_shape, channels=channels, stacks=stacks, modules=modules)
        self._space = NASBench101()
        self.options = (len(self._space),)
        parts: dict[str, nn.Module] = {"stem": ConvBNActivation(in_shape[0], channels, 3)}
        self._cells: list[SuperCell] = []
        width = channels
        for stack in range(stacks):
            if stack > 0:
                parts[f"pool{stack}"] = nn.MaxPool2d(2, stride=2, ceil_mode=True)
            for _ in range(modules):
                self._cells.append(SuperCell(width, channels * 2**stack))
                parts[f"cell{len(self._cells) - 1}"] = self._cells[-1]
                width = channels * 2**stack
        self.network = ChainNetwork(parts, width, num_classes, operations=parts, blocks=parts)

    def path(self, arch: ArchGraph) -> Path:
        return (self._space.index(arch),)

    def select(self, path: Path) -> None:
        arch = self._space[path[0]]
        for cell in self._cells:
            cell.arch = arch

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits

    def parameters_of(self, choice: int, option: int) -> list[list[nn.Parameter]]:
        return []


class SuperCell(nn.Module):
    """A cell of any architecture, `arch`: [n, in_channels, h, w] -> [n, out_channels, h, w]."""

    arch: ArchGraph

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self._channels = in_channels, out_channels
        self.projections = nn.ModuleList(_slim(in_channels, out_channels, 1) for _ in range(VERTICES))
        self.operations = nn.ModuleList(
            nn.ModuleDict(
                {op: _slim(out_channels, out_channels, kernel) for op, kernel in _KERNELS.items()}
                | {"maxpool3x3": nn.MaxPool2d(3, stride=1, padding=1)}
            )
            for _ in range(VERTICES - 1)
        )

    def forward(self, maps: Tensor) -> Tensor:
        arch = self.arch
        widths, last = vertex_channels(arch, *self._channels), len(arch) - 1
        outputs = [maps]
        for vertex in range(1, last):
            terms = [outputs[source][:, : widths[vertex]] for source in _sources(arch, vertex) if source > 0]
            if 0 in _sources(arch, vertex):
                terms.append(_at(self.projections[vertex - 1], widths[vertex])(maps))
            operation = self.operations[vertex - 1][arch.ops[vertex]]  # type: ignore[index]
            outputs.append(_at(operation, widths[vertex])(sum(terms[1:], start=terms[0])))
        inner = [outputs[source] for source in _sources(arch, last) if source > 0]
        terms = [torch.cat(inner, dim=1)] if inner else []
        if 0 in _sources(arch, last):
            terms.append(self.projections[-1](maps))
        result: Tensor = sum(terms[1:], start=terms[0])
        return result


def _slim(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(SlimConv(c_in, c_out, kernel), SlimNorm(c_out), nn.ReLU())


def _at(module: nn.Module, width: int) -> nn.Module:
    """The module with this number of output channels."""
    if isinstance(module, nn.Sequential) and isinstance(module[0], SlimConv):
        module[0].width = width
    return module


def _sources(arch: ArchGraph, vertex: int) -> list[int]:
    return [source for source, target in arch.edges if target == vertex]
