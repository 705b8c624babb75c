"""Mixer blocks: one perceptron across the tokens of an architecture, one across the channels of a token."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from predictors.parzc.bayesian import Linear, LinearAcross


class MixerBlock(nn.Module):
    """Maps [m, tokens, n, width] to the same shape, for m members.

    It computes x + tokens(x), which mixes all tokens within each channel, then x + channels(x), which mixes all
    channels within each token. Masked tokens have no effect and are not updated. The token axis comes before the
    architectures, so that mixing tokens is one matrix product without copies in memory.

    Args:
        members: number of members, m.
        tokens: number of tokens; with 1, only channels are mixed.
        width: width of a token.
        across: whether tokens are mixed; the authors' published code lacks the transposition and does not mix them.

    Source: Tolstikhin et al., "MLP-Mixer", NeurIPS 2021, equation 1, as used by ParZC (Dong et al., AAAI 2025).
    """

    def __init__(self, members: int, tokens: int, width: int, across: bool = True) -> None:
        super().__init__()
        self.tokens = _perceptron(LinearAcross, members, tokens, 2 * tokens) if across and tokens > 1 else None
        self.channels = _perceptron(Linear, members, width, 2 * width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`mask` is float[m, tokens, n, 1], 1 for tokens that exist."""
        if self.tokens is not None:
            x = x + self.tokens(normalised(x) * mask) * mask
        mixed: Tensor = x + self.channels(normalised(x)) * mask
        return mixed


def normalised(x: Tensor) -> Tensor:
    """Standardise each token over its channels; the following linear layer provides scale and shift."""
    return torch.nn.functional.layer_norm(x, x.shape[-1:])


def _perceptron(kind: type[Linear], members: int, width: int, hidden: int) -> nn.Module:
    return nn.Sequential(kind(members, width, hidden), nn.GELU(), kind(members, hidden, width))
