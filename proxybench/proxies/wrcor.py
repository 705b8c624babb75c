"""WRCor: how independent the images' activations and gradients are, with more weight on later blocks."""

from __future__ import annotations

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer, Tap, proxy
from proxybench.proxies.batch_pass import batch_pass
from proxybench.proxies.probe import Probe
from proxybench.proxies.responses import RESOLUTION


def log_determinant(matrix: Tensor) -> float:
    """The logarithm of |det| of a symmetric matrix, float64[n, n].

    Raises:
        NoAnswer: if it is singular up to the rounding of correlations in single precision.
    """
    sizes = torch.linalg.eigvalsh(matrix).abs()
    if not sizes.min() > RESOLUTION * sizes.max():
        raise NoAnswer("the responses of the images are linearly dependent")
    return float(sizes.log().sum())


@proxy(
    "wrcor",
    source="Jing et al., Zero-Shot NAS with Weighted Response Correlation, Neurocomputing 2025, equations 10 and 11",
    formula="log |det K|, K = sum over rectifiers of 2^l (|correlations of inputs| + |correlations of the loss's "
    "gradients there|) between images, l the blocks before",
    needs=["images", "labels", "gradients"],
    taps=[Tap.RECTIFIER_RESPONSES],
)
def wrcor(probe: Probe) -> float:
    """The log-determinant of the weighted response correlations.

    As in the authors' code, l is the number of blocks (cells) that end before the rectifier, and a rectifier for which
    the correlation of some image is undefined, because it responds to it with a constant or has no gradient, is left
    out. NaN for a batch of one image, for a network without a rectifier, or if the images' responses are linearly
    dependent.
    """
    if len(probe.images) < 2:
        raise NoAnswer("correlations need a batch of at least two images")
    return log_determinant(probe.once(batch_pass).rectifier_responses)
