"""Estimates of paths with the weights of a supernet, each with batch normalisation statistics of its own.

The running statistics of a supernet mix those of all paths; "To Share or Not To Share" (Pourchot et al., 2020) finds
that rank correlations triple if they are recomputed for each path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from proxybench.oneshot.supernet import Path, Supernet, norms_of
from proxybench.training.train import Part

CALIBRATION = 1000  # training images from which the statistics of a path are computed
AT_ONCE = 500  # images


@dataclass(frozen=True)
class Estimates:
    """Estimates of n architectures.

    Attributes:
        accuracy: on the validation images, in percent, float64[n]; NaN where the loss is not finite, and of a method
            that does not classify.
        loss: mean cross-entropy in nats, or the loss of a method that does not classify, float64[n]; smaller is better.
        seconds: processor seconds of all of them, or wall time on another device.
    """

    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]
    seconds: float


def estimate(supernet: Supernet, path: Path, calibration: Tensor | None, validation: Part) -> tuple[float, float]:
    """Accuracy in percent and mean cross-entropy in nats of a path.

    They depend on nothing but the weights of the path and the images: not on earlier estimates.

    Args:
        supernet: the trained weights; they are not modified.
        path: a path of the supernet.
        calibration: training images, [n, channels, h, w], for the statistics of batch normalisation; None for those of
            the supernet as they are, which mix all paths.
        validation: the images to classify.
    """
    supernet.select(path)
    correct, loss = 0, 0.0
    with torch.no_grad():
        if calibration is not None:
            _take_statistics(supernet, calibration)
        supernet.eval()
        for start in range(0, len(validation), AT_ONCE):
            labels = validation.labels[start : start + AT_ONCE]
            logits = supernet(validation.images[start : start + AT_ONCE])
            correct += int((logits.argmax(1) == labels).sum())
            loss += float(cross_entropy(logits.double(), labels, reduction="sum"))
    loss /= len(validation)
    return (100 * correct / len(validation) if np.isfinite(loss) else np.nan), loss


def _take_statistics(supernet: Supernet, images: Tensor) -> None:
    """Replace the statistics of batch normalisation by the plain means of those of some batches."""
    norms = list(norms_of(supernet))
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    supernet.train()
    for batch in torch.split(images, AT_ONCE):
        supernet(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
