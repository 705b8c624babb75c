"""Networks with attention, and others that mix tokens."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.entry import CLASSES, Entry, note

WIDTH, TOKENS = 8, 4  # images 3 x 8 x 8 in patches of 4


class Attention(nn.Module):
    """timm's: one projection to queries, keys and values, products written out or torch's own function."""

    def __init__(self, width: int = WIDTH, heads: int = 2, *, fused: bool = True, causal: bool = False) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads, self.fused, self.causal = heads, fused, causal

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if self.fused:
            out = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
            if self.causal:
                scores = scores.masked_fill(torch.ones(tokens, tokens).triu(1).bool(), -1e4)
            out = scores.softmax(-1) @ v
        return self.proj(out.transpose(1, 2).reshape(n, tokens, width))


class Block(nn.Module):
    """Attention and a perceptron, each behind a normalisation and parallel to the identity."""

    def __init__(self, width: int = WIDTH, *, fused: bool = True, causal: bool = False, ratio: int = 2) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, fused=fused, causal=causal)
        self.fc1, self.act, self.fc2 = nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.fc2(self.act(self.fc1(self.norm2(x))))


class VisionTransformer(nn.Module):
    """Patches, class tokens, positions, blocks; the classifier reads the class tokens."""

    def __init__(self, tokens: int = 1, *, fused: bool = True) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, WIDTH, 4, 4)
        self.cls_token = nn.Parameter(0.1 * torch.randn(1, tokens, WIDTH))
        self.pos_embed = nn.Parameter(0.1 * torch.randn(1, TOKENS + tokens, WIDTH))
        self.blocks = nn.Sequential(Block(fused=fused), Block(fused=fused))
        self.norm = nn.LayerNorm(WIDTH)
        self.heads = nn.ModuleList([nn.Linear(WIDTH, CLASSES) for _ in range(tokens)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        x = self.norm(self.blocks(x))
        return sum(head(x[:, place]) for place, head in enumerate(self.heads)) / len(self.heads)


class TokensFirst(nn.Module):
    """torch's attention over tokens that stand before the images."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 4, 4)
        self.attention = nn.MultiheadAttention(WIDTH, 2)
        self.fc1, self.fc2 = nn.Linear(WIDTH, 16), nn.Linear(16, WIDTH)
        self.last = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).permute(2, 0, 1)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        hidden = self.fc1(x)
        note(hidden.transpose(0, 1))
        return self.last((x + self.fc2(functional.gelu(hidden))).mean(0))


class Windows(nn.Module):
    """Swin's: attention in shifted windows of 2 x 2 over a channels-last map."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 2, 2)
        self.norm1, self.attn = nn.LayerNorm(WIDTH), Attention()
        self.norm2, self.fc1, self.fc2 = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 16), nn.Linear(16, WIDTH)
        self.merge, self.last = nn.Linear(4 * WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).permute(0, 2, 3, 1)
        n, height, width, channels = x.shape
        y = torch.roll(self.norm1(x), (-1, -1), (1, 2))
        y = y.view(n, height // 2, 2, width // 2, 2, channels).transpose(2, 3).reshape(-1, 4, channels)
        y = self.attn(y).view(n, height // 2, width // 2, 2, 2, channels).transpose(2, 3).reshape(x.shape)
        x = x + torch.roll(y, (1, 1), (1, 2))
        x = x + self.fc2(functional.gelu(note(self.fc1(self.norm2(x)))))
        merged = torch.cat([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], -1)
        return self.last(self.merge(merged).mean((1, 2)))


class CLIP(nn.Module):
    """Two towers: images against learned descriptions of the classes; normalisation in single precision."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = nn.Conv2d(3, WIDTH, 4, 4)
        self.norm = nn.LayerNorm(WIDTH)
        self.image_projection, self.text_projection = (nn.Linear(WIDTH, 6, bias=False) for _ in range(2))
        self.classes = nn.Parameter(torch.randn(CLASSES, WIDTH))
        self.logit_scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        x = self.visual(x).flatten(2).mean(-1)
        x = functional.normalize(self.image_projection(self.norm(x.float()).to(x.dtype)), dim=-1)
        text = functional.normalize(self.text_projection(self.classes), dim=-1)
        return self.logit_scale.exp() * x @ text.t()


