"""Networks that mix tokens otherwise than vision transformers do, and those that read words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.attention import TOKENS, WIDTH, Block
from zoo.entry import CLASSES, Entry, note

WORDS_ONLY = dict.fromkeys(("synflow", "logsynflow"), "the input has no derivative")


class Patched(nn.Module):
    """Patches, blocks over tokens, the mean of tokens, a classifier."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.patches, self.blocks, self.last = (
            nn.Conv2d(3, WIDTH, 4, 4),
            nn.Sequential(*blocks),
            nn.Linear(WIDTH, CLASSES),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.blocks(self.patches(x).flatten(2).transpose(1, 2)).mean(1))


class MixerBlock(nn.Module):
    """A perceptron over tokens, one over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.tokens = nn.Sequential(nn.Linear(TOKENS, 6), nn.GELU(), nn.Linear(6, TOKENS))
        self.channels = nn.Sequential(nn.Linear(WIDTH, 12), nn.GELU(), nn.Linear(12, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm2(x))


class GatedBlock(nn.Module):
    """gMLP's: half of the channels, mixed over tokens, gate the other half."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.fc1, self.fc2 = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 12), nn.Linear(6, WIDTH)
        self.gate_norm, self.spatial = nn.LayerNorm(6), nn.Conv1d(TOKENS, TOKENS, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept, gate = functional.gelu(note(self.fc1(self.norm(x)))).chunk(2, -1)
        return x + self.fc2(kept * self.spatial(self.gate_norm(gate)))


class RMSNorm(nn.Module):
    """T5's and LLaMA's, written by hand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


class GatedUnit(nn.Module):
    """A perceptron with a gate, as in LLaMA, behind RMS normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = RMSNorm(WIDTH)
        self.gate_proj, self.up_proj = (nn.Linear(WIDTH, 12, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(12, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        return x + self.down_proj(functional.silu(note(self.gate_proj(y))) * self.up_proj(y))


class Conv1D(nn.Module):
    """A linear layer with its weight transposed, as in Hugging Face's GPT-2."""

    def __init__(self, n_out: int, n_in: int) -> None:
        super().__init__()
        self.nf = n_out
        self.weight, self.bias = nn.Parameter(0.3 * torch.randn(n_in, n_out)), nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(*x.shape[:-1], self.nf)


class GPTLike(nn.Module):
    """Images as sequences through Hugging Face's projections."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 4, 4)
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.c_attn, self.c_proj = Conv1D(3 * WIDTH, WIDTH), Conv1D(WIDTH, WIDTH)
        self.c_fc, self.c_out = Conv1D(16, WIDTH), Conv1D(WIDTH, 16)
        self.last = nn.Linear(WIDTH, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2).contiguous()
        q, k, v = self.c_attn(self.ln_1(x)).split(WIDTH, -1)
        x = x + self.c_proj(functional.scaled_dot_product_attention(q, k, v, is_causal=True))
        x = x + self.c_out(functional.gelu(note(self.c_fc(self.ln_2(x))), approximate="tanh"))
        return self.last(x[:, -1])


class LanguageModel(nn.Module):
    """Token numbers to logits: embeddings, blocks; the classifier reads the mean or shares the embedding's weight."""

    def __init__(self, words: int, *, tied: bool, causal: bool) -> None:
        super().__init__()
        self.embed, self.positions = nn.Embedding(words, WIDTH), nn.Embedding(5, WIDTH)
        self.block = Block(causal=causal, fused=False)
        self.norm = nn.LayerNorm(WIDTH)
        self.last = nn.Linear(WIDTH, words if tied else CLASSES, bias=False)
        if tied:
            self.last.weight = self.embed.weight
        self.causal = causal

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens) + self.positions(torch.arange(tokens.shape[1]))
        x = self.norm(self.block(x))
        return self.last(x[:, -1] if self.causal else x.mean(1))


@dataclass
class ModelOutput:
    """What a network of Hugging Face gives."""

    logits: Tensor
    hidden: Tensor


class NamedOutput(nn.Module):
    """Gives a dictionary or an object instead of logits."""

    def __init__(self, wrap: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.inner, self.last, self._wrap = Patched(MixerBlock()), nn.Linear(CLASSES, CLASSES), wrap

    def forward(self, x: Tensor) -> object:
        hidden = self.inner(x)
        return self._wrap(self.last(hidden), hidden)


ENTRIES: dict[str, Entry] = {
    "MLP-Mixer": Entry(
        lambda: Patched(MixerBlock(), MixerBlock()),
        ("patches", "*.tokens.?", "*.channels.?", "last"),
        10,
        10,
        1,
        skipped={"fisher": "channels are tokens"},
    ),
    "gMLP": Entry(lambda: Patched(GatedBlock(), GatedBlock()), ("patches", "*.fc?", "*.spatial", "last"), 8, 8, 3),
    "T5": Entry(lambda: Patched(GatedUnit(), GatedUnit()), ("patches", "*_proj", "last"), 8, 6, 1),
    # 4 tokens: to 24, 8, 16, 8 with biases
    "GPT-2 of Hugging Face": Entry(
        GPTLike,
        ("patches", "c_*", "last"),
        6,
        6,
        1,
        4 * (192 + 24 + 64 + 8 + 128 + 16 + 128 + 8) + 2 * 4 * 4 * 8,
        skipped={"fisher": "its projections are modules of its own"},
    ),
    "BERT": Entry(
        lambda: LanguageModel(11, tied=False, causal=False),
        ("block.attn.*", "block.fc?", "last"),
        5,
        5,
        0,
        2 * 5 * 5 * 8,
        (5,),
        11,
        skipped=WORDS_ONLY,
    ),
    "GPT with shared embeddings": Entry(
        lambda: LanguageModel(11, tied=True, causal=True),
        ("block.attn.*", "block.fc?", "embed"),
        5,
        5,
        0,
        2 * 5 * 5 * 8,
        (5,),
        11,
        skipped=WORDS_ONLY,
    ),
}
