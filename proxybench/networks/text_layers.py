"""Shared layers of networks for text, on maps [n, channels, tokens, 1], so that blocks look like those for images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from proxybench.networks.vit import ChannelsFirst, ChannelsLast


def require_tokens(in_shape: Sequence[int] | None, **sizes: int) -> None:
    """Raise ValueError for an image shape, and for sizes that are not whole numbers of at least 1."""
    if in_shape is not None:
        raise ValueError(
            "networks for text take integers [n, tokens], without an image shape; in Python, leave in_shape out: "
            "pb.score(space.build(arch), tokens, labels)"
        )
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, not {size!r}")


def tokens_of(maps: Tensor) -> Tensor:
    """[n, channels, tokens, 1] -> [n, tokens, channels]."""
    return maps.squeeze(-1).transpose(1, 2)


def maps_of(tokens: Tensor) -> Tensor:
    """[n, tokens, channels] -> [n, channels, tokens, 1]."""
    return tokens.transpose(1, 2).unsqueeze(-1)


class MapNorm(nn.Sequential):
    """Layer normalisation of every token of a map; shape-preserving."""

    def __init__(self, channels: int, *, bias: bool = True) -> None:
        super().__init__(ChannelsLast(), nn.LayerNorm(channels, bias=bias), ChannelsFirst())


class FirstToken(nn.Module):
    """The first token of a map: [n, channels, tokens, 1] -> [n, channels, 1, 1]."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps[:, :, :1]


class LastToken(nn.Module):
    """The last token of a map: [n, channels, tokens, 1] -> [n, channels, 1, 1]."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps[:, :, -1:]


class Heads(nn.Module):
    """[n, tokens, heads * d] -> [n, heads, tokens, d]."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens.reshape(*tokens.shape[:-1], self.heads, -1).transpose(1, 2)


def joined(heads: Tensor) -> Tensor:
    """[n, heads, tokens, d] -> [n, tokens, heads * d]."""
    return heads.transpose(1, 2).flatten(-2)


def attend(query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False) -> Tensor:
    """Scaled dot-product attention of heads [n, heads, tokens, d] (Vaswani et al., 2017, equation 1)."""
    mixed: Tensor = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=causal)
    return mixed
