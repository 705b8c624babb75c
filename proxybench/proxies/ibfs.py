"""IBFS: how evenly the images' gradients with respect to the weights spread over directions."""

from __future__ import annotations

import torch

from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.ntk import layer_kernels
from proxybench.proxies.probe import Probe


@proxy(
    "ibfs",
    source="Kang, Revisiting Neural Networks for Few-Shot Learning: A Zero-Cost NAS Perspective, ICML 2025, "
    "equations 9 and 10",
    formula="-sum over k of p_k log p_k, p the eigenvalues of J J' divided by their sum, J the images' gradients",
    needs=["images", "gradients"],
    batch_norm="fixed batch statistics",
)
def ibfs(probe: Probe) -> float:
    """Entropy in nats of the spectrum of the tangent kernel between 16 images; between 0 and log 16.

    The kernel is that of ntk_cond: the gradients are those of the sum of an image's logits with respect to the weights.
    There is no public code; the paper does not say whether the spectrum consists of singular values or, as here, of
    their squares. NaN if no gradient reaches a weight, or for a batch of one image.
    """
    if len(probe.images) < 2:
        raise NoAnswer("the spectrum of a single gradient has no entropy")
    eigenvalues = torch.linalg.eigvalsh(probe.once(layer_kernels).sum(0)).clamp_min(0)
    total = eigenvalues.sum()
    if total == 0:
        raise NoAnswer("no gradient of the logits reaches a weight")
    shares = eigenvalues / total
    return float(-torch.xlogy(shares, shares).sum())
