"""Proxies that depend only on the weights, and the control that ignores the network."""

from __future__ import annotations

import torch
from torch import Tensor

from proxybench.proxies.base import proxy
from proxybench.proxies.probe import Probe


@proxy(
    "l2_norm",
    source="Abdelfattah et al., ICLR 2021",
    formula="sum over layers of ||w||_2",
    batch_norm="unused",
    per_layer=True,
)
def l2_norm(probe: Probe) -> Tensor:
    """Sum over layers of the Euclidean norm of the weight."""
    norms = [layer.values.double().norm().cpu() for layer in probe.layers]
    return torch.stack(norms) if norms else torch.zeros(0, dtype=torch.float64)


@proxy("random", source="control", formula="a uniform random number of the seed", batch_norm="unused")
def random(probe: Probe) -> float:
    """A number that depends only on the seed: the baseline that a proxy must beat.

    A sweep gives every architecture its own seed.
    """
    return float(torch.rand((), generator=probe.generator("random"), dtype=torch.float32))
