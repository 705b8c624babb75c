"""Slimmable layers of vision transformers, in place of those of a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from proxybench.networks.class_token import TokenEmbedding
from proxybench.networks.vit import PatchEmbedding
from proxybench.oneshot.optimiser import use
from proxybench.oneshot.slim import SlimConv, SlimLayerNorm, SlimLinear, SlimThree


def make_slim(network: nn.Module) -> None:
    """Replace the layers of a network by slimmable ones of the same size."""
    for name, module in list(network.named_modules()):
        slim: nn.Module | None = None
        if isinstance(module, PatchEmbedding):
            slim = SlimPatches(module)
        elif isinstance(module, TokenEmbedding):
            slim = SlimTokens(module)
        elif isinstance(module, nn.LayerNorm):
            slim = SlimLayerNorm(module.normalized_shape)
        elif isinstance(module, nn.Linear) and name.endswith("query_key_value"):
            slim = SlimThree(module.in_features, module.out_features // 3)
        elif isinstance(module, nn.Linear):
            slim = SlimLinear(module.in_features, module.out_features)
        if slim is not None:
            network.set_submodule(name, slim)


class SlimPatches(PatchEmbedding):
    """As in `vit`, with fixed positions for as many channels as the convolution has."""

    conv: SlimConv

    def __init__(self, largest: PatchEmbedding) -> None:
        super().__init__(largest.conv.in_channels, largest.channels, largest.patch)
        self.conv = _slim_patches(largest.conv)

    def resize(self, channels: int) -> None:
        """Make `forward` return this many channels."""
        self.channels = self.conv.width = channels


class SlimTokens(TokenEmbedding):
    """As in `autoformer`, with the first channels of the class token and of the learned positions."""

    conv: SlimConv

    def __init__(self, largest: TokenEmbedding) -> None:
        nn.Module.__init__(self)
        self.conv, self.places = _slim_patches(largest.conv), largest.places
        self.class_token, self.positions = largest.class_token, largest.positions

    def resize(self, channels: int) -> None:
        """Make `forward` return this many channels."""
        self.conv.width = channels

    def forward(self, images: Tensor) -> Tensor:
        patches: Tensor = self.conv(images).flatten(2)[..., None]
        token = use(self.class_token, 1, self.conv.width).expand(len(images), -1, -1, -1)
        return torch.cat([token, patches], 2) + use(self.positions, 1, self.conv.width)


def _slim_patches(conv: nn.Conv2d) -> SlimConv:
    patch, stride = conv.kernel_size[0], conv.stride[0]
    return SlimConv(conv.in_channels, conv.out_channels, patch, stride, padding=0, bias=True)
