"""Losses that teach a predictor an order: the smooth Kendall tau, pairwise and listwise losses, squared error.

Each takes predicted scores and targets, both tensors [n] with larger better, and gives a number to minimise; `LOSSES`
names them. `diff_kendall` is the smooth tau itself, to maximise.

The types of the two may differ. A loss is worked out and returned in the wider one, and at least in float32, because
sums over pairs leave float16 and bfloat16 from some hundred architectures on; gradients come back in the type of what
they belong to. Targets may be integers or booleans. All losses raise ValueError for anything but two vectors of one
length, at least two long, for complex numbers and for targets that are not finite, and TypeError for anything but
tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from predictors.registry import Registry

Loss = Callable[[Tensor, Tensor], Tensor]
_EXACT_IN_FLOAT32 = 2**24  # whole numbers up to here
_PAIRS_AT_ONCE = 2**22  # bounds the memory of diff_kendall: a few arrays of so many values


def diff_kendall(x: Tensor, y: Tensor, alpha: float = 0.5) -> Tensor:
    """Smooth Kendall tau: the mean over unordered pairs of tanh(alpha dx / 2) tanh(alpha dy / 2), in [-1, 1].

    It tends to tau-a as alpha grows. A pair tied in either counts 0 and stays in the mean, so it tends to less than
    1 in the presence of ties, however well ordered the rest. It depends on alpha times the scale of x and of y:
    standardise both, or alpha means nothing; only in the limit does scale not matter.

    Memory is O(n), time O(n^2), gradients included: n = 20,000 needs some hundred megabytes and some seconds.

    Args:
        x: scores, a tensor [n].
        y: targets, a tensor [n], in a type of their own where they have one.
        alpha: sharpness, above 0.

    Returns:
        A scalar; differentiable once in x and y.

    Raises:
        ValueError: for other shapes, fewer than two values, targets that are not finite, or an alpha not above 0.

    Source: ParZC (Dong et al., AAAI 2025), equation of DiffKendall, there with sigmoid(a d) - sigmoid(-a d), which is
    tanh(a d / 2), and a = 0.5.
    """
    x, y = _checked(x, y)
    if not alpha > 0:
        raise ValueError(f"alpha is {alpha}; it must be above 0")
    value: Tensor = _SmoothTau.apply(x, y, float(alpha))  # type: ignore[no-untyped-call]
    return value


class _SmoothTau(torch.autograd.Function):
    """diff_kendall in blocks of rows; gradients are made on the way, so that nothing of size n x n is kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, alpha: float) -> Tensor:
        n = len(x)
        total = x.new_zeros(())
        gradients = [torch.zeros_like(x) if needed else None for needed in ctx.needs_input_grad[:2]]
        rows = max(1, _PAIRS_AT_ONCE // n)
        for start in range(0, n, rows):
            block = slice(start, start + rows)
            of_x = ((x[block, None] - x) * (alpha / 2)).tanh_()
            of_y = ((y[block, None] - y) * (alpha / 2)).tanh_()
            total += torch.dot(of_x.flatten(), of_y.flatten())
            # Each pair stands twice in `total`, hence alpha and not alpha / 2; d tanh(u) is 1 - tanh(u)^2.
            for gradient, own, other in zip(gradients, (of_x, of_y), (of_y, of_x), strict=True):
                if gradient is not None:
                    gradient[block] = torch.addcmul(other, own.square(), other, value=-1).sum(dim=1) * alpha
        ctx.gradients = [None if gradient is None else gradient / (n * (n - 1)) for gradient in gradients]
        return total / (n * (n - 1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        of_x, of_y = (None if gradient is None else outer * gradient for gradient in ctx.gradients)
        return of_x, of_y, None


def diff_kendall_loss(predicted: Tensor, targets: Tensor, alpha: float = 0.5) -> Tensor:
    """1 - diff_kendall, in [0, 2]."""
    return 1 - diff_kendall(predicted, targets, alpha)


@dataclass(frozen=True)
class AnnealedKendall:
    """diff_kendall_loss whose alpha runs geometrically from `start` to `end` while training proceeds.

    A smooth start has gradients from every pair, a sharp end is close to tau itself.

    Args:
        start: alpha at progress 0, and wherever no progress is told.
        end: alpha at progress 1.

    Raises:
        ValueError: when one is not above 0.
    """

    start: float = 0.5
    end: float = 5.0

    def __post_init__(self) -> None:
        if not min(self.start, self.end) > 0:
            raise ValueError(f"alpha from {self.start} to {self.end}: both must be above 0")

    def alpha(self, progress: float) -> float:
        """Alpha at a progress of training from 0 to 1."""
        return self.start * math.exp(progress * math.log(self.end / self.start))

    def __call__(self, predicted: Tensor, targets: Tensor, progress: float = 0.0) -> Tensor:
        return diff_kendall_loss(predicted, targets, self.alpha(progress))


ANNEALED = AnnealedKendall()


def mse(predicted: Tensor, targets: Tensor) -> Tensor:
    """Mean of (prediction - target)^2."""
    predicted, targets = _checked(predicted, targets)
    return (predicted - targets).square().mean()


def hinge(predicted: Tensor, targets: Tensor, margin: float = 0.1) -> Tensor:
    """Mean over pairs with y_i > y_j of max(0, margin - (s_i - s_j)); 0 where all targets are tied.

    Source: GATES (Ning et al., ECCV 2020), its pairwise ranking loss; margin 0.1 as in the authors' code.
    """
    predicted, targets = _checked(predicted, targets)
    return _mean_over_ordered(torch.relu(margin - _differences(predicted)), targets)


def bpr(predicted: Tensor, targets: Tensor) -> Tensor:
    """Bayesian personalised ranking: mean over pairs with y_i > y_j of -log sigmoid(s_i - s_j); 0 where all are tied.

    Source: Rendle et al., UAI 2009, BPR-Opt without its prior, for weight decay is the optimiser's.
    """
    predicted, targets = _checked(predicted, targets)
    return _mean_over_ordered(torch.nn.functional.softplus(-_differences(predicted)), targets)


def relation(predicted: Tensor, targets: Tensor) -> Tensor:
    """Binary relation: mean over unordered pairs of KL(softmax(y_i, y_j) || softmax(s_i, s_j)).

    Every pair counts, tied ones pull their scores together, and distances of targets matter: their scale is that of
    the softmax. BRP-NAS puts one linear layer on the two joined embeddings; made antisymmetric, as an order needs
    it, that is a difference of scores, and so the loss takes scores.

    Source: BRP-NAS (Dudziak et al., NeurIPS 2020); target probabilities as in the authors' code.
    """
    predicted, targets = _checked(predicted, targets)
    scores = _differences(predicted)
    distances = _differences(targets)
    probability = distances.sigmoid()
    # KL(p || q) of two outcomes; the other outcome of (i, j) is the first of (j, i), which the sum also has.
    terms = probability * (torch.nn.functional.logsigmoid(distances) - torch.nn.functional.logsigmoid(scores))
    n = len(predicted)
    return 2 * terms.sum() / (n * (n - 1))


def listmle(predicted: Tensor, targets: Tensor) -> Tensor:
    """ListMLE: -log of the Plackett-Luce probability of the order of the targets, divided by n.

    Tied targets keep the order they are given in.

    Source: Xia et al., ICML 2008, the likelihood loss.
    """
    predicted, targets = _checked(predicted, targets)
    best_last = predicted[torch.argsort(targets, descending=True, stable=True)].flip(0)
    return (torch.logcumsumexp(best_last, dim=0) - best_last).mean()


LOSSES = Registry(
    "loss",
    {
        "bpr": "predictors.losses:bpr",
        "diffkendall": "predictors.losses:diff_kendall_loss",
        "diffkendall-annealed": "predictors.losses:ANNEALED",
        "hinge": "predictors.losses:hinge",
        "listmle": "predictors.losses:listmle",
        "mse": "predictors.losses:mse",
        "relation": "predictors.losses:relation",
    },
)


def named_loss(loss: str | Loss) -> Loss:
    """The loss of a name, or the function itself. Raises UnknownName with the nearest name."""
    if callable(loss):
        return loss
    found: Loss = LOSSES[loss]
    return found


def _checked(predicted: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Both in the type that a loss is worked out in, after a look at what they are."""
    for name, one in (("scores", predicted), ("targets", targets)):
        if not isinstance(one, Tensor):
            raise TypeError(f"{name} must be a torch tensor, not a {type(one).__name__}; make one with torch.as_tensor")
        if one.is_complex():
            raise ValueError(f"{name} must be real numbers, not {one.dtype}")
    if predicted.ndim != 1 or predicted.shape != targets.shape:
        raise ValueError(
            f"scores of shape {tuple(predicted.shape)} and targets of shape {tuple(targets.shape)}; both must be [n]"
        )
    if len(predicted) < 2:
        raise ValueError(f"an order needs at least two values; there are {len(predicted)}")
    wrong = ~torch.isfinite(targets)
    if wrong.any():
        raise ValueError(f"{int(wrong.sum())} targets are NaN or infinite; leave those architectures out")
    dtype = torch.promote_types(predicted.dtype, targets.dtype)
    if not targets.is_floating_point() and targets.dtype != torch.bool and _beyond_float32(targets):
        dtype = torch.float64
    dtype = torch.promote_types(dtype if dtype.is_floating_point else torch.float32, torch.float32)
    return predicted.to(dtype), targets.to(dtype)


def _beyond_float32(integers: Tensor) -> bool:
    """Whether float32 would make ties of integers that differ."""
    return max(int(integers.max()), -int(integers.min())) > _EXACT_IN_FLOAT32


def _differences(values: Tensor) -> Tensor:
    """v_i - v_j, [n, n]."""
    return values[:, None] - values


def _mean_over_ordered(terms: Tensor, targets: Tensor) -> Tensor:
    """Mean of the terms [n, n] of pairs with y_i > y_j; 0, connected to the graph, where there are none."""
    better = targets[:, None] > targets
    return torch.where(better, terms, 0).sum() / better.sum().clamp(min=1)
