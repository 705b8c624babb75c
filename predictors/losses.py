"""Losses for training predictors: the smooth Kendall tau, pairwise and listwise ranking losses, squared error.

Each takes predicted scores and targets, both tensors [n] where larger is better, and returns a number to minimise;
`LOSSES` names them. `diff_kendall` is the smooth tau itself, to be maximised.

The two dtypes may differ. A loss is computed and returned in the wider one, and at least in float32, because sums over
pairs exceed float16 and bfloat16 from a few hundred architectures on; gradients have the dtype of their tensor. Targets
may be integers or booleans. All losses raise ValueError unless they get two real vectors of the same length, at least
2, with finite targets, and TypeError unless they get tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from predictors.errors import naming_the_extra
from predictors.registry import Registry

with naming_the_extra("predictors.losses"):
    import torch
    from torch import Tensor
    from torch.autograd.function import once_differentiable

Loss = Callable[[Tensor, Tensor], Tensor]
_EXACT_IN_FLOAT32 = 2**24  # integers up to this are exact in float32
_PAIRS_AT_ONCE = 2**22  # bounds the memory of diff_kendall: a few arrays with this many values


def diff_kendall(x: Tensor, y: Tensor, alpha: float = 0.5) -> Tensor:
    """Smooth Kendall tau: the mean over unordered pairs of tanh(alpha dx / 2) tanh(alpha dy / 2), in [-1, 1].

    It tends to tau-a as alpha grows. A pair tied in x or y contributes 0 but counts in the mean, so with ties the limit
    is below 1 even if all other pairs are in the right order. The value depends on alpha times the scales of x and y,
    except in the limit: standardise both to make alpha meaningful.

    Memory is O(n) and time O(n^2), including gradients: n = 20,000 takes a few hundred megabytes and a few seconds.

    Args:
        x: scores, a tensor [n].
        y: targets, a tensor [n]; its dtype may differ from that of x.
        alpha: sharpness, above 0.

    Returns:
        A scalar; differentiable once in x and y.

    Raises:
        ValueError: for wrong shapes, fewer than two values, targets that are not finite, or an alpha not above 0.

    Source: ParZC (Dong et al., AAAI 2025), equation of DiffKendall, written there as sigmoid(a d) - sigmoid(-a d),
    which equals tanh(a d / 2), with a = 0.5.
    """
    x, y = _checked(x, y)
    if not alpha > 0:
        raise ValueError(f"alpha is {alpha}; it must be above 0")
    value: Tensor = _SmoothTau.apply(x, y, float(alpha))  # type: ignore[no-untyped-call]
    return value


class _SmoothTau(torch.autograd.Function):
    """diff_kendall in blocks of rows; gradients are computed in the forward pass, so no n x n array is kept."""

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
            # Each pair occurs twice in `total`, hence alpha rather than alpha / 2; d tanh(u) is 1 - tanh(u)^2.
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
    """diff_kendall_loss whose alpha changes geometrically from `start` to `end` during training.

    A smooth start gives gradients from every pair, and a sharp end is close to tau itself.

    Args:
        start: alpha at progress 0, and if no progress is passed.
        end: alpha at progress 1.

    Raises:
        ValueError: if either is not above 0.
    """

    start: float = 0.5
    end: float = 5.0

    def __post_init__(self) -> None:
        if not min(self.start, self.end) > 0:
            raise ValueError(f"start and end of alpha are {self.start} and {self.end}; both must be above 0")

    def alpha(self, progress: float) -> float:
        """Alpha at a training progress from 0 to 1."""
        return self.start * math.exp(progress * math.log(self.end / self.start))

    def __call__(self, predicted: Tensor, targets: Tensor, progress: float = 0.0) -> Tensor:
        return diff_kendall_loss(predicted, targets, self.alpha(progress))


ANNEALED = AnnealedKendall()


def mse(predicted: Tensor, targets: Tensor) -> Tensor:
    """Mean of (prediction - target)^2."""
    predicted, targets = _checked(predicted, targets)
    return (predicted - targets).square().mean()


def hinge(predicted: Tensor, targets: Tensor, margin: float = 0.1) -> Tensor:
    """Mean over pairs with y_i > y_j of max(0, margin - (s_i - s_j)); 0 if all targets are tied.

    Source: GATES (Ning et al., ECCV 2020), its pairwise ranking loss; margin 0.1 as in the authors' code.
    """
    predicted, targets = _checked(predicted, targets)
    return _mean_over_ordered(torch.relu(margin - _differences(predicted)), targets)


def bpr(predicted: Tensor, targets: Tensor) -> Tensor:
    """Bayesian personalised ranking: mean over pairs with y_i > y_j of -log sigmoid(s_i - s_j); 0 if all are tied.

    Source: Rendle et al., UAI 2009, BPR-Opt without its prior, since the optimiser applies weight decay.
    """
    predicted, targets = _checked(predicted, targets)
    return _mean_over_ordered(torch.nn.functional.softplus(-_differences(predicted)), targets)


def relation(predicted: Tensor, targets: Tensor) -> Tensor:
    """Binary relation: mean over unordered pairs of KL(softmax(y_i, y_j) || softmax(s_i, s_j)).

    Every pair counts, tied pairs pull their scores together, and the scale of the targets matters, since it sets the
    sharpness of the softmax. BRP-NAS puts one linear layer on the two concatenated embeddings; made antisymmetric, as
    an order requires, this is a difference of scores, so the loss takes scores.

    Source: BRP-NAS (Dudziak et al., NeurIPS 2020); target probabilities as in the authors' code.
    """
    predicted, targets = _checked(predicted, targets)
    scores = _differences(predicted)
    distances = _differences(targets)
    probability = distances.sigmoid()
    # KL(p || q) has two outcomes; the second outcome of (i, j) is the first of (j, i), which the sum also contains.
    terms = probability * (torch.nn.functional.logsigmoid(distances) - torch.nn.functional.logsigmoid(scores))
    n = len(predicted)
    return 2 * terms.sum() / (n * (n - 1))


def listmle(predicted: Tensor, targets: Tensor) -> Tensor:
    """ListMLE: -log of the Plackett-Luce probability of the order of the targets, divided by n.

    Tied targets keep their given order.

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
    """The loss with this name, or the function itself. Raises UnknownName, which suggests the nearest name."""
    if callable(loss):
        return loss
    found: Loss = LOSSES[loss]
    return found


