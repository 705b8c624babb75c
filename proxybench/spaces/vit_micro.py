"""Small vision transformers with the choices of AutoFormer, at a size that a CPU trains in seconds."""

from __future__ import annotations

from proxybench.spaces.encoder_chain import EncoderChain

DEPTHS = (2, 3, 4, 5, 6)
CHANNELS = (32, 48, 64)
HEADS = (1, 2, 4)
RATIOS = (1, 2, 4)


class ViTMicro(EncoderChain):
    """1,793,583 networks: 3 embeddings, 2 to 6 layers, 9 combinations of heads and MLP ratio in each."""

    name = "vit-micro"
    ops = ("input", *(f"attention_h{heads}" for heads in HEADS), *(f"mlp_r{ratio}" for ratio in RATIOS), "output")
    source = "after Chen et al., ICCV 2021, https://arxiv.org/abs/2107.00651"
    example = "c48-h2r4-h4r1-h1r2"
    depths, embeddings, heads, ratios = DEPTHS, CHANNELS, HEADS, RATIOS
