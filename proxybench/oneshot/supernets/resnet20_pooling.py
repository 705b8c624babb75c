"""The supernet of the ResNet-20 pooling space: one network whose poolings move; all weights are shared."""

from __future__ import annotations

from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.resnet20_pooling import PooledBlock, build
from proxybench.oneshot.supernet import Choice, Path, Supernet
from proxybench.spaces.resnet20_pooling import PLACES, ResNet20Pooling


class PoolingSupernet(Supernet):
    """One choice: the number of the architecture, 0 to 35.

    Arguments and errors as in `proxybench.networks.resnet20_pooling.build`.
    """

    def __init__(
        self, num_classes: int = 10, in_shape: tuple[int, int, int] = (3, 32, 32), *, width: float = 1.0
    ) -> None:
        super().__init__()
        self.options = (len(PLACES),)
        self.network = build(ResNet20Pooling()[0], num_classes, in_shape, width=width)
        self._pools: list[Choice] = []
        for block in self.network.modules():
            if isinstance(block, PooledBlock):
                pool = Choice([nn.Identity(), nn.MaxPool2d(2)])
                block.set_submodule("pool", pool)
                self._pools.append(pool)

    def path(self, arch: ArchGraph) -> Path:
        return (ResNet20Pooling().index(arch),)

    def arch(self, path: Path) -> ArchGraph:
        return ResNet20Pooling()[path[0]]

    def select(self, path: Path) -> None:
        for number, pool in enumerate(self._pools):
            pool.active = int(number in PLACES[path[0]])

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits

    def parameters_of(self, choice: int, option: int) -> list[list[nn.Parameter]]:
        return []
