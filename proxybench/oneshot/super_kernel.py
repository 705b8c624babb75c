"""Super-kernels: one 5x5 depthwise kernel of expansion 6 holds the weights of all blocks of a layer.

Stamoulis et al., "Single-Path NAS", ECML-PKDD 2019, sections 3.1 and 3.2: the 3x3 kernel is the middle of the 5x5 one,
expansion 3 the first half of the channels. Thresholds on the norms of the weights decide whether the rest is used.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, relu

from predictors.arch import ArchGraph
from proxybench.oneshot.optimiser import use
from proxybench.oneshot.slim import SlimConv, SlimNorm
from proxybench.oneshot.supernet import Path, Supernet
from proxybench.oneshot.supernets.mbconv_micro import MBConvSupernet
from proxybench.spaces.mbconv_micro import OPTIONS, STRIDES, MBConvMicro

SKIP = 4
MOST = 6  # expansion
_MIDDLE = [6, 7, 8, 11, 12, 13, 16, 17, 18]  # places of the 3x3 kernel in the 5x5 one
_PLACES = torch.argsort(torch.tensor([*_MIDDLE, *(place for place in range(25) if place not in _MIDDLE)]))


class SuperKernel(nn.Module):
    """A layer of mbconv-micro, as one of its options or with the indicators of a search.

    Args:
        c_in: input channels.
        c_out: output channels.
        stride: of the depthwise convolution.
        skippable: whether the layer may be skipped.

    Attributes:
        option: what the layer is, as an option of the space.
        searching: whether the parts outside the option take part with indicators of 0, so that thresholds learn.
    """

    def __init__(self, c_in: int, c_out: int, stride: int, skippable: bool) -> None:
        super().__init__()
        self.narrow, wide = MOST * c_in // 2, MOST * c_in
        self.stride, self.skippable, self.residual = stride, skippable, stride == 1 and c_in == c_out
        self.expand, self.expand_norm = SlimConv(c_in, wide, 1), SlimNorm(wide)
        kernel = nn.Conv2d(wide, wide, 5, groups=wide, bias=False).weight.detach().flatten(2)
        self.middle = nn.Parameter(kernel[:, :, _MIDDLE].clone())
        self.ring = nn.Parameter(kernel[:, :, [place for place in range(25) if place not in _MIDDLE]].clone())
        self.depthwise_norm = SlimNorm(wide)
        self.project, self.project_norm = SlimConv(wide, c_out, 1), nn.BatchNorm2d(c_out)
        self.thresholds = nn.Parameter(torch.zeros(3))  # of the ring, of the second half, of the whole block
        self.option, self.searching = 0, False

    def indicators(self) -> Tensor:
        """Whether the ring, the second half of the channels and the block are used, [3], with a sigmoid's gradient.

        Norms are divided by the root of the number of channels, so that they do not grow with the width.
        """
        first, second = self.middle[: self.narrow], self.middle[self.narrow :]
        ring = self.ring.norm() / (2 * self.narrow) ** 0.5
        halves = [half.norm() / self.narrow**0.5 for half in (second, first)]
        soft = torch.sigmoid(torch.stack([ring, *halves]) - self.thresholds)
        used = (soft > 0.5).to(soft) + soft - soft.detach()
        return used if self.skippable else torch.cat([used[:2], used.new_ones(1)])

    def forward(self, maps: Tensor) -> Tensor:
        if self.searching:
            return self._search(maps)
        if self.option == SKIP:
            return maps
        width = self.narrow * (1 + self.option % 2)
        kernel = use(self.middle, width).view(width, 1, 3, 3)
        if self.option >= 2:
            whole = torch.cat([use(self.middle, width), use(self.ring, width)], 2)
            kernel = whole[:, :, _PLACES.to(whole.device)].view(width, 1, 5, 5)
        out = self._block(maps, kernel, width)
        return maps + out if self.residual else out

    def _search(self, maps: Tensor) -> Tensor:
        """All parts of the block, times the current indicators."""
        ring, second, block = self.current()
        whole = torch.cat([self.middle, ring * self.ring], 2)
        kernel = whole[:, :, _PLACES.to(whole.device)].view(-1, 1, 5, 5)
        channels = torch.cat([second.new_ones(self.narrow), second.expand(self.narrow)])
        out = self._block(maps, kernel, 2 * self.narrow, channels.view(1, -1, 1, 1))
        out = block * out if self.skippable else out
        return maps + out if self.residual else out

    def current(self) -> Tensor:
        """The indicators, [3]; one that is 1 although the option leaves its part out is dropped, without a gradient."""
        used = self.indicators()
        skipped = self.option == SKIP
        wanted = [skipped or self.option in (2, 3), skipped or self.option in (1, 3), not skipped]
        return used * (torch.tensor(wanted, device=used.device) | (used < 0.5))

    def _block(self, maps: Tensor, kernel: Tensor, width: int, scale: Tensor | float = 1.0) -> Tensor:
        self.expand.width = width
        wide = relu(self.expand_norm(self.expand(maps)))
        deep = conv2d(wide, kernel, None, self.stride, kernel.shape[-1] // 2, groups=width)
        out: Tensor = self.project_norm(self.project(scale * relu(self.depthwise_norm(deep))))
        return out


class SuperKernelSupernet(Supernet):
    """The supernet of mbconv-micro in which each layer is a super-kernel.

    Args:
        choices: the supernet whose sizes it takes; its network is modified.
    """

    options = OPTIONS

    def __init__(self, choices: MBConvSupernet) -> None:
        super().__init__()
        self.network = choices.network
        self.kernels: list[SuperKernel] = []
        for number, (stride, options) in enumerate(zip(STRIDES, OPTIONS, strict=True)):
            block = choices.places(number)[0].operations[0]
            first, last = ([one for one in block.modules() if isinstance(one, nn.Conv2d)][place] for place in (0, -1))
            kernel = SuperKernel(first.in_channels, last.out_channels, stride, options > SKIP)
            self.network.set_submodule(f"body.layer{number}", kernel)
            self.kernels.append(kernel)

    def path(self, arch: ArchGraph) -> Path:
        return MBConvMicro().to_choices(arch)

    def arch(self, path: Path) -> ArchGraph:
        return MBConvMicro().from_choices(path)

    def select(self, path: Path, *, searching: bool = False) -> None:
        for kernel, option in zip(self.kernels, path, strict=True):
            kernel.option, kernel.searching = option, searching

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits

    def parameters_of(self, choice: int, option: int) -> list[list[nn.Parameter]]:
        return []