def fixes_scale(loss: str | Loss) -> bool:
    """Whether scores that minimise the loss have the scale of the targets, unlike those of the ranking losses."""
    return loss in ("mse", mse)


def _checked(predicted: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Check both tensors and convert them to the dtype in which the loss is computed."""
    for name, one in (("scores", predicted), ("targets", targets)):
        if not isinstance(one, Tensor):
            raise TypeError(f"{name} must be a torch tensor, not a {type(one).__name__}; make one with torch.as_tensor")
        if one.is_complex():
            raise ValueError(f"{name} must be real numbers, not {one.dtype}")
    if predicted.ndim != 1 or predicted.shape != targets.shape:
        raise ValueError(
            f"scores have shape {tuple(predicted.shape)} and targets {tuple(targets.shape)}; both must have shape [n]"
        )
    if len(predicted) < 2:
        raise ValueError(f"a ranking loss needs at least two values, not {len(predicted)}")
    wrong = ~torch.isfinite(targets)
    if wrong.any():
        raise ValueError(f"{int(wrong.sum())} targets are NaN or infinite; remove those architectures")
    dtype = torch.promote_types(predicted.dtype, targets.dtype)
    if not targets.is_floating_point() and targets.dtype != torch.bool and _beyond_float32(targets):
        dtype = torch.float64
    dtype = torch.promote_types(dtype if dtype.is_floating_point else torch.float32, torch.float32)
    return predicted.to(dtype), targets.to(dtype)


def _beyond_float32(integers: Tensor) -> bool:
    """Whether some integers are too large to be distinguished in float32."""
    return max(int(integers.max()), -int(integers.min())) > _EXACT_IN_FLOAT32


def _differences(values: Tensor) -> Tensor:
    """v_i - v_j, [n, n]."""
    return values[:, None] - values


def _mean_over_ordered(terms: Tensor, targets: Tensor) -> Tensor:
    """Mean of the terms [n, n] over pairs with y_i > y_j; 0, but still differentiable, if there are none."""
    better = targets[:, None] > targets
    return torch.where(better, terms, 0).sum() / better.sum().clamp(min=1)
