"""The networks of ViT-Bench-101's AutoFormer space: patches with a class token, layers, the mean over the patches.

Wei et al., "Auto-Prox", AAAI 2024, after Chen et al., "AutoFormer", ICCV 2021. Unlike in the supernet, the heads of a
layer share the channels of the embedding, so that their number does not change the parameters. Stochastic depth, used
only in training, is omitted, and so is the token of the trainings with distillation.
"""

from __future__ import annotations

from torch import nn

from predictors.arch import ArchGraph
from proxybench.networks.chain import ChainNetwork, require_factors
from proxybench.networks.class_token import PatchTokens, TokenEmbedding, TokenNorm
from proxybench.networks.layers import require_sizes
from proxybench.networks.vit import AbsentLayer, EncoderLayer
from proxybench.spaces.autoformer import DEPTHS, AutoFormerTiny

_ROUNDING = 12  # the embedding divides among 3 and among 4 heads


def build(
    arch: ArchGraph,
    num_classes: int = 1000,
    in_shape: tuple[int, int, int] = (3, 224, 224),
    *,
    patch: int = 16,
    width: float = 1.0,
) -> ChainNetwork:
    """The network of `arch`; the defaults are the published values.

    As in `vit`, unused slots of the deepest network are identities, so that the same position is the same node in
    every architecture. Operations are the embedding, attention and MLP of each slot, the last normalisation and the
    classifier. Blocks are the embedding and the present layers; their outputs are [n, c, 1 + patches, 1].

    Args:
        arch: an architecture of the space autoformer-tiny.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; the network takes no other, since positions are learned.
        patch: height and width of a patch; pixels beyond the last whole patch are not seen.
        width: factor for the embedding, rounded to the nearest multiple of 12, at least 12.

    Raises:
        InvalidArchitecture: for a graph that is not an architecture of the space.
        ValueError: for a size below 1, a factor that is not above 0, or an image smaller than a patch.
    """
    require_sizes(num_classes, in_shape, patch=patch)
    require_factors(width=width)
    embedding, layers = AutoFormerTiny().choices(arch)
    channels = max(_ROUNDING, _ROUNDING * round(embedding * width / _ROUNDING))
    first = TokenEmbedding(in_shape[0], channels, patch, patch, in_shape[1:], class_position=True)
    parts: dict[str, nn.Module] = {"embedding": first}
    operations = ["embedding"]
    for place in range(DEPTHS[-1]):
        layer: nn.Module = AbsentLayer()
        if place < len(layers):
            heads, ratio = layers[place]
            layer = EncoderLayer(channels, heads, ratio, channels // heads)
        parts[f"layer{place}"] = layer
        operations += [f"layer{place}.attention", f"layer{place}.mlp"]
    parts["norm"] = TokenNorm(channels)
    parts["patches"] = PatchTokens(first.places)
    blocks = ["embedding", *(f"layer{place}" for place in range(len(layers)))]
    return ChainNetwork(parts, channels, num_classes, operations=[*operations, "norm"], blocks=blocks)
