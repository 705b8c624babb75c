"""ZiCo: how large each weight's gradient is compared with how much it differs between batches."""

from __future__ import annotations

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.probe import Probe
from proxybench.proxies.split_pass import split_pass


def inverse_variation(halves: Tensor) -> Tensor:
    """Sum over weights of mean |g| / std g for the gradients of two batches, [2, *weight.shape]; float64[].

    For two values the mean magnitude is (|g1| + |g2|) / 2 and the standard deviation, with n = 2 in the denominator, is
    |g1 - g2| / 2. Weights whose gradient does not vary are skipped.
    """
    first, second = halves.double()
    differences = (first - second).abs()
    ratios = (first.abs() + second.abs()).div_(differences)
    total: Tensor = ratios.masked_fill_(differences == 0, 0).sum()  # a NaN of the gradients reaches the sum
    return total.cpu()


@proxy(
    "zico",
    source="Li, Yang, Bhardwaj and Marculescu, ZiCo, ICLR 2023, the definition of ZiCo",
    formula="sum over layers of log sum over weights of (mean over batches of |dL/dw|) / (std over batches of dL/dw)",
    needs=["images", "labels", "gradients"],
    per_layer=True,
)
def zico(probe: Probe) -> Tensor:
    """Sum over layers of the log of the summed inverse coefficients of variation of the gradients.

    The two batches are the halves of the given batch, each normalised by its own statistics. A layer without a varying
    gradient adds nothing. The published code does not clear the gradients between its batches, so that its second
    sample is the sum of both; here, as in the equation, it is the second batch alone. NaN for a batch of one image, or
    if no gradient differs between the halves.
    """
    totals = [inverse_variation(halves) for halves in probe.once(split_pass)]
    if not any(total != 0 for total in totals):
        raise NoAnswer("no gradient differs between the halves of the batch")
    return torch.stack([total if total == 0 else total.log() for total in totals])
