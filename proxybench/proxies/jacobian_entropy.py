"""The entropy of the spectrum of the images' gradients: in how many directions they would change the network."""

from __future__ import annotations

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.ntk import layer_kernels
from proxybench.proxies.probe import Probe


def spectral_entropy(kernel: Tensor) -> float:
    """The entropy in nats of a positive semidefinite matrix's eigenvalues divided by their sum.

    Between 0 (one direction) and log n (n equally strong ones). Negative eigenvalues, which come from rounding, count
    as 0.

    Args:
        kernel: float64[n, n], symmetric.

    Raises:
        NoAnswer: if all eigenvalues are 0, or an entry is not finite.
    """
    if not kernel.isfinite().all():
        raise NoAnswer("the images' gradients are not finite")
    eigenvalues = torch.linalg.eigvalsh(kernel).clamp_min(0)
    total = eigenvalues.sum()
    if not total > 0:
        raise NoAnswer("the logits do not depend on the weights")
    shares = eigenvalues / total
    return -float(torch.xlogy(shares, shares).sum())


@proxy(
    "jacobian_entropy",
    source="IBFS, Few-shot Neural Architecture Search by the information bottleneck, ICML 2025",
    formula="-sum over eigenvalues v of p log p, p = v / sum of v, of K_ij = <d sum f(x_i)/dw, d sum f(x_j)/dw>, "
    "f the logits",
    needs=["images", "gradients"],
    batch_norm="fixed batch statistics",
)
def jacobian_entropy(probe: Probe) -> float:
    """Entropy of the squared singular values of the Jacobian whose rows are 16 images' gradients by the weights.

    At most log 16. The authors' code is not public, so this is our reading of their description, with the kernel of
    `ntk_cond`: the given weights of layers, the gradient of the sum of an image's logits, and the fixed statistics of
    the whole batch. Their tau of 0.752 is on a population that they do not state: NASWOT has 0.422 there, but 0.571 to
    0.636 on NAS-Bench-201 with CIFAR-10, where this proxy has 0.417. NaN for a single image, whose spectrum is one
    number.
    """
    if len(probe.images) < 2:
        raise NoAnswer("the spectrum of a Jacobian needs a batch of at least two images")
    return spectral_entropy(probe.once(layer_kernels).sum(0))
