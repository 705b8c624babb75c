"""SWAP: the number of different patterns in which neurons fire over a few images."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer, Tap, proxy
from proxybench.proxies.batch_pass import batch_pass
from proxybench.proxies.packed_signs import packed_signs
from proxybench.proxies.probe import Probe

SAMPLES = 16


def sample_patterns(signs: Iterable[Tensor]) -> int:
    """How many of the 2^n on-off patterns over n images occur in some neuron; bool[n, neurons] for each rectifier.

    It marks entries in a table of all patterns, so n must be small (16 images: 64 KiB).
    """
    seen = torch.zeros(0, dtype=torch.bool)
    for positive in signs:
        first, *others = packed_signs(positive)
        code = first.long()
        for octet in others:
            code = code * 256 + octet
        if not len(seen):
            seen = torch.zeros(256 ** (1 + len(others)), dtype=torch.bool, device=positive.device)
        seen[code] = True
    return int(seen.sum())


@proxy(
    "swap",
    source="Peng, Song, Fayek, Ciesielski and Chang, SWAP-NAS, ICLR 2024, SWAP-Score",
    formula="number of distinct patterns (input of a rectifier positive or not, over 16 images) among all neurons",
    needs=["images"],
    taps=[Tap.RECTIFIER_SIGNS],
)
def swap(probe: Probe) -> float:
    """The number of distinct sample-wise activation patterns over the first 16 images of the batch, at most 65,536.

    It uses the given weights and batch normalisation over the whole batch, so it needs no pass of its own. The
    published code averages over 32 draws of standard normal weights, whose scale batch normalisation removes; the
    regularised score needs a target size for each space and is not computed. NaN if no rectifier is evaluated.
    """
    signs = probe.once(batch_pass).rectifier_signs
    if not signs:
        raise NoAnswer("the network has no rectifier")
    return float(sample_patterns(positive[:SAMPLES] for positive in signs))
