"""A sequence of tokens whose first is the class token, as a map of one column: [n, channels, 1 + places, 1].

In this form the layers of `vit` work on it unchanged.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from proxybench.networks.vit import ChannelsFirst, ChannelsLast


class TokenEmbedding(nn.Module):
    """A linear map of each patch, a class token before them, and learned positions: [n, c_in, h, w] -> tokens.

    Args:
        c_in: channels of an image.
        channels: of the embedding.
        patch: height and width of a patch.
        stride: distance between patches.
        resolution: height and width of an image; the map fits no other.
        class_position: whether the class token has a learned position of its own too.
    """

    def __init__(
        self,
        c_in: int,
        channels: int,
        patch: int,
        stride: int,
        resolution: tuple[int, int],
        *,
        class_position: bool,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, channels, patch, stride)
        self.places = patch_places(resolution, patch, stride)
        self.class_position = class_position
        count = self.places[0] * self.places[1]
        self.class_token = nn.Parameter(torch.empty(1, channels, 1, 1))
        self.positions = nn.Parameter(torch.empty(1, channels, count + class_position, 1))
        for parameter in (self.class_token, self.positions):
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        patches: Tensor = self.conv(images).flatten(2)[..., None]
        token = self.class_token.expand(len(images), -1, -1, -1)
        if self.class_position:
            return torch.cat([token, patches], 2) + self.positions
        return torch.cat([token, patches + self.positions], 2)


def patch_places(resolution: tuple[int, int], patch: int, stride: int) -> tuple[int, int]:
    """Rows and columns of patches in an image. Raises ValueError if it is smaller than a patch."""
    if min(resolution) < patch:
        raise ValueError(f"an image of {resolution[0]} x {resolution[1]} pixels is smaller than a patch of {patch}")
    return (resolution[0] - patch) // stride + 1, (resolution[1] - patch) // stride + 1


class TokenNorm(nn.Sequential):
    """Layer normalisation of every token; shape-preserving."""

    def __init__(self, channels: int) -> None:
        super().__init__(ChannelsLast(), nn.LayerNorm(channels), ChannelsFirst())


class PatchTokens(nn.Module):
    """The map of the patches, without the class token: tokens -> [n, channels, rows, columns]."""

    def __init__(self, places: tuple[int, int]) -> None:
        super().__init__()
        self.places = places

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, :, 1:].reshape(*tokens.shape[:2], *self.places)


class ClassToken(nn.Module):
    """The class token alone: tokens -> [n, channels, 1, 1]."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, :, :1]
