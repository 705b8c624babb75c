"""The supernet of FBNet: one of nine blocks in each of 22 layers."""

from __future__ import annotations

from predictors.arch import ArchGraph
from proxybench.networks.fbnet import assemble, layer
from proxybench.oneshot.supernet import Choice, ChoiceSupernet, Path
from proxybench.spaces.fbnet import BLOCKS, FBNet


class FBNetSupernet(ChoiceSupernet):
    """One choice for each layer, in the order of the space's blocks; a skip that changes shapes is a 1x1 convolution.

    Arguments and errors as in `proxybench.networks.fbnet.build`.
    """

    def __init__(
        self,
        num_classes: int = 100,
        in_shape: tuple[int, int, int] = (3, 32, 32),
        *,
        macro: str = "cifar",
        width: float = 1.0,
    ) -> None:
        layers: list[list[Choice]] = []

        def make(number: int, c_in: int, c_out: int, stride: int) -> Choice:
            layers.append([Choice(layer(block, c_in, c_out, stride) for block in BLOCKS)])
            return layers[number][0]

        super().__init__(assemble(make, num_classes, in_shape, macro, width), layers)

    def path(self, arch: ArchGraph) -> Path:
        return FBNet().numbers(arch)

    def arch(self, path: Path) -> ArchGraph:
        return FBNet().build_graph(path)
