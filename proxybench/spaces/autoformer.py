"""The tiny supernet of AutoFormer: depth, embedding, and the heads and MLP ratio of each layer.

Chen et al., "AutoFormer: Searching Transformers for Visual Recognition", ICCV 2021, table 1, with the choices that
ViT-Bench-101 kept (Wei et al., "Auto-Prox", AAAI 2024). The networks of ViT-Bench-101 are given as dictionaries of
hidden_dim, depth, num_heads and mlp_ratio.
"""

from __future__ import annotations

from proxybench.spaces.encoder_chain import EncoderChain

DEPTHS = (12, 13, 14)
CHANNELS = (192, 216, 240)
HEADS = (3, 4)
RATIOS = (3.5, 4.0)


class AutoFormerTiny(EncoderChain):
    """1,056,964,608 networks: 3 embeddings, 12 to 14 layers, 4 combinations of heads and MLP ratio in each."""

    name = "autoformer-tiny"
    ops = ("input", *(f"attention_h{heads}" for heads in HEADS), *(f"mlp_r{ratio:g}" for ratio in RATIOS), "output")
    source = "Chen et al., ICCV 2021, https://arxiv.org/abs/2107.00651"
    example = "c192-" + "-".join(["h3r4"] * 11 + ["h4r3.5"])
    depths, embeddings, heads, ratios = DEPTHS, CHANNELS, HEADS, RATIOS
