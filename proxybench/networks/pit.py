"""The networks of ViT-Bench-101's PiT space: overlapping patches, three stages and pooling between them.

Heo et al., "Rethinking Spatial Dimensions of Vision Transformers", ICCV 2021, with the choices of Wei et al.,
"Auto-Prox", AAAI 2024. Stochastic depth, used only in training, is omitted, and so is the token of the trainings with
distillation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.chain import ChainNetwork, require_factors
from proxybench.networks.class_token import ClassToken, TokenEmbedding, TokenNorm
from proxybench.networks.layers import require_sizes
from proxybench.networks.vit import AbsentLayer, EncoderLayer
from proxybench.spaces.pit import DEPTHS, PiT


def build(
    arch: ArchGraph,
    num_classes: int = 1000,
    in_shape: tuple[int, int, int] = (3, 224, 224),
    *,
    patch: int = 16,
    stride: int = 8,
    width: float = 1.0,
) -> ChainNetwork:
    """The network of `arch`; the defaults are the published values.

    Every stage has slots for the layers of the deepest one, unused slots are identities, so that the same position is
    the same node in every architecture. Operations are the embedding, attention and MLP of each slot, the poolings
    after the first two stages, the last normalisation and the classifier. Blocks are the embedding, the present layers
    and the poolings; their outputs are [n, c, 1 + places, 1].

    Args:
        arch: an architecture of the space pit.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; the network takes no other, since positions are learned.
        patch: height and width of a patch.
        stride: distance between patches.
        width: factor for the channels per head, rounded, at least 1.

    Raises:
        InvalidArchitecture: for a graph that is not an architecture of the space.
        ValueError: for a size below 1, a factor that is not above 0, or an image smaller than a patch.
    """
    require_sizes(num_classes, in_shape, patch=patch, stride=stride)
    require_factors(width=width)
    base, ratio, stages = PiT().stages(arch)
    head_channels = max(1, round(base * width))
    channels = head_channels * stages[0][1]
    first = TokenEmbedding(in_shape[0], channels, patch, stride, in_shape[1:], class_position=False)
    parts: dict[str, nn.Module] = {"embedding": first}
    operations, blocks, places = ["embedding"], ["embedding"], first.places
    for number, (depths, (depth, heads)) in enumerate(zip(DEPTHS, stages, strict=True)):
        if number:
            parts[f"pool{number}"] = TokenPooling(channels, heads * head_channels, places)
            places = ((places[0] + 1) // 2, (places[1] + 1) // 2)
            operations.append(f"pool{number}")
            blocks.append(f"pool{number}")
        channels = heads * head_channels
        for place in range(depths[-1]):
            name = f"stage{number}_layer{place}"
            present = place < depth
            parts[name] = EncoderLayer(channels, heads, ratio, head_channels) if present else AbsentLayer()
            operations += [f"{name}.attention", f"{name}.mlp"]
            blocks += [name] if present else []
    parts["norm"] = nn.Sequential(ClassToken(), TokenNorm(channels))
    return ChainNetwork(parts, channels, num_classes, operations=[*operations, "norm"], blocks=blocks)


class TokenPooling(nn.Module):
    """Depthwise 3x3 convolution of stride 2 for the patches, a linear layer for the class token (Heo et al., figure 4).

    [n, c_in, 1 + h * w, 1] -> [n, c_out, 1 + ceil(h/2) * ceil(w/2), 1], where c_out is a multiple of c_in.
    """

    def __init__(self, c_in: int, c_out: int, places: tuple[int, int]) -> None:
        super().__init__()
        self.places = places
        self.conv = nn.Conv2d(c_in, c_out, 3, 2, padding=1, groups=c_in)
        self.linear = nn.Linear(c_in, c_out)

    def forward(self, tokens: Tensor) -> Tensor:
        token: Tensor = self.linear(tokens[:, :, 0, 0])[..., None, None]
        patches: Tensor = self.conv(tokens[:, :, 1:].reshape(*tokens.shape[:2], *self.places))
        return torch.cat([token, patches.flatten(2)[..., None]], 2)
