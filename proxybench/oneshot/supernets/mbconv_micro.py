"""The supernet of the space mbconv-micro: one of four blocks, or a skip, in each of seven layers."""

from __future__ import annotations

from predictors.arch import ArchGraph
from proxybench.networks.mbconv_micro import assemble, layer
from proxybench.oneshot.supernet import Choice, ChoiceSupernet, Path
from proxybench.spaces.mbconv_micro import OPERATIONS, OPTIONS, MBConvMicro


class MBConvSupernet(ChoiceSupernet):
    """One choice for each layer, in the order of the space's operations.

    Arguments and errors as in `proxybench.networks.mbconv_micro.build`.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_shape: tuple[int, int, int] = (3, 32, 32),
        *,
        channels: int = 16,
        head_channels: int = 128,
    ) -> None:
        layers: list[list[Choice]] = []

        def make(number: int, c_in: int, c_out: int, stride: int) -> Choice:
            layers.append([Choice(layer(op, c_in, c_out, stride) for op in OPERATIONS[: OPTIONS[number]])])
            return layers[number][0]

        super().__init__(assemble(make, num_classes, in_shape, channels, head_channels), layers)

    def path(self, arch: ArchGraph) -> Path:
        return MBConvMicro().to_choices(arch)

    def arch(self, path: Path) -> ArchGraph:
        return MBConvMicro().from_choices(path)
