"""The score network: a transformer over the nodes of a noisy graph that predicts the clean graph.

An, Lee et al., "DiffusionNAG: Predictor-guided Neural Architecture Generation with Diffusion Models", ICLR 2024,
section 3.1 and appendix: transformer encoder over nodes, attention only between nodes when one reaches the other,
positions of nodes within their cell, concatenated outputs of all layers.

One thing differs from the paper, whose network predicts the noise. By default, this one predicts log odds that are
added to the likelihood of the node's own noisy row: for one-hot rows under normal noise Bayes' rule is
softmax(prior + scale x / deviation^2), so that only the prior, given the other nodes, remains to be learned. The score
is then (scale E[x0 | x] - x) / deviation^2, and it is trained with the same loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from predictors.errors import unknown_name
from predictors.graph.topology import topology
from proxybench.generation.layout import Layout

ANSWERS = ("odds", "noise")
ATTENTIONS = ("reachable", "all")
_SHARPNESS = 4.0  # odds become much larger than a layer's initial output; this saves the optimiser time


@dataclass(frozen=True)
class Architecture:
    """Sizes of the score network; `PUBLISHED` contains the paper's values for NAS-Bench-201.

    Attributes:
        layers: number of encoder layers.
        width: width of a node's state.
        heads: number of attention heads; must divide the width.
        feedforward: width of each layer's MLP.
        dropout: dropout rate in training.
        answer: "odds" or "noise".
        attention: "reachable", only between nodes when one reaches the other, as published; or "all", with which
            relations between nodes on no common path are learned in far fewer steps.
    """

    layers: int = 4
    width: int = 64
    heads: int = 4
    feedforward: int = 128
    dropout: float = 0.0
    answer: str = "odds"
    attention: str = "reachable"

    def __post_init__(self) -> None:
        if self.answer not in ANSWERS:
            raise unknown_name("answer of a score network", self.answer, ANSWERS)
        if self.attention not in ATTENTIONS:
            raise unknown_name("attention", self.attention, ATTENTIONS)
        if min(self.layers, self.width, self.heads, self.feedforward) < 1 or self.width % self.heads:
            raise ValueError(
                f"layers and widths must be at least 1, and {self.heads} heads must divide a width of {self.width}"
            )


PUBLISHED = Architecture(layers=12, width=64, heads=8, feedforward=128, dropout=0.1, answer="noise")


class ScoreNetwork(nn.Module):
    """E[x0 | x] of noisy graphs, see `forward`."""

    def __init__(self, layout: Layout, sizes: Architecture) -> None:
        super().__init__()
        self.layout, self.sizes = layout, sizes
        width = sizes.width
        columns = 2 * layout.width + (layout.nodes if layout.free else 0)
        cells, ranks = positions(layout)
        self.register_buffer("cell", cells, persistent=False)
        self.register_buffer("rank", ranks, persistent=False)
        hidden = ~reachable(layout) & (sizes.attention == "reachable")
        self.register_buffer("hidden", hidden, persistent=False)
        self.of_cell = nn.Embedding(int(cells.max()) + 1, width)
        self.of_rank = nn.Embedding(int(ranks.max()) + 1, width)
        self.embed = nn.Linear(columns, width)
        self.time = nn.Sequential(nn.Linear(TIME_FEATURES, width), nn.SiLU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(_Layer(sizes, bool(layout.free)) for _ in range(sizes.layers))
        joined = width * sizes.layers
        self.join = nn.Sequential(
            nn.Linear(joined, 2 * width), nn.SiLU(), nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.label_head = nn.Linear(width, layout.labels)
        nn.init.zeros_(self.label_head.weight)
        if layout.free:
            self.edge_head = nn.Linear(width, 2 * width)
            self.edge_bias = nn.Parameter(torch.zeros(layout.nodes, layout.nodes))

    def forward(self, x: Tensor, scale: Tensor, deviation: Tensor) -> Tensor:
        """The expected clean graphs.

        Args:
            x: noisy graphs, float32[n, nodes, width].
            scale: float32[n], factor of the clean values.
            deviation: float32[n], standard deviation of the noise.

        Returns:
            float32[n, nodes, width]; probabilities if the network predicts odds.
        """
        likelihood = log_likelihood(x, scale, deviation, self.layout)
        own = self.layout.normalise(likelihood)
        answer = self._answer(x, own, scale, deviation)
        if self.sizes.answer == "odds":
            return self.layout.normalise(likelihood + _SHARPNESS * answer)
        clean = (x - deviation[:, None, None] * answer) / scale[:, None, None]
        return torch.where(self.layout.diffused > 0, clean, x)

    def _answer(self, x: Tensor, own: Tensor, scale: Tensor, deviation: Tensor) -> Tensor:
        labels = self.layout.labels
        scaled = x * torch.rsqrt(0.25 * scale**2 + deviation**2)[:, None, None]
        parts, present = [own, scaled], own[..., labels:]
        if self.layout.free:
            parts.append(present.transpose(1, 2))
        state = self.embed(torch.cat(parts, dim=-1)) + self.of_cell(self.cell) + self.of_rank(self.rank)
        state = state + self.time(time_features(scale, deviation))[:, None]
        outputs = []
        for layer in self.layers:
            state = layer(state, self.hidden, present if self.layout.free else None)
            outputs.append(state)
        joined = self.join(torch.cat(outputs, dim=-1))
        answers = [self.label_head(joined)]
        if self.layout.free:
            target, source = self.edge_head(joined).chunk(2, dim=-1)
            answers.append(target @ source.transpose(1, 2) / math.sqrt(self.sizes.width) + self.edge_bias)
        return torch.cat(answers, dim=-1)


class _Layer(nn.Module):
    """Attention and an MLP, each with pre-normalisation and a residual sum; likely edges increase attention."""

    def __init__(self, sizes: Architecture, edges: bool) -> None:
        super().__init__()
        width = sizes.width
        self.heads = sizes.heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.project, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, sizes.feedforward), nn.GELU(), nn.Linear(sizes.feedforward, width))
        self.dropout = nn.Dropout(sizes.dropout)
        self.attraction = nn.Parameter(torch.zeros(2, sizes.heads)) if edges else None

    def forward(self, state: Tensor, hidden: Tensor, present: Tensor | None) -> Tensor:
        n, nodes, width = state.shape
        query, key, value = self.project(self.norms[0](state)).view(n, nodes, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = torch.zeros(nodes, nodes, dtype=state.dtype).masked_fill(hidden, -1e9)
        if self.attraction is not None and present is not None:
            into, out = self.attraction[0, :, None, None], self.attraction[1, :, None, None]
            bias = bias + into * present[:, None] + out * present.transpose(1, 2)[:, None]
        attended = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        state = state + self.dropout(self.join(attended.transpose(1, 2).reshape(n, nodes, width)))
        changed: Tensor = state + self.dropout(self.mlp(self.norms[1](state)))
        return changed


TIME_FEATURES = 16


def time_features(scale: Tensor, deviation: Tensor) -> Tensor:
    """float32[n, TIME_FEATURES]: sines and cosines of the log signal-to-noise ratio at several frequencies."""
    level = (scale / deviation).log()
    frequencies = 2.0 ** torch.arange(TIME_FEATURES // 2) / 8
    angles = level[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def log_likelihood(x: Tensor, scale: Tensor, deviation: Tensor, layout: Layout) -> Tensor:
    """Log likelihood of each entry being 1, up to a constant for each one-hot group.

    For an edge it is the difference between presence and absence: (scale x - scale^2 / 2) / deviation^2.
    """
    logits = (scale / deviation**2)[:, None, None] * x
    if layout.free:
        half = (scale**2 / (2 * deviation**2))[:, None, None]
        shift = torch.zeros(layout.width)
        shift[layout.labels :] = 1.0
        logits = logits - half * shift
    return logits


def reachable(layout: Layout) -> Tensor:
    """bool[nodes, nodes]: whether one of two nodes reaches the other along edges present in any architecture."""
    edges = (layout.fixed_edges | layout.free_edges).T
    paths = edges | torch.eye(layout.nodes, dtype=torch.bool)
    for middle in range(layout.nodes):
        paths = paths | (paths[:, middle, None] & paths[middle])
    return paths | paths.T


def positions(layout: Layout) -> tuple[Tensor, Tensor]:
    """The cell of each node and its position within the cell, int64[nodes] each.

    Cells are the connected components of the graph with all edges present in any architecture; positions are in
    topological order, so that corresponding nodes of two cells with the same form share a position.
    """
    edges = (layout.fixed_edges | layout.free_edges) | (layout.fixed_edges | layout.free_edges).T
    together = edges | torch.eye(layout.nodes, dtype=torch.bool)
    for middle in range(layout.nodes):
        together = together | (together[:, middle, None] & together[middle])
    first = together.int().argmax(dim=1)
    order = topology(layout.nodes, (*layout.fixed, *layout.free)).order.tolist()
    number: dict[int, int] = {}
    cells, ranks = torch.zeros(layout.nodes, dtype=torch.int64), torch.zeros(layout.nodes, dtype=torch.int64)
    placed: dict[int, int] = {}
    for node in order:
        cell = number.setdefault(int(first[node]), len(number))
        cells[node], ranks[node] = cell, placed.get(cell, 0)
        placed[cell] = placed.get(cell, 0) + 1
    return cells, ranks
