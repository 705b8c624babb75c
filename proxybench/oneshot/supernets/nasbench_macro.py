"""The supernet of NAS-Bench-Macro: one of three modules in each of eight layers."""

from __future__ import annotations

from predictors.arch import ArchGraph
from proxybench.networks.nasbench_macro import assemble, layer
from proxybench.oneshot.supernet import Choice, ChoiceSupernet, Path
from proxybench.spaces.nasbench_macro import OPERATIONS, NASBenchMacro


class MacroSupernet(ChoiceSupernet):
    """One choice for each layer, in the order of the space's operations.

    Arguments and errors as in `proxybench.networks.nasbench_macro.build`.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_shape: tuple[int, int, int] = (3, 32, 32),
        *,
        channels: int = 32,
        head_channels: int = 1280,
    ) -> None:
        layers: list[list[Choice]] = []

        def make(number: int, c_in: int, c_out: int, stride: int) -> Choice:
            layers.append([Choice(layer(op, c_in, c_out, stride) for op in OPERATIONS)])
            return layers[number][0]

        super().__init__(assemble(make, num_classes, in_shape, channels, head_channels), layers)

    def path(self, arch: ArchGraph) -> Path:
        return NASBenchMacro().to_choices(arch)

    def arch(self, path: Path) -> ArchGraph:
        return NASBenchMacro().from_choices(path)
