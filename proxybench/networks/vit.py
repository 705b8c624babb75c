"""Small vision transformers: patches, a sequence of attention and MLP layers, global average pooling.

Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, with the elastic choices of Chen et al., "AutoFormer",
ICCV 2021: the channels per head are fixed, so more heads mean more weights. As in Beyer et al., "Better plain ViT
baselines for ImageNet-1k", 2022, position encodings are fixed sinusoids and the features are averaged, without a class
token.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.chain import ChainNetwork, require_factors
from proxybench.networks.layers import require_sizes
from proxybench.spaces.vit_micro import DEPTHS, ViTMicro

_LONGEST_WAVE = 10_000.0


def build(
    arch: ArchGraph,
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    patch: int = 4,
    head_channels: int = 16,
    width: float = 1.0,
) -> ChainNetwork:
    """The network of `arch`: patch embedding, layers, normalisation, classifier.

    Every network has slots for the layers of the deepest one: unused slots come after its own layers, are identities
    and have no weights. Operations are the embedding, attention and MLP of each slot (each with its preceding
    normalisation), the last normalisation and the classifier, so that the same position is the same node in every
    architecture; a sum over the weights of an absent layer is 0. Blocks are the embedding and the present layers.

    Args:
        arch: an architecture of the space vit-micro.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; padded with zeros to whole patches.
        patch: height and width of a patch.
        head_channels: channels of query, key and value of a head.
        width: factor for the embedding, rounded to the nearest multiple of 4, at least 4.

    Raises:
        InvalidArchitecture: for a graph that is not an architecture of the space.
        ValueError: for a size below 1 or a factor that is not above 0.
    """
    require_sizes(num_classes, in_shape, patch=patch, head_channels=head_channels)
    require_factors(width=width)
    embedding, layers = ViTMicro().choices(arch)
    channels = max(4, 4 * round(embedding * width / 4))
    parts: dict[str, nn.Module] = {"embedding": PatchEmbedding(in_shape[0], channels, patch)}
    operations = ["embedding"]
    for place in range(DEPTHS[-1]):
        present = place < len(layers)
        parts[f"layer{place}"] = EncoderLayer(channels, *layers[place], head_channels) if present else AbsentLayer()
        operations += [f"layer{place}.attention", f"layer{place}.mlp"]
    parts["norm"] = nn.Sequential(ChannelsLast(), nn.LayerNorm(channels), ChannelsFirst())
    blocks = ["embedding", *(f"layer{place}" for place in range(len(layers)))]
    return ChainNetwork(parts, channels, num_classes, operations=[*operations, "norm"], blocks=blocks)


class PatchEmbedding(nn.Module):
    """A linear map of each patch plus a position encoding: [n, c_in, h, w] -> [n, c, ceil(h/patch), ceil(w/patch)].

    The first half of the channels are sines and cosines of the column, the other half of the row, with wavelengths from
    2 pi to 10,000 * 2 pi patches (Beyer et al., 2022, section 3.1). `channels` must be a multiple of 4.
    """

    def __init__(self, c_in: int, channels: int, patch: int) -> None:
        super().__init__()
        self.patch, self.channels = patch, channels
        self.conv = nn.Conv2d(c_in, channels, patch, patch)

    def forward(self, images: Tensor) -> Tensor:
        down, across = (-images.shape[2] % self.patch, -images.shape[3] % self.patch)
        if down or across:
            images = nn.functional.pad(images, (0, across, 0, down))
        maps: Tensor = self.conv(images)
        waves = self._waves(maps)
        return maps + waves.repeat(maps.shape[1] // self.channels, 1, 1)  # several networks trained at once

    def _waves(self, maps: Tensor) -> Tensor:
        """The position encoding [channels, h, w] for maps [n, c, h, w]."""
        count = self.channels // 4
        exponents = torch.arange(count, dtype=maps.dtype, device=maps.device) / max(1, count - 1)
        height, width = maps.shape[2:]
        rows, columns = (
            torch.outer(_LONGEST_WAVE**-exponents, torch.arange(size, dtype=maps.dtype, device=maps.device))
            for size in (height, width)
        )
        of_columns = torch.cat([columns.sin(), columns.cos()])[:, None].expand(-1, height, -1)
        of_rows = torch.cat([rows.sin(), rows.cos()])[:, :, None].expand(-1, -1, width)
        return torch.cat([of_columns, of_rows])


class EncoderLayer(nn.Module):
    """Attention and MLP, each with pre-normalisation and a residual sum; shape-preserving, [n, channels, h, w].

    Args:
        channels: of the embedding.
        heads: of the attention.
        ratio: hidden channels of the MLP divided by the channels of the embedding, rounded down.
        head_channels: of a head.
    """

    def __init__(self, channels: int, heads: int, ratio: float, head_channels: int) -> None:
        super().__init__()
        hidden = int(ratio * channels)
        self.channels_last = ChannelsLast()
        self.attention = nn.Sequential(nn.LayerNorm(channels), Attention(channels, heads, head_channels))
        self.mlp = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, hidden),
            nn.GELU(),
            nn.Linear(hidden, channels),
        )
        self.channels_first = ChannelsFirst()

    def forward(self, maps: Tensor) -> Tensor:
        tokens = self.channels_last(maps)
        tokens = tokens + self.attention(tokens)
        tokens = tokens + self.mlp(tokens)
        out: Tensor = self.channels_first(tokens)
        return out


class AbsentLayer(nn.Module):
    """Fills the slot of a layer that a shallower network does not have: the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Identity()
        self.mlp = nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.mlp(self.attention(maps))
        return out


class Attention(nn.Module):
    """Multi-head attention between all positions: [..., h, w, channels] -> same (Vaswani et al., 2017, 3.2.2)."""

    def __init__(self, channels: int, heads: int, head_channels: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(channels, 3 * heads * head_channels)
        self.projection = nn.Linear(heads * head_channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        places = tokens.shape[-3:-1]
        projected = self.query_key_value(tokens).unflatten(-1, (3, self.heads, -1))  # [..., h, w, 3, heads, d]
        query, key, value = projected.flatten(-5, -4).movedim(-3, 0).transpose(-3, -2).unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)  # [..., heads, h * w, d]
        joined = mixed.transpose(-3, -2).flatten(-2)
        out: Tensor = self.projection(joined.reshape(*tokens.shape[:-3], *places, -1))
        return out


class ChannelsLast(nn.Module):
    """[n, c, h, w] -> [n, h, w, c]."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.permute(0, 2, 3, 1)


class ChannelsFirst(nn.Module):
    """[n, h, w, c] -> [n, c, h, w]."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens.permute(0, 3, 1, 2)
