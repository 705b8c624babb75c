"""NASWOT: how differently the rectifiers of an untrained network fire for the images of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from proxybench.proxies.base import NoAnswer, Tap, proxy
from proxybench.proxies.batch_pass import batch_pass
from proxybench.proxies.probe import Probe


@proxy(
    "nwot",
    source="Mellor et al., Neural Architecture Search without Training, ICML 2021, section 3",
    formula="log |det K|, K_ij = number of rectifier inputs whose sign images i and j share",
    needs=["images"],
    taps=[Tap.RECTIFIER_SIGNS],
)
def nwot(probe: Probe) -> float:
    """The log-determinant of the agreement between the activation patterns of the images.

    NaN if no rectifier is evaluated or K is singular: two images share all signs, or there are fewer rectifier inputs
    than images.
    """
    signs = probe.once(batch_pass).rectifier_signs
    if not signs:
        raise NoAnswer("the network has no rectifier")
    return log_determinant(sign_agreement(signs))


def sign_agreement(signs: list[Tensor]) -> Tensor:
    """The number of signs that each pair of images shares, from bool[n, neurons] each, float64[n, n] on the CPU."""
    agreement = torch.zeros((len(signs[0]),) * 2, dtype=torch.float64)
    for positive in signs:
        ones = positive.to(torch.float32)
        both = (ones @ ones.T).double().cpu()  # neurons that are positive for both images
        either = both.diagonal().clone()
        agreement += both.mul_(2).sub_(either[:, None] + either).add_(ones.shape[1])
    return agreement


def log_determinant(matrix: Tensor) -> float:
    """The logarithm of the determinant of a positive semidefinite matrix, float64[n, n].

    Raises:
        NoAnswer: if it is singular up to rounding.
    """
    eigenvalues = torch.linalg.eigvalsh(matrix)
    if not eigenvalues[0] > len(matrix) * torch.finfo(matrix.dtype).eps * eigenvalues[-1]:
        raise NoAnswer("the activation patterns of the images are linearly dependent")
    return float(eigenvalues.log().sum())
