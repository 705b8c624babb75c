"""Mixer blocks: one perceptron across the tokens of an architecture, one across the channels of a token."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from predictors.parzc.bayesian import Linear


class MixerBlock(nn.Module):
    """[m, n, tokens, width] to the same shape, for m members.

    x + tokens(x), which sees each channel across all tokens, then x + channels(x), which sees each token across its
    channels. A token that the mask leaves out neither gives nor takes.

    Args:
        members: m.
        tokens: how many; 1 leaves only the channels.
        width: of a token.
        across: whether tokens are mixed at all; the authors' published code transposes nothing and so does not.

    Source: Tolstikhin et al., "MLP-Mixer", NeurIPS 2021, equation 1, as ParZC (Dong et al., AAAI 2025) takes it over.
    """

    def __init__(self, members: int, tokens: int, width: int, across: bool = True) -> None:
        super().__init__()
        self.tokens = _perceptron(members, tokens, 2 * tokens) if across and tokens > 1 else None
        self.channels = _perceptron(members, width, 2 * width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`mask` is float[m, n, tokens, 1], 1 where there is a token."""
        if self.tokens is not None:
            across = (normalised(x) * mask).transpose(2, 3)
            x = x + self.tokens(across).transpose(2, 3) * mask
        mixed: Tensor = x + self.channels(normalised(x)) * mask
        return mixed


def normalised(x: Tensor) -> Tensor:
    """Each token at mean 0 and deviation 1 over its channels; the linear layer that follows has scale and shift."""
    return torch.nn.functional.layer_norm(x, x.shape[-1:])


def _perceptron(members: int, width: int, hidden: int) -> nn.Module:
    return nn.Sequential(Linear(members, width, hidden), nn.GELU(), Linear(members, hidden, width))
