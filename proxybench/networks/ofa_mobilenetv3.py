"""The sub-networks of the once-for-all MobileNetV3: stem, a first block, five stages, two 1x1 layers.

Cai et al., "Once-for-All", ICLR 2020, after Howard et al., "Searching for MobileNetV3", ICCV 2019. Dropout, used only
in training, is omitted.
"""

from __future__ import annotations

from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.chain import ChainNetwork, require_factors
from proxybench.networks.layers import require_sizes
from proxybench.networks.mnasnet import scaled
from proxybench.networks.post_activation import ConvBNActivation, InvertedResidual
from proxybench.spaces.ofa_mobilenetv3 import CHANNELS, DEPTHS, OFAMobileNetV3

STEM_CHANNELS = 16
HEAD_CHANNELS = 960
MIXED_CHANNELS = 1280
STRIDES = (2, 2, 2, 1, 2)
ATTENTION = (False, True, False, True, True)
ACTIVATIONS: tuple[type[nn.Module], ...] = (nn.ReLU, nn.ReLU, nn.Hardswish, nn.Hardswish, nn.Hardswish)


def build(
    arch: ArchGraph,
    num_classes: int = 1000,
    in_shape: tuple[int, int, int] | None = None,
    *,
    width: float = 1.0,
) -> ChainNetwork:
    """The network of `arch`; the defaults are the published values.

    Every stage has slots for four blocks; unused ones are identities, so that the same position is the same node in
    every architecture. Operations: stem, first block, the slots, the last 1x1 convolution, classifier, which is two
    layers. Blocks: the stem, the present inverted residuals and the last convolution.

    Args:
        arch: an architecture of the space ofa-mobilenetv3.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image, any height and width; None for the architecture's resolution.
        width: factor for all channels, rounded as in `mnasnet.scaled`.

    Raises:
        InvalidArchitecture: for a graph that is not an architecture of the space.
        ValueError: for a size below 1 or a factor that is not above 0.
    """
    resolution, stages = OFAMobileNetV3().stages(arch)
    shape = in_shape or (3, resolution, resolution)
    require_sizes(num_classes, shape)
    require_factors(width=width)
    c_in = scaled(STEM_CHANNELS, width)
    parts: dict[str, nn.Module] = {"stem": ConvBNActivation(shape[0], c_in, 3, 2, activation=nn.Hardswish)}
    parts["first"] = InvertedResidual(c_in, c_in, expansion=1, kernel=3)
    for number, stage in enumerate(stages):
        for place in range(DEPTHS[-1]):
            layer: nn.Module = nn.Identity()
            if place < len(stage):
                kernel, expansion = stage[place]
                c_out = scaled(CHANNELS[number], width)
                layer = InvertedResidual(
                    c_in,
                    c_out,
                    expansion=expansion,
                    kernel=kernel,
                    stride=1 if place else STRIDES[number],
                    squeezed=scaled(c_in * expansion // 4, 1.0) if ATTENTION[number] else 0,
                    activation=ACTIVATIONS[number],
                    gate=HardSigmoid,
                    inner=nn.ReLU,
                )
                c_in = c_out
            parts[f"stage{number}_block{place}"] = layer
    head, mixed = scaled(HEAD_CHANNELS, width), scaled(MIXED_CHANNELS, width)
    parts["head"] = ConvBNActivation(c_in, head, 1, activation=nn.Hardswish)
    blocks = [name for name, part in parts.items() if not isinstance(part, nn.Identity)]
    network = ChainNetwork(parts, head, num_classes, operations=parts, blocks=blocks)
    network.classifier = nn.Sequential(
        nn.Linear(head, mixed, bias=False), nn.Hardswish(), nn.Linear(mixed, num_classes)
    )
    return network


class HardSigmoid(nn.Module):
    """A sigmoid of three straight pieces, shape-preserving; unlike torch's own, it can be differentiated twice."""

    def forward(self, values: Tensor) -> Tensor:
        return nn.functional.relu6(values + 3) / 6
