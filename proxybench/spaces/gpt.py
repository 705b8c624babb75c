"""The three spaces of HW-GPT-Bench: small, medium and large decoders with variable depth, width, heads and MLP ratios.

Sukthanker et al., "HW-GPT-Bench: Hardware-Aware Architecture Benchmark for Language Models", NeurIPS 2024, table 1. The
published dictionaries list heads and ratios for all layers of the deepest network; those beyond the depth are unused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxybench.spaces.encoder_chain import EncoderChain
from proxybench.spaces.spelling import is_row

RATIOS = (2, 3, 4)
_FIELDS = {f"sample_{name}" for name in ("embed_dim", "n_layer", "layer_indices", "n_head", "mlp_ratio", "bias")}


class _GPT(EncoderChain):
    source = "Sukthanker et al., NeurIPS 2024, https://arxiv.org/abs/2405.10299"
    ratios = RATIOS
    biases = (0, 1)

    def _text_of(self, value: Any) -> str | None:
        """The published dictionary: embed_dim, n_layer, layer_indices, n_head, mlp_ratio and bias, after sample_."""
        if not isinstance(value, Mapping) or value.keys() != _FIELDS:
            return None
        channels, depth, places, heads, ratios, bias = (
            value[f"sample_{name}"] for name in ("embed_dim", "n_layer", "layer_indices", "n_head", "mlp_ratio", "bias")
        )
        if not (is_row((channels, depth), int) and is_row(heads, int) and is_row(ratios, int) and type(bias) is bool):
            return None
        if depth not in self.depths or places != tuple(range(depth)) or not len(heads) == len(ratios) >= depth:
            return None
        layers = [f"h{head}r{ratio}" for head, ratio in zip(heads[:depth], ratios[:depth], strict=True)]
        return "-".join([f"c{channels}b{int(bias)}", *layers])


def _ops(heads: tuple[int, ...]) -> tuple[str, ...]:
    return ("input", *(f"attention_h{count}" for count in heads), *(f"mlp_r{ratio}" for ratio in RATIOS), "output")


class GPTSmall(_GPT):
    """10 to 12 layers: 2 * 3 * (9^10 + 9^11 + 9^12) networks, some 1.9 * 10^12."""

    name = "gpt-s"
    heads = (4, 8, 12)
    ops = _ops(heads)
    example = "c768b1-" + "-".join(["h12r4"] * 9 + ["h4r2"])
    depths, embeddings = (10, 11, 12), (192, 384, 768)


class GPTMedium(_GPT):
    """22 to 24 layers: 2 * 3 * (9^22 + 9^23 + 9^24) networks."""

    name = "gpt-m"
    heads = (8, 12, 16)
    ops = _ops(heads)
    example = "c1024b0-" + "-".join(["h16r4"] * 21 + ["h8r3"])
    depths, embeddings = (22, 23, 24), (256, 512, 1024)


class GPTLarge(_GPT):
    """34 to 36 layers: 2 * 3 * (9^34 + 9^35 + 9^36) networks."""

    name = "gpt-l"
    heads = (8, 16, 20)
    ops = _ops(heads)
    example = "c1280b1-" + "-".join(["h20r4"] * 33 + ["h8r2"])
    depths, embeddings = (34, 35, 36), (320, 640, 1280)
