"""Mixer blocks: one perceptron across the tokens of an architecture, one across the channels of a token."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from predictors.parzc.bayesian import Linear, LinearAcross


class MixerBlock(nn.Module):
    """[m, tokens, n, width] to the same shape, for m members.

    x + tokens(x), which sees each channel across all tokens, then x + channels(x), which sees each token across its
    channels. A token that the mask leaves out neither gives nor takes. Tokens stand before architectures: so what
    goes across them is one product of matrices, and nothing is moved in memory.

    Args:
        members: m.
        tokens: how many; 1 leaves only the channels.
        width: of a token.
        across: whether tokens are mixed at all; the authors' published code transposes nothing and so does not.

    Source: Tolstikhin et al., "MLP-Mixer", NeurIPS 2021, equation 1, as ParZC (Dong et al., AAAI 2025) takes it over.
    """

    def __init__(self, members: int, tokens: int, width: int, across: bool = True) -> None:
        super().__init__()
        self.tokens = _perceptron(LinearAcross, members, tokens, 2 * tokens) if across and tokens > 1 else None
        self.channels = _perceptron(Linear, members, width, 2 * width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`mask` is float[m, tokens, n, 1], 1 where there is a token."""
        if self.tokens is not None:
            x = x + self.tokens(normalised(x) * mask) * mask
        mixed: Tensor = x + self.channels(normalised(x)) * mask
        return mixed


def normalised(x: Tensor) -> Tensor:
    """Each token at mean 0 and deviation 1 over its channels; the linear layer that follows has scale and shift."""
    return torch.nn.functional.layer_norm(x, x.shape[-1:])


def _perceptron(kind: type[Linear], members: int, width: int, hidden: int) -> nn.Module:
    return nn.Sequential(kind(members, width, hidden), nn.GELU(), kind(members, hidden, width))
