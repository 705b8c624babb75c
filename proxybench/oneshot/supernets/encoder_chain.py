"""Supernets of vision transformers: depth, embedding, and the heads and MLP ratio of each layer.

Chen et al., "AutoFormer: Searching Transformers for Visual Recognition", ICCV 2021, section 3.2 (weight entanglement):
a smaller choice uses the beginning of every weight of a larger one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks import autoformer, vit
from proxybench.networks.chain import ChainNetwork
from proxybench.networks.vit import AbsentLayer
from proxybench.oneshot.supernet import Choice, Part, Path, Supernet
from proxybench.oneshot.supernets.encoder_layers import make_slim
from proxybench.spaces.autoformer import AutoFormerTiny
from proxybench.spaces.encoder_chain import EncoderChain
from proxybench.spaces.vit_micro import ViTMicro

HeadChannels = Callable[[int, int], int]  # from the channels of the embedding and the number of heads


class EncoderSupernet(Supernet):
    """The network of the largest architecture, with slimmable layers in place of its own.

    The choices of a path are the depth, the embedding, and the heads and MLP ratio of each layer of the deepest
    network; those of absent layers are 0.

    Args:
        space: the space.
        build: returns the network of an architecture.
        head_channels: the channels of a head.
    """

    elastic = True

    def __init__(
        self, space: EncoderChain, build: Callable[[ArchGraph], ChainNetwork], head_channels: HeadChannels
    ) -> None:
        super().__init__()
        self._space, self._head_channels = space, head_channels
        deepest = space.depths[-1]
        self.options = (len(space.depths), len(space.embeddings), *(len(space.heads), len(space.ratios)) * deepest)
        with torch.device("meta"):
            shallow = [(space.heads[0], space.ratios[0])] * space.depths[0]
            networks = [build(space.build_graph(channels, shallow)) for channels in space.embeddings]
        self._channels = [network.classifier.get_parameter("weight").shape[1] for network in networks]
        self.network = build(space.build_graph(space.embeddings[-1], [(space.heads[-1], space.ratios[-1])] * deepest))
        make_slim(self.network)
        layers = [self.network.get_submodule(f"body.layer{place}") for place in range(deepest)]
        self._choices = [Choice([AbsentLayer(), layer]) for layer in layers]
        for place, choice in enumerate(self._choices):
            self.network.set_submodule(f"body.layer{place}", choice)
        self.hidden = tuple(
            f"network.body.layer{place}.operations.1.mlp.{part}" for place in range(deepest) for part in (1, 3)
        )

    def path(self, arch: ArchGraph) -> Path:
        embedding, layers = self._space.choices(arch)
        sizes = [
            option
            for heads, ratio in layers
            for option in (self._space.heads.index(heads), self._space.ratios.index(ratio))
        ]
        whole = (self._space.depths.index(len(layers)), self._space.embeddings.index(embedding), *sizes)
        return (*whole, *[0] * (len(self.options) - len(whole)))

    def arch(self, path: Path) -> ArchGraph:
        space, sizes = self._space, path[2 : 2 + 2 * self._space.depths[path[0]]]
        layers = [
            (space.heads[heads], space.ratios[ratio]) for heads, ratio in zip(sizes[::2], sizes[1::2], strict=True)
        ]
        return space.build_graph(space.embeddings[path[1]], layers)

    def draw(self, part: Part, rng: np.random.Generator) -> Path:
        path = super().draw(part, rng)
        present = 2 + 2 * self._space.depths[path[0]]
        return (*path[:present], *(allowed[0] for allowed in part[present:]))

    def select(self, path: Path) -> None:
        depth, channels = self._space.depths[path[0]], self._channels[path[1]]
        embedding: Any = self.network.get_submodule("body.embedding")
        embedding.resize(channels)
        for place, choice in enumerate(self._choices):
            choice.active = int(place < depth)
            heads, ratio = self._space.heads[path[2 + 2 * place]], self._space.ratios[path[3 + 2 * place]]
            layer: Any = choice.operations[1]
            attention = layer.attention[1]
            attention.heads = heads
            attention.query_key_value.width = heads * self._head_channels(channels, heads)
            attention.projection.width = channels
            layer.mlp[1].width, layer.mlp[3].width = int(ratio * channels), channels

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits

    def parameters_of(self, choice: int, option: int) -> list[list[nn.Parameter]]:
        return []


def vit_micro(
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    patch: int = 4,
    head_channels: int = 16,
    width: float = 1.0,
) -> EncoderSupernet:
    """Depth, embedding, heads and MLP ratio of each layer.

    Arguments and errors as in `proxybench.networks.vit.build`.
    """

    def build(arch: ArchGraph) -> ChainNetwork:
        return vit.build(arch, num_classes, in_shape, patch=patch, head_channels=head_channels, width=width)

    return EncoderSupernet(ViTMicro(), build, lambda channels, heads: head_channels)


def autoformer_tiny(
    num_classes: int = 1000, in_shape: tuple[int, int, int] = (3, 224, 224), *, patch: int = 16, width: float = 1.0
) -> EncoderSupernet:
    """Depth, embedding, heads and MLP ratio of each layer, with a class token and learned positions.

    Arguments and errors as in `proxybench.networks.autoformer.build`.
    """

    def build(arch: ArchGraph) -> ChainNetwork:
        return autoformer.build(arch, num_classes, in_shape, patch=patch, width=width)

    return EncoderSupernet(AutoFormerTiny(), build, lambda channels, heads: channels // heads)
