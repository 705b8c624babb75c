"""A network whose feature map is computed by a chain of named parts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf

from torch import Tensor, nn

from proxybench.networks.base import Network
from proxybench.networks.layers import require_sizes
from proxybench.networks.post_activation import ConvBNActivation


class ChainNetwork(Network):
    """`body`, a sequence of named parts, then pooling and a linear classifier.

    Args:
        parts: name to module, in forward order; [n, c, h, w] -> [n, c', h', w'] each.
        channels: output channels of the last part.
        num_classes: length of the logits.
        operations: names within `parts`, in forward order, that contain all its weight layers ("cell0.vertices.1").
        blocks: names within `parts` of the building blocks.
    """

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        channels: int,
        num_classes: int,
        *,
        operations: Iterable[str],
        blocks: Iterable[str],
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(OrderedDict(parts))
        self.classifier = nn.Linear(channels, num_classes)
        self.operations = (*(f"body.{name}" for name in operations), "classifier")
        self.blocks = tuple(f"body.{name}" for name in blocks)

    def features(self, images: Tensor) -> Tensor:
        maps: Tensor = self.body(images)
        return maps


def stem_layers_head(
    make: Callable[[int, int, int, int], nn.Module],
    plan: Sequence[tuple[int, int]],
    num_classes: int,
    in_shape: tuple[int, int, int],
    channels: int,
    head_channels: int,
) -> ChainNetwork:
    """A 3x3 stem, layers and a 1x1 convolution.

    Args:
        make: returns the module of a layer for its number, its two channel counts and its stride.
        plan: output channels, as multiples of `channels`, and stride of each layer.
        num_classes: length of the logits.
        in_shape: channels, height and width of the images.
        channels: channels of the stem.
        head_channels: channels of the 1x1 convolution.

    Raises:
        ValueError: for a size below 1.
    """
    require_sizes(num_classes, in_shape, channels=channels, head_channels=head_channels)
    parts: dict[str, nn.Module] = {"stem": ConvBNActivation(in_shape[0], channels, 3)}
    c_in = channels
    for number, (width, stride) in enumerate(plan):
        parts[f"layer{number}"] = make(number, c_in, width * channels, stride)
        c_in = width * channels
    blocks = tuple(parts)
    parts["head"] = ConvBNActivation(c_in, head_channels, 1)
    return ChainNetwork(parts, head_channels, num_classes, operations=parts, blocks=blocks)


def require_factors(**factors: float) -> None:
    """Raise ValueError unless all factors are finite and above 0."""
    for name, factor in factors.items():
        if not 0 < factor < inf:
            raise ValueError(f"{name} must be a finite factor above 0, not {factor!r}")
