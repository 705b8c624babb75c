"""NEAR: in how many directions the activations of each layer vary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer, Tap, proxy
from proxybench.proxies.batch_pass import batch_pass
from proxybench.proxies.counts import by_layer
from proxybench.proxies.probe import Probe


def effective_ranks(matrices: Sequence[Tensor]) -> list[float]:
    """The exponential of the entropy of each matrix's singular values divided by their sum (Roy and Vetterli, 2007).

    Between 1 and the smaller side; 0 for a matrix of zeros; NaN if an entry is not finite. Matrices of one shape are
    decomposed together.
    """
    by_shape: dict[torch.Size, list[int]] = defaultdict(list)
    for place, matrix in enumerate(matrices):
        by_shape[matrix.shape].append(place)
    ranks = [float("nan")] * len(matrices)
    for places in by_shape.values():
        stacked = torch.stack([matrices[place] for place in places]).double()
        finite = stacked.isfinite().all(-1).all(-1)
        largest = stacked.abs().amax((-1, -2), keepdim=True)
        safe = torch.where(finite[:, None, None] & (largest > 0), stacked / largest, torch.zeros_like(stacked))
        tall = safe if safe.shape[-2] <= safe.shape[-1] else safe.mT
        singular = torch.linalg.eigvalsh(tall @ tall.mT).clamp_min(0).sqrt()
        totals = singular.sum(-1, keepdim=True)
        shares = singular / totals.where(totals > 0, torch.ones_like(totals))
        found = torch.where(totals[:, 0] > 0, (-torch.xlogy(shares, shares).sum(-1)).exp(), 0.0)
        for place, rank, known in zip(places, found.tolist(), finite.tolist(), strict=True):
            ranks[place] = rank if known else float("nan")
    return ranks


@proxy(
    "near",
    source="Husistein, Reiher and Eckhoff, NEAR, ICLR 2025",
    formula="sum over modules with a weight and over activations of exp(entropy of the normalised singular values) of "
    "as many rows of their output as it has channels",
    needs=["images"],
    per_layer=True,
    taps=[Tap.ACTIVATION_ROWS],
)
def near(probe: Probe) -> Tensor:
    """Sum of the effective ranks of the outputs of convolutions, linear layers, normalisations and activations.

    One draw: the given weights, and of each output one random window of consecutive rows (positions of images), as many
    as there are channels, so that the matrix is square. The published figures are means over 32 draws, each with new
    weights; score 32 networks for that. Activations count if they are modules, as in the authors' code, and a module
    that is called again counts once. Takes time cubic in the number of channels. NaN if no module has a weight.
    """
    rows = probe.once(batch_pass).activation_rows
    if not rows:
        raise NoAnswer("no module of the network has a weight or is an activation")
    return by_layer(probe, dict(zip(rows, effective_ranks(list(rows.values())), strict=True)))
