"""L-SWAG: how little each layer's gradients vary between batches, times the number of activation patterns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer, Tap, proxy
from proxybench.proxies.batch_pass import batch_pass
from proxybench.proxies.packed_signs import packed_signs
from proxybench.proxies.probe import Probe
from proxybench.proxies.split_pass import split_pass


def summed_inverse_deviation(samples: Tensor) -> Tensor:
    """Sum over weights of 1 / std |g| for gradients g [batches, *weight.shape]; float64[].

    The standard deviation is over n batches, with n in the denominator. Weights whose |g| does not vary are skipped.
    """
    first, second = samples.abs().double()
    deviations = (first - second).abs() / 2  # standard deviation of two values, with n in the denominator
    total: Tensor = deviations.reciprocal().masked_fill_(deviations == 0, 0).sum().cpu()  # a NaN reaches the sum
    return total


def distinct_patterns(signs: Sequence[Tensor]) -> int:
    """Number of different sign vectors over the n images among the neurons of all rectifiers; bool[n, neurons] each."""
    octets = torch.cat([packed_signs(positive).cpu() for positive in signs], 1).T.numpy()
    whole = np.zeros((len(octets), -(-octets.shape[1] // 8) * 8), dtype=np.uint8)
    whole[:, : octets.shape[1]] = octets
    words = whole.view(np.uint64)
    found = words[:, 0].copy()
    for column in words.T[1:]:  # 64 images a word: patterns so far as numbers, then paired with the next word
        found = np.unique(found, return_inverse=True)[1].astype(np.uint64) << np.uint64(32)
        found |= np.unique(column, return_inverse=True)[1].astype(np.uint64)
    found.sort()  # several times faster than np.unique
    return int(len(found) > 0) + int(np.count_nonzero(found[1:] != found[:-1]))


@proxy(
    "l_swag",
    source="Casarin, Escalera and Lanz, L-SWAG, CVPR 2025, equation 1",
    formula="(sum over layers of log sum over weights of 1 / std over batches of |dL/dw|) * number of distinct "
    "activation patterns",
    needs=["images", "labels", "gradients"],
    per_layer=True,
    taps=[Tap.RECTIFIER_SIGNS],
)
def l_swag(probe: Probe) -> Tensor:
    """Trainability times expressivity.

    All layers count: the paper leaves out layers chosen for each benchmark from the statistics of a thousand networks,
    which does not change its figures for NAS-Bench-201 (table 3). The two batches are the halves of the given batch. A
    layer whose gradients do not vary adds nothing. NaN for a batch of one image, for a network without a rectifier, or
    if no gradient differs between the halves.
    """
    signs = probe.once(batch_pass).rectifier_signs
    if not signs:
        raise NoAnswer("the network has no rectifier")
    totals = [summed_inverse_deviation(samples) for samples in probe.once(split_pass)]
    if not any(total != 0 for total in totals):
        raise NoAnswer("no gradient differs between the halves of the batch")
    logs = [total if total == 0 else total.log() for total in totals]
    return torch.stack(logs) * distinct_patterns(signs)