class Cross(nn.Module):
    """Learned queries attend to the tokens: DETR's decoder and Perceiver's latent vectors."""

    def __init__(self, queries: int) -> None:
        super().__init__()
        self.backbone = nn.Conv2d(3, WIDTH, 2, 2)
        self.queries = nn.Parameter(torch.randn(queries, WIDTH))
        self.to_q, self.to_kv = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, 2 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, 16), nn.Linear(16, WIDTH)
        self.last = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.backbone(x).flatten(2).transpose(1, 2)
        latent = self.queries.expand(len(x), -1, -1)
        k, v = self.to_kv(x).chunk(2, -1)
        weights = torch.einsum("bqc,bkc->bqk", self.to_q(latent), k).softmax(-1)
        latent = latent + self.out(torch.einsum("bqk,bkc->bqc", weights, v))
        latent = latent + self.fc2(functional.relu(note(self.fc1(latent))))
        return self.last(latent).mean(1)


class Perceiver(nn.Module):
    """Two rounds of the same cross-attention: learned vectors read the pixels again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.latent = nn.Parameter(0.5 * torch.randn(3, WIDTH))
        self.read = nn.MultiheadAttention(WIDTH, 2, kdim=3, vdim=3, batch_first=True)
        self.fc1, self.fc2, self.last = nn.Linear(WIDTH, 12), nn.Linear(12, WIDTH), nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        pixels = x.flatten(2).transpose(1, 2)
        latent = self.latent.expand(len(x), -1, -1)
        for _ in range(2):
            latent = latent + self.read(latent, pixels, pixels, need_weights=False)[0]
            latent = latent + self.fc2(functional.gelu(note(self.fc1(latent))))
        return self.last(latent.mean(1))


BLOCK = ("blocks.*.attn.*", "blocks.*.fc?")
# Two products of each attention, both tokens x tokens x width; width is 8.
ENTRIES: dict[str, Entry] = {
    "ViT": Entry(VisionTransformer, ("patch_embed", *BLOCK, "heads.0"), 10, 10, 1, 2 * 2 * 5 * 5 * 8),
    "ViT with products written out": Entry(
        lambda: VisionTransformer(fused=False), ("patch_embed", *BLOCK, "heads.0"), 10, 10, 1, 2 * 2 * 5 * 5 * 8
    ),
    "DeiT": Entry(lambda: VisionTransformer(2), ("patch_embed", *BLOCK, "heads.*"), 11, 10, 1, 2 * 2 * 6 * 6 * 8),
    "tokens before images": Entry(
        TokensFirst,
        ("patches", "attention.in_proj_weight", "attention.out_proj", "fc?", "last"),
        *(6, 6, 1),
        # The projections of torch's attention are no modules that are called: 4 tokens to 24 and to 8.
        products=4 * (192 + 24) + 4 * (64 + 8) + 2 * 4 * 4 * 8,
        skipped={"fisher": "images do not come first"},
    ),
    # 4 windows of 4 tokens each
    "Swin": Entry(
        Windows,
        ("patches", "attn.*", "fc?", "merge", "last"),
        7,
        7,
        1,
        4 * 2 * 4 * 4 * 8,
        skipped={"fisher": "windows come first"},
    ),
    "CLIP": Entry(
        CLIP,
        ("visual", "image_projection", "text_projection", "classes"),
        4,
        3,
        1,
        6 * 4,
        single=True,
        skipped={"fisher": "a learned matrix is no module"},
    ),
    # 16 tokens and 5 queries
    "DETR": Entry(
        lambda: Cross(5),
        ("backbone", "queries", "to_*", "out", "fc?", "last"),
        8,
        7,  # keys times queries, which come from weights alone, are a linear map too
        1,
        2 * 5 * 16 * 8,
        skipped={"fisher": "learned queries are no module"},
    ),
    # Twice: 3 queries of 8, 64 keys and values of 3; all with biases.
    "Perceiver": Entry(
        Perceiver,
        ("latent", "read.?_proj_weight", "read.out_proj", "fc?", "last"),
        8,
        10,  # keys, learned queries times keys, output, fc1, fc2; then queries of these, output, fc1, fc2; last
        0,
        2 * (3 * (64 + 8) + 2 * 64 * (24 + 8) + 2 * 3 * 64 * 8 + 3 * (64 + 8)),
        skipped={"fisher": "projections of attention are no modules"},
    ),
}
