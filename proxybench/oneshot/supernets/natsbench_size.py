"""The supernet of NATS-Bench size: slimmable convolutions, and a batch normalisation for each width."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.base import Network
from proxybench.networks.layers import FourNodeCell, require_sizes
from proxybench.oneshot.slim import SlimConv, SlimLinear, SwitchableNorm
from proxybench.oneshot.supernet import BlockSupernet, Path
from proxybench.spaces.natsbench_size import CHANNELS, STAGES, NATSBenchSize


class SizeSupernet(BlockSupernet):
    """One choice for each of the five stages: its width, from the narrowest to the widest.

    The three blocks have two stages, two stages and one, as in BossNAS on CIFAR-10.

    Arguments and errors as in `proxybench.networks.natsbench_size.build`.
    """

    elastic = True
    blocks = ((0, 1), (2, 3), (4,))

    def __init__(
        self, num_classes: int = 10, in_shape: tuple[int, int, int] = (3, 32, 32), *, channels: int = 8
    ) -> None:
        super().__init__()
        require_sizes(num_classes, in_shape, channels=channels)
        self.options = (len(CHANNELS),) * len(STAGES)
        self._widths = [width * channels // CHANNELS[0] for width in CHANNELS]
        self.network = _SizeNetwork(num_classes, in_shape[0], self._widths)
        self.block_channels = (self._widths[-1],) * len(self.blocks)
        cells = self.network.cells.named_modules(prefix="network.cells")
        self.hidden = tuple(name for name, module in cells if isinstance(module, SlimConv))

    def path(self, arch: ArchGraph) -> Path:
        return NATSBenchSize().to_choices(arch)

    def arch(self, path: Path) -> ArchGraph:
        return NATSBenchSize().from_choices(path)

    def select(self, path: Path) -> None:
        widths = [self._widths[option] for option in path]
        for block, width in zip((self.network.stem, *self.network.cells), (widths[0], *widths), strict=True):
            for module in block.modules():
                if isinstance(module, SlimConv):
                    module.width = width

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits

    def run_block(self, number: int, maps: Tensor) -> Tensor:
        if number == 0:
            maps = self.network.stem(maps)
        for stage in self.blocks[number]:
            maps = self.network.cells[stage](maps)
        return maps

    def parameters_of(self, choice: int, option: int) -> list[list[nn.Parameter]]:
        return []


class _SizeNetwork(Network):
    """The network of the widest configuration, as in `proxybench.networks.natsbench_size`, with slimmable layers."""

    def __init__(self, num_classes: int, image_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        most = max(widths)

        def convolution(kernel: int, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(nn.ReLU(), SlimConv(most, most, kernel, stride), SwitchableNorm(widths))

        def cell() -> FourNodeCell:
            edges: list[nn.Module] = [convolution(3) for _ in range(6)]
            edges[3] = _Skip(most, widths)
            return FourNodeCell(edges)

        self.stem = nn.Sequential(SlimConv(image_channels, most, 3), SwitchableNorm(widths))
        self.cells = nn.ModuleList(
            cell() if stage == "cell" else _Reduction(most, convolution(3, 2), convolution(3)) for stage in STAGES
        )
        self.last = nn.Sequential(SwitchableNorm(widths), nn.ReLU())
        self.classifier = SlimLinear(most, num_classes)

    def features(self, images: Tensor) -> Tensor:
        maps: Tensor = self.stem(images)
        for block in self.cells:
            maps = block(maps)
        last: Tensor = self.last(maps)
        return last


class _Skip(nn.Module):
    """The identity, or a 1x1 convolution with batch normalisation if the width changes."""

    def __init__(self, most: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.conv, self.bn = SlimConv(most, most, 1), SwitchableNorm(widths)

    def forward(self, maps: Tensor) -> Tensor:
        if maps.shape[1] == self.conv.width:
            return maps
        projected: Tensor = self.bn(self.conv(maps))
        return projected


class _Reduction(nn.Module):
    """The residual block that halves the resolution; see `proxybench.networks.layers.ReductionBlock`."""

    def __init__(self, most: int, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(first, second)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, ceil_mode=True), SlimConv(most, most, 1))

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.shortcut(maps) + self.layers(maps)
        return out
