"""The networks of FlexiBERT: embedding of tokens, two or four encoder layers, a classifier of the first token.

Serianni and Kalita, ACL 2023, after Tuli et al., "FlexiBERT", JAIR 2023, and Clark et al., "ELECTRA", ICLR 2020.
Attention with convolution is that of Jiang et al., "ConvBERT", NeurIPS 2020; the Fourier transform mixes as in
Lee-Thorp et al., "FNet", NAACL 2022, but within a head, and without a residual sum. Dropout is omitted.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.chain import ChainNetwork
from proxybench.networks.text_layers import FirstToken, Heads, attend, joined, maps_of, require_tokens, tokens_of
from proxybench.networks.vit import AbsentLayer
from proxybench.spaces.flexibert import DEPTHS, FlexiBERT

HEAD_RATIO = 2  # attention with convolution has half the heads; convolution takes the place of the others


def build(
    arch: ArchGraph,
    num_classes: int = 2,
    in_shape: None = None,
    *,
    vocabulary: int = 30_522,
    length: int = 512,
    embedding: int = 128,
    hidden: int | None = None,
) -> ChainNetwork:
    """The network of `arch` for tokens, int64[n, up to `length`]; the defaults are the published values.

    Every network has slots for four layers; unused ones come after its own and are identities. Operations: embedding,
    operation and feed-forward network of each slot, classifier. Blocks: embedding and the present layers; their
    outputs are [n, c, tokens, 1].

    Args:
        arch: an architecture of the space flexibert.
        num_classes: length of the logits.
        in_shape: always None; networks for text have no image shape.
        vocabulary: number of different tokens; token 0 is padding.
        length: the largest number of tokens.
        embedding: channels of the embedding, projected to those of the layers if these differ.
        hidden: hidden channels of all feed-forward networks, instead of the architecture's. The published scores were
            computed on networks with 1024 in all layers.

    Raises:
        InvalidArchitecture: for a graph that is not an architecture of the space.
        ValueError: for a size below 1 or an image shape.
    """
    sizes = {"vocabulary": vocabulary, "length": length, "embedding": embedding, "hidden": hidden or 1}
    require_tokens(in_shape, num_classes=num_classes, **sizes)
    channels, layers = FlexiBERT().layers(arch)
    parts: dict[str, nn.Module] = {"embedding": TokenEmbedding(vocabulary, length, embedding, channels)}
    operations = ["embedding"]
    for place in range(DEPTHS[-1]):
        layer: nn.Module = AbsentLayer()
        if place < len(layers):
            operation, heads, own, count = layers[place]
            layer = FlexiLayer(channels, operation, heads, hidden or own, count)
        parts[f"layer{place}"] = layer
        operations += [f"layer{place}.attention", f"layer{place}.mlp"]
    parts["first"] = FirstToken()
    blocks = ["embedding", *(f"layer{place}" for place in range(len(layers)))]
    network = ChainNetwork(parts, channels, num_classes, operations=operations, blocks=blocks)
    network.classifier = nn.Sequential(nn.Linear(channels, channels), nn.GELU(), nn.Linear(channels, num_classes))
    return network


class TokenEmbedding(nn.Module):
    """The sum of embeddings of word, place and sentence, normalised: int64[n, tokens] -> [n, channels, tokens, 1]."""

    def __init__(self, vocabulary: int, length: int, embedding: int, channels: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, embedding, padding_idx=0)
        self.places = nn.Embedding(length, embedding)
        self.sentences = nn.Embedding(2, embedding)
        self.norm = nn.LayerNorm(embedding)
        self.projection = nn.Linear(embedding, channels) if embedding != channels else nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        places = self.places(torch.arange(tokens.shape[1], device=tokens.device))
        embedded = self.words(tokens) + places + self.sentences(torch.zeros_like(tokens))
        return maps_of(self.projection(self.norm(embedded)))


class FlexiLayer(nn.Module):
    """An operation that mixes tokens, then a feed-forward network; shape-preserving, [n, channels, tokens, 1].

    Args:
        channels: of the layer.
        operation: "sdp", "wma", "dft", "dct", "conv5" or "conv9".
        heads: of the operation.
        hidden: hidden channels of the feed-forward network.
        count: its hidden layers.
    """

    def __init__(self, channels: int, operation: str, heads: int, hidden: int, count: int) -> None:
        super().__init__()
        self.attention: nn.Module
        if operation in ("dft", "dct"):
            self.attention = Transform(channels, heads, cosine=operation == "dct")
        else:
            mixer = (
                ConvolutionAttention(channels, heads, int(operation[4:]))
                if operation.startswith("conv")
                else SelfAttention(channels, heads, weighted=operation == "wma")
            )
            self.attention = Residual(mixer, nn.Linear(channels, channels), nn.LayerNorm(channels))
        inner: list[nn.Module] = [nn.Linear(channels, hidden), nn.GELU()]
        for _ in range(count - 1):
            inner += [nn.Linear(hidden, hidden), nn.GELU()]
        self.mlp = Residual(nn.Sequential(*inner), nn.Linear(hidden, channels), nn.LayerNorm(channels))

    def forward(self, maps: Tensor) -> Tensor:
        return maps_of(self.mlp(self.attention(tokens_of(maps))))


class Residual(nn.Module):
    """norm(x + last(first(x)))."""

    def __init__(self, first: nn.Module, last: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.first, self.last, self.norm = first, last, norm

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.norm(tokens + self.last(self.first(tokens)))
        return out


class SelfAttention(nn.Module):
    """Attention between all tokens; `weighted` multiplies the queries by one more matrix. [n, tokens, c] -> same."""

    def __init__(self, channels: int, heads: int, *, weighted: bool) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(channels, channels) for _ in range(3))
        self.weight = nn.Linear(channels, channels, bias=False) if weighted else nn.Identity()
        self.split = Heads(heads)

    def forward(self, tokens: Tensor) -> Tensor:
        query = self.split(self.weight(self.query(tokens)))
        return joined(attend(query, self.split(self.key(tokens)), self.split(self.value(tokens))))


class Transform(nn.Module):
    """A linear layer, then the Fourier (real part) or cosine (type II) transform of each head over tokens and channels.

    [n, tokens, c] -> same; not normalised, as published.
    """

    def __init__(self, channels: int, heads: int, *, cosine: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, channels)
        self.split = Heads(heads)
        self.cosine = cosine

    def forward(self, tokens: Tensor) -> Tensor:
        values = self.split(self.linear(tokens))
        if not self.cosine:
            return joined(torch.fft.fft2(values).real)
        down, across = (_cosines(values.shape[axis], values) for axis in (-2, -1))
        return joined(down @ values @ across.T)


def _cosines(size: int, like: Tensor) -> Tensor:
    """The matrix of the cosine transform of type II, [size, size]."""
    numbers = torch.arange(size, dtype=like.dtype, device=like.device)
    return 2 * torch.cos(math.pi / size * torch.outer(numbers, numbers + 0.5))


class ConvolutionAttention(nn.Module):
    """Half the heads attend, the others are convolutions whose kernels depend on the token (Jiang et al., 2020, 3.2).

    [n, tokens, c] -> same.
    """

    def __init__(self, channels: int, heads: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        few = max(1, heads // HEAD_RATIO)
        inner = few * (channels // heads)
        self.query, self.key, self.value = (nn.Linear(channels, inner) for _ in range(3))
        self.depthwise = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)
        self.pointwise = nn.Conv1d(channels, inner, 1)
        self.kernels = nn.Linear(inner, few * kernel)
        self.values = nn.Linear(channels, inner)
        self.split = Heads(few)

    def forward(self, tokens: Tensor) -> Tensor:
        query = self.query(tokens)
        mixed = attend(self.split(query), self.split(self.key(tokens)), self.split(self.value(tokens)))
        local = self.pointwise(self.depthwise(tokens.transpose(1, 2))).transpose(1, 2)
        weights = self.split(self.kernels(local * query)).softmax(-1)  # [n, heads, tokens, kernel]
        padded = nn.functional.pad(self.split(self.values(tokens)), (0, 0, self.kernel // 2, self.kernel // 2))
        windows = padded.unfold(2, self.kernel, 1)  # [n, heads, tokens, d, kernel]
        convolved = (windows * weights[..., None, :]).sum(-1)
        return torch.cat([joined(mixed), joined(convolved)], -1)
