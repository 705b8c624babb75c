"""PA&DA: paths and images are drawn in proportion to the norms of their gradients.

Lu et al., "PA&DA: Jointly Sampling PAth and DAta for Consistent NAS", CVPR 2023: the gradients of a supernet vary least
if both are. No weights correct the loss for the uneven draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from proxybench.oneshot.method import Batch, Method
from proxybench.oneshot.supernet import Part, Path, Supernet

Floats = NDArray[np.float64]


@dataclass
class PADA(Method):
    """PA&DA: uniform draws turn, epoch by epoch, into draws in proportion to gradient norms.

    After a fraction `tau` of the epochs, an option or image is drawn with probability tau * norm / sum of the norms
    + (1 - tau) / number. All choices with equally many options share the norms of the options, as in cells in which
    every edge has the same operations.

    Args:
        by_path: whether paths follow the norms; an option's norm is that of the gradient of its convolutions, averaged
            over the choices that have it, as a running mean of the old and the new value.
        by_image: whether images do; an image's norm is that of the gradient of the loss with respect to its logits.
    """

    by_path: bool = True
    by_image: bool = True

    def begin(self, supernet: Supernet, images: int) -> None:
        sizes = sorted(set(supernet.options))
        self._norms: dict[int, Floats] = {size: np.zeros(size) for size in sizes}
        self._chances: dict[int, Floats] = {size: np.full(size, 1 / size) for size in sizes}
        self._image_chances: Floats = np.full(images, 1 / images)
        self._image_norms, self._visits = np.zeros(images), np.zeros(images)

    def rows(self, images: int, rng: np.random.Generator) -> NDArray[np.int64]:
        if not self.by_image:
            return super().rows(images, rng)
        return rng.choice(images, images, p=self._image_chances)

    def paths(self, supernet: Supernet, part: Part, rng: np.random.Generator) -> list[Path]:
        drawn = []
        for allowed, options in zip(part, supernet.options, strict=True):
            chances = self._chances[options][list(allowed)]
            drawn.append(int(rng.choice(allowed, p=chances / chances.sum())))
        return [tuple(drawn)]

    def after_path(self, supernet: Supernet, path: Path, batch: Batch, logits: Tensor) -> None:
        if self.by_image:
            errors = torch.softmax(logits, 1)
            errors[torch.arange(len(errors)), batch.labels] -= 1
            np.add.at(self._image_norms, batch.rows, errors.norm(dim=1).cpu().double().numpy())
            np.add.at(self._visits, batch.rows, 1)
        if self.by_path:
            self._note_options(supernet, path)

    def after_epoch(self, done: float) -> None:
        for size, norms in self._norms.items():
            self._chances[size] = _mixed(norms, done)
        if self.by_image:
            mean = self._image_norms / np.maximum(self._visits, 1)
            seen = self._visits > 0
            self._image_chances = _mixed(np.where(seen, mean, mean[seen].mean()), done)
            self._image_norms, self._visits = np.zeros_like(mean), np.zeros_like(mean)

    def state(self) -> dict[str, Any]:
        return {name: _tensors(getattr(self, name)) for name in _STATE if hasattr(self, name)}

    def restore(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, _arrays(value))

    def _note_options(self, supernet: Supernet, path: Path) -> None:
        """Average the norms of this path's options into the running means."""
        found: dict[tuple[int, int], list[float]] = {}
        for choice, option in enumerate(path):
            places = supernet.parameters_of(choice, option)
            total = sum(_norm(weights) for place in places for weights in place)
            found.setdefault((supernet.options[choice], option), []).append(total)
        for (size, option), totals in found.items():
            self._norms[size][option] = (self._norms[size][option] + np.mean(totals)) / 2


_STATE = ("_norms", "_chances", "_image_chances", "_image_norms", "_visits")


def _mixed(norms: Floats, tau: float) -> Floats:
    """Chances in proportion to the norms, mixed with equal ones; equal if no norm is above 0."""
    total = norms.sum()
    equal: Floats = np.full(len(norms), 1 / len(norms))
    if not (np.isfinite(total) and total > 0):
        return equal
    chances: Floats = tau * norms / total + (1 - tau) * equal
    chances /= chances.sum()
    return chances


def _norm(weights: torch.nn.Parameter) -> float:
    """Norm of the gradient of a convolution; 0 for normalisations and for weights without a gradient."""
    return 0.0 if weights.grad is None or weights.dim() < 2 else float(weights.grad.norm())


def _tensors(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tensors(item) for key, item in value.items()}
    return torch.from_numpy(value.copy())


def _arrays(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _arrays(item) for key, item in value.items()}
    return value.cpu().numpy().copy()
