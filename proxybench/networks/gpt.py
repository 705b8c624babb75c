"""The networks of HW-GPT-Bench: embedding of tokens, decoder layers with rotary positions, the next token's logits.

Sukthanker et al., NeurIPS 2024. Attention and MLP of a layer are computed side by side from the same input, and heads
have 64 channels in all networks, so that more heads mean more weights. Dropout is omitted.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.chain import ChainNetwork, require_factors
from proxybench.networks.text_layers import (
    Heads,
    LastToken,
    MapNorm,
    attend,
    joined,
    maps_of,
    require_tokens,
    tokens_of,
)
from proxybench.networks.vit import AbsentLayer
from proxybench.spaces import get_space
from proxybench.spaces.gpt import GPTLarge, GPTMedium, GPTSmall

HEAD_CHANNELS = 64
ROTATED = 0.5  # share of the channels of a head whose pairs are rotated by the place of the token
_LONGEST_WAVE = 10_000.0


def build(
    arch: ArchGraph,
    num_classes: int | None = None,
    in_shape: None = None,
    *,
    vocabulary: int = 50_254,
    head_channels: int = HEAD_CHANNELS,
    width: float = 1.0,
) -> ChainNetwork:
    """The network of `arch` for tokens, int64[n, length], whose logits are those of the token after the last.

    Every network has slots for the layers of the deepest one; unused ones come after its own and are identities.
    Operations: embedding, attention and MLP of each slot, the last normalisation, classifier. Blocks: embedding and the
    present layers; their outputs are [n, c, tokens, 1].

    Args:
        arch: an architecture of the space gpt-s, gpt-m or gpt-l.
        num_classes: length of the logits of a classifier of the last token; by default, logits for the whole vocabulary
            with the weights of the embedding, as published.
        in_shape: always None; networks for text have no image shape.
        vocabulary: number of different tokens.
        head_channels: channels of query, key and value of a head, a multiple of 4.
        width: factor for the embedding, rounded, at least 1.

    Raises:
        InvalidArchitecture: for a graph that is not an architecture of the space.
        ValueError: for a size below 1, a factor that is not above 0, or an image shape.
    """
    require_tokens(in_shape, num_classes=num_classes or 1, vocabulary=vocabulary, head_channels=head_channels)
    require_factors(width=width)
    if head_channels % 4:
        raise ValueError(f"head_channels must be a multiple of 4, not {head_channels}")
    space = get_space(arch.space)
    if not isinstance(space, GPTSmall | GPTMedium | GPTLarge):
        raise GPTSmall().invalid(f"<graph of {arch.space}>", "it belongs to another space")
    embedding, layers = space.choices(arch)
    bias = space.bias(arch) == 1
    channels = max(1, round(embedding * width))
    words = WordEmbedding(vocabulary, channels)
    parts: dict[str, nn.Module] = {"embedding": words}
    operations = ["embedding"]
    for place in range(space.depths[-1]):
        layer: nn.Module = AbsentLayer()
        if place < len(layers):
            heads, ratio = layers[place]
            layer = DecoderLayer(channels, heads, int(ratio * channels), head_channels, bias=bias)
        parts[f"layer{place}"] = layer
        operations += [f"layer{place}.attention", f"layer{place}.mlp"]
    parts["norm"] = nn.Sequential(LastToken(), MapNorm(channels))
    blocks = ["embedding", *(f"layer{place}" for place in range(len(layers)))]
    logits = num_classes or vocabulary
    network = ChainNetwork(parts, channels, logits, operations=[*operations, "norm"], blocks=blocks)
    if num_classes is None:
        network.classifier = nn.Linear(channels, vocabulary, bias=False)
        network.classifier.weight = words.words.weight
    return network


class WordEmbedding(nn.Module):
    """int64[n, tokens] -> [n, channels, tokens, 1]."""

    def __init__(self, vocabulary: int, channels: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        return maps_of(self.words(tokens))


class DecoderLayer(nn.Module):
    """x + attention(norm(x)) + mlp(norm(x)), each with its own normalisation; shape-preserving, [n, c, tokens, 1]."""

    def __init__(self, channels: int, heads: int, hidden: int, head_channels: int, *, bias: bool) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(channels), CausalAttention(channels, heads, head_channels, bias))
        self.mlp = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, hidden, bias=bias),
            nn.GELU(),
            nn.Linear(hidden, channels, bias=bias),
        )

    def forward(self, maps: Tensor) -> Tensor:
        tokens = tokens_of(maps)
        return maps_of(tokens + self.attention(tokens) + self.mlp(tokens))


class CausalAttention(nn.Module):
    """Attention of each token to itself and earlier ones, with rotary positions: [n, tokens, channels] -> same.

    Su et al., "RoFormer", 2021, section 3.2, on the first half of the channels of a head.
    """

    def __init__(self, channels: int, heads: int, head_channels: int, bias: bool) -> None:
        super().__init__()
        inner = heads * head_channels
        self.query, self.key, self.value = (nn.Linear(channels, inner, bias=bias) for _ in range(3))
        self.projection = nn.Linear(inner, channels, bias=bias)
        self.split = Heads(heads)

    def forward(self, tokens: Tensor) -> Tensor:
        query, key = rotated(self.split(self.query(tokens))), rotated(self.split(self.key(tokens)))
        out: Tensor = self.projection(joined(attend(query, key, self.split(self.value(tokens)), causal=True)))
        return out


def rotated(heads: Tensor) -> Tensor:
    """Heads [n, heads, tokens, d] whose first d * ROTATED channels are rotated in pairs by angles of the place.

    Pair i is channels i and i + d * ROTATED / 2; its angle is the place times 10,000^(-2i / (d * ROTATED)).
    """
    half = int(heads.shape[-1] * ROTATED) // 2
    places = torch.arange(heads.shape[-2], dtype=heads.dtype, device=heads.device)
    exponents = torch.arange(half, dtype=heads.dtype, device=heads.device) / half
    angles = torch.outer(places, _LONGEST_WAVE**-exponents)
    one, other, rest = heads[..., :half], heads[..., half : 2 * half], heads[..., 2 * half :]
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat([one * cosine - other * sine, other * cosine + one * sine, rest], -1)
