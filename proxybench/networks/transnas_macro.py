"""The network of a TransNAS-Bench-101 macro skeleton: modules of two residual blocks, with the classification head.

Duan et al., "TransNAS-Bench-101: Improving Transferability and Generalizability of Cross-Task Neural Architecture
Search", CVPR 2021, section 3.1. The decoders of the other tasks are not included; see `transnas_micro`.
"""

from __future__ import annotations

from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.layers import ReLUConvBN, require_sizes
from proxybench.networks.transnas_micro import ModuleNetwork, module_plan
from proxybench.spaces.transnas_macro import TransNASMacro


def build(
    arch: ArchGraph,
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    channels: int = 64,
    cells: int = 2,
) -> ModuleNetwork:
    """The network of `arch`.

    Its operations are the stem, the four to six modules, and the classifier; only networks with the same number of
    modules are aligned.

    Args:
        arch: an architecture of the space transnas101-macro.
        num_classes: length of the logits; 63 for class_scene, 100 for class_object.
        in_shape: (channels, height, width) of an image; any height and width will do. Published with 256 x 256.
        channels: channels after the stem, an even number.
        cells: residual blocks in each module; the first block changes channels and resolution.

    Raises:
        InvalidArchitecture: for a graph that is not a skeleton of the space.
        ValueError: for a size below 1 or an odd number of channels.
    """
    require_sizes(num_classes, in_shape, channels=channels, cells=cells)
    plan = module_plan(channels, TransNASMacro().code(arch))
    stages = [
        nn.Sequential(ResidualBlock(c_in, c_out, stride), *(ResidualBlock(c_out, c_out, 1) for _ in range(cells - 1)))
        for c_in, c_out, stride in plan
    ]
    operations = [f"stages.{stage}" for stage in range(len(plan))]
    return ModuleNetwork(stages, operations, in_shape[0], channels, plan[-1][1], num_classes)


class ResidualBlock(nn.Module):
    """Two ReLU-conv3x3-BN plus the input, which is projected if the shape changes.

    [n, c_in, h, w] -> [n, c_out, ceil(h/stride), ceil(w/stride)].
    """

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv_a = ReLUConvBN(c_in, c_out, 3, stride)
        self.conv_b = ReLUConvBN(c_out, c_out, 3)
        self.shortcut: nn.Module = nn.Identity()
        if (c_in, stride) != (c_out, 1):
            # The published code sets epsilon and momentum of this one layer to 1, and the tables reflect that.
            bn = nn.BatchNorm2d(c_out, eps=1.0, momentum=1.0)
            self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), bn)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.shortcut(x) + self.conv_b(self.conv_a(x))
        return out
