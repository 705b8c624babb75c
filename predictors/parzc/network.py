"""The network of ParZC (MABN): segments of the node sequence as tokens, mixer blocks, one score.

The linear layers before the mixer (segments to tokens) and after it (tokens to score) are Bayesian.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from predictors.errors import unknown_name
from predictors.parzc.bayesian import BayesianLinear, Linear
from predictors.parzc.mixer import MixerBlock, normalised

MIXING = ("channels", "mlp", "tokens")


@dataclass(frozen=True)
class Shape:
    """The settings of a network.

    Attributes:
        members: number of parallel networks.
        places, proxies: dimensions of the node statistics.
        segment: number of consecutive places per token; 0 to use only rows and no node statistics.
        rows: widths of the rows of numbers that form a token of their own.
        width: width of a token.
        blocks: number of mixer blocks.
        mixing: "tokens" mixes tokens and channels; "channels" channels only; "mlp" makes one token from all places.
        bayesian: whether the outer linear layers are Bayesian.
        dropout: fraction of values dropped in training, in tokens and in the input of the score layer.
    """

    members: int
    places: int
    proxies: int
    segment: int
    rows: tuple[int, ...]
    width: int
    blocks: int
    mixing: str
    bayesian: bool
    dropout: float

    def __post_init__(self) -> None:
        if self.mixing not in MIXING:
            raise unknown_name("mixing", self.mixing, MIXING)
        if not (self.segment or self.rows):
            raise ValueError("segment is 0 and there are no other tokens, so there is nothing to read")


@dataclass(frozen=True)
class Inputs:
    """The inputs of m members for n architectures; m = 1 if all members share the same ones.

    Attributes:
        nodes: float32[m, n, places, proxies].
        mask: bool[m, n, places].
        rows: float32[m, n, width] for each kind of row.
    """

    nodes: Tensor
    mask: Tensor
    rows: tuple[Tensor, ...]

    def __len__(self) -> int:
        return self.nodes.shape[1]

    def taken(self, chosen: Tensor) -> Inputs:
        """The inputs of the chosen architectures, int64[m, b]; requires m = 1."""
        return Inputs(self.nodes[0][chosen], self.mask[0][chosen], tuple(rows[0][chosen] for rows in self.rows))


class MABN(nn.Module):
    """Mixer architecture with Bayesian layers: scores float32[m, n] of m members.

    The score is computed from the mean of the existing segments, concatenated with the token of each row.

    Source: ParZC (Dong et al., AAAI 2025). Tokens are mixed as in the paper, unlike its published code; rows of numbers
    as tokens are our addition.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.segments = SegmentEmbedding(shape)
        self.rows = nn.ModuleList(_outer(shape, width, shape.width) for width in shape.rows)
        tokens = self.segments.tokens + len(shape.rows)
        across = shape.mixing == "tokens"
        self.blocks = nn.ModuleList(MixerBlock(shape.members, tokens, shape.width, across) for _ in range(shape.blocks))
        self.drop = nn.Dropout(shape.dropout)
        self.score = _outer(shape, shape.width * (1 + len(shape.rows)), 1)

    def forward(self, inputs: Inputs) -> Tensor:
        x, mask = self.segments(inputs.nodes, inputs.mask)
        segments = x.shape[2]
        for embed, rows in zip(self.rows, inputs.rows, strict=True):
            x = torch.cat([x, embed(_for_all(rows, self.shape.members)).unsqueeze(2)], dim=2)
        mask = nn.functional.pad(mask, (0, 0, 0, len(self.rows)), value=1.0)
        x, mask = self.drop(x).transpose(1, 2).contiguous(), mask.transpose(1, 2).contiguous()
        for block in self.blocks:
            x = block(x, mask)
        x = normalised(x) * mask
        mean = x[:, :segments].sum(dim=1) / mask[:, :segments].sum(dim=1).clamp(min=1)
        score: Tensor = self.score(self.drop(torch.cat([mean, x[:, segments:].transpose(1, 2).flatten(2)], dim=2)))
        return score.squeeze(2)


class SegmentEmbedding(nn.Module):
    """Embeds segments of consecutive places as tokens: float[m, n, tokens, width], and their mask.

    The last segment is padded with zeros, like masked places. A position embedding is added to each token.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.length = shape.places if shape.mixing == "mlp" else max(1, min(shape.segment, shape.places))
        self.tokens = -(-shape.places // self.length) if shape.segment else 0
        self.members = shape.members
        self.width = shape.width
        self.embed = _outer(shape, self.length * shape.proxies, shape.width)
        self.position = nn.Parameter(0.02 * torch.randn(shape.members, 1, self.tokens, shape.width))

    def forward(self, nodes: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        m, n, places, proxies = nodes.shape
        if not self.tokens:
            return nodes.new_zeros(self.members, n, 0, self.width), nodes.new_ones(self.members, n, 0, 1)
        missing = self.tokens * self.length - places
        padded = nn.functional.pad(nodes, (0, 0, 0, missing))
        there = nn.functional.pad(mask, (0, missing)).reshape(m, n, self.tokens, self.length).any(dim=3, keepdim=True)
        x = _for_all(padded.reshape(m, n, self.tokens, self.length * proxies), self.members)
        kept = there.to(nodes.dtype)
        return (self.embed(x) + self.position) * kept, kept.expand(self.members, -1, -1, -1)


def _outer(shape: Shape, inputs: int, outputs: int) -> Linear:
    kind = BayesianLinear if shape.bayesian else Linear
    return kind(shape.members, inputs, outputs)


def _for_all(x: Tensor, members: int) -> Tensor:
    return x.expand(members, *x.shape[1:])
