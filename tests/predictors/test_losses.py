"""Losses against their definitions, in loops over pairs and in numbers worked out by hand."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from predictors.errors import UnknownName  # noqa: E402
from predictors.losses import (  # noqa: E402
    LOSSES,
    AnnealedKendall,
    bpr,
    diff_kendall,
    diff_kendall_loss,
    hinge,
    listmle,
    mse,
    named_loss,
    relation,
)

VALUES = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=2, max_size=9)


def columns(pairs):
    x, y = np.array(pairs, dtype=float).T
    return torch.tensor(x), torch.tensor(y)


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


@given(VALUES, st.sampled_from([0.1, 0.5, 3.0]))
def test_diff_kendall_is_the_mean_over_unordered_pairs(pairs, alpha):
    x, y = columns(pairs)
    terms = [
        (sigmoid(alpha * (a - c)) - sigmoid(-alpha * (a - c))) * (sigmoid(alpha * (b - d)) - sigmoid(-alpha * (b - d)))
        for i, (a, b) in enumerate(pairs)
        for c, d in pairs[:i]
    ]
    value = diff_kendall(x, y, alpha).item()
    assert value == pytest.approx(np.mean(terms), abs=1e-12)
    assert -1 <= value <= 1


@given(VALUES)
def test_diff_kendall_tends_to_tau_a(pairs):
    x, y = columns(pairs)
    n = len(pairs)
    untied = [math.sqrt(sum(a != b for i, a in enumerate(v) for b in v[:i])) for v in (x.tolist(), y.tolist())]
    tau_b = kendalltau(x.numpy(), y.numpy()).statistic if all(untied) else 0.0
    tau_a = tau_b * untied[0] * untied[1] / (n * (n - 1) / 2)  # scipy has b; a divides by all pairs
    assert diff_kendall(x, y, 200.0).item() == pytest.approx(tau_a, abs=1e-9)


def test_diff_kendall_by_hand():
    x = torch.tensor([0.0, 2.0, 1.0], dtype=torch.float64)
    y = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
    t = math.tanh
    expected = (t(1) * t(0.5) + t(0.5) * t(1.5) - t(0.5) * t(1)) / 3
    assert diff_kendall(x, y, 1.0).item() == pytest.approx(expected, abs=1e-15)


def test_ties_keep_diff_kendall_below_one():
    y = torch.tensor([0.0, 0.0, 100.0, 200.0], dtype=torch.float64)
    assert diff_kendall(y, y, 50.0).item() == pytest.approx(5 / 6)


def test_scale_matters_as_alpha_does():
    x, y = columns([(0, 1), (2, 0), (3, 5), (4, 4)])
    assert diff_kendall(2 * x, 2 * y, 0.5).item() == pytest.approx(diff_kendall(x, y, 1.0).item(), abs=1e-15)
    assert diff_kendall(2 * x, 2 * y, 0.5).item() != pytest.approx(diff_kendall(x, y, 0.5).item(), abs=1e-3)


def test_gradients_of_diff_kendall_in_both_arguments():
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(7, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: diff_kendall(a, b, 1.3), (x, y))
    assert torch.autograd.gradcheck(lambda a: diff_kendall(a, y.detach(), 1.3), (x,))


def test_blocks_do_not_change_diff_kendall(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, dtype=torch.float64, generator=generator, requires_grad=True)
    y = torch.randn(50, dtype=torch.float64, generator=generator)
    whole = diff_kendall(x, y)
    (gradient,) = torch.autograd.grad(whole, x)
    monkeypatch.setattr("predictors.losses._PAIRS_AT_ONCE", 350)
    blocks = diff_kendall(x, y)
    (of_blocks,) = torch.autograd.grad(blocks, x)
    assert blocks.item() == pytest.approx(whole.item(), abs=1e-14)
    assert of_blocks.numpy() == pytest.approx(gradient.numpy(), abs=1e-14)


MEMORY = """
import resource, sys, torch
from predictors.losses import diff_kendall
torch.set_num_threads(1)
n = int(sys.argv[1])
x = torch.randn(n, generator=torch.Generator().manual_seed(0), requires_grad=True)
y = torch.arange(n, dtype=torch.float32) / n
diff_kendall(x[:9], y[:9]).backward()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
diff_kendall(x, y).backward()
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(after - before, after)
"""


@pytest.mark.parametrize("n", [6_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_memory_of_diff_kendall_with_its_gradient(n):
    """One array of all pairs has 144 MB at 6,000 and 1.6 GB at 20,000; a plain backward pass keeps several."""
    done = subprocess.run([sys.executable, "-c", MEMORY, str(n)], capture_output=True, text=True, check=True)
    added, peak = map(float, done.stdout.split())
    assert added < 120
    assert peak < 4096


@given(VALUES)
def test_hinge_is_the_mean_over_ordered_pairs(pairs):
    s, y = columns(pairs)
    terms = [max(0.0, 0.1 - (a - c)) for a, b in pairs for c, d in pairs if b > d]
    assert hinge(s, y).item() == pytest.approx(np.mean(terms) if terms else 0.0, abs=1e-12)


@given(VALUES)
def test_bpr_is_the_mean_over_ordered_pairs(pairs):
    s, y = columns(pairs)
    terms = [-math.log(sigmoid(a - c)) for a, b in pairs for c, d in pairs if b > d]
    assert bpr(s, y).item() == pytest.approx(np.mean(terms) if terms else 0.0, abs=1e-12)


@given(VALUES)
def test_relation_is_the_divergence_of_two_softmaxes(pairs):
    s, y = columns(pairs)
    terms = []
    for i, (a, b) in enumerate(pairs):
        for c, d in pairs[:i]:
            p = [math.exp(b) / (math.exp(b) + math.exp(d)), math.exp(d) / (math.exp(b) + math.exp(d))]
            q = [math.exp(a) / (math.exp(a) + math.exp(c)), math.exp(c) / (math.exp(a) + math.exp(c))]
            terms.append(sum(one * math.log(one / other) for one, other in zip(p, q, strict=True)))
    assert relation(s, y).item() == pytest.approx(np.mean(terms), abs=1e-9)


@given(VALUES)
def test_listmle_is_plackett_luce(pairs):
    s, y = columns(pairs)
    left = sorted(pairs, key=lambda pair: -pair[1])  # Python's sort is stable too
    total = 0.0
    while left:
        total -= math.log(math.exp(left[0][0]) / sum(math.exp(score) for score, _ in left))
        left = left[1:]
    assert listmle(s, y).item() == pytest.approx(total / len(pairs), abs=1e-9)


def test_mse_by_hand():
    s, y = columns([(1, 0), (2, 4)])
    assert mse(s, y).item() == pytest.approx((1 + 4) / 2)


def test_diff_kendall_loss_is_what_is_left_to_one():
    s, y = columns([(1, 0), (2, 4), (0, 1)])
    assert diff_kendall_loss(s, y).item() == pytest.approx(1 - diff_kendall(s, y).item(), abs=1e-15)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_every_loss_prefers_the_right_order_and_has_a_gradient(name):
    y = torch.tensor([0.1, 1.3, -0.7, 2.0, 0.5], dtype=torch.float64)
    loss = named_loss(name)
    assert loss(y, y) < loss(-y, y)
    s = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    loss(s, y).backward()
    assert s.grad[3] < 0 < s.grad[2]
    s = torch.tensor([0.3, -0.2, 0.9, 0.05, 1.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda scores: loss(scores, y), (s,))


def test_the_temperature_runs_geometrically():
    loss = AnnealedKendall(0.5, 8.0)
    assert [loss.alpha(progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx([0.5, 2.0, 8.0])
    s, y = columns([(1, 0), (2, 4), (0, 1)])
    assert loss(s, y, 0.5).item() == pytest.approx(1 - diff_kendall(s, y, 2.0).item())
    assert loss(s, y).item() == pytest.approx(1 - diff_kendall(s, y, 0.5).item())
    assert named_loss("diffkendall-annealed") == AnnealedKendall()


def test_wrong_use_is_named():
    one, two = torch.zeros(1), torch.zeros(2)
    with pytest.raises(ValueError, match="at least two"):
        diff_kendall(one, one)
    with pytest.raises(ValueError, match=r"shape \(2,\) and targets \(1,\)"):
        hinge(two, one)
    with pytest.raises(ValueError, match="above 0"):
        diff_kendall(two, two, alpha=0.0)
    with pytest.raises(ValueError, match="above 0"):
        AnnealedKendall(end=-1.0)
    with pytest.raises(UnknownName, match="Did you mean 'listmle'"):
        named_loss("listmel")


TYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("name", sorted(LOSSES))
@pytest.mark.parametrize("predicted", TYPES)
@pytest.mark.parametrize("targets", TYPES)
def test_types_may_differ_and_none_is_too_short_for_the_sum(name, predicted, targets):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(600, generator=generator).to(predicted).requires_grad_()
    y = torch.randn(600, generator=generator).to(targets)
    value = LOSSES[name](x, y)
    value.backward()
    wide = torch.float64 if torch.float64 in (predicted, targets) else torch.float32
    assert (value.dtype, x.grad.dtype) == (wide, predicted)
    assert bool(torch.isfinite(x.grad).all())
    assert value.item() == pytest.approx(LOSSES[name](x.detach().double(), y.double()).item(), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_targets_may_be_whole_numbers(name):
    x = torch.tensor([0.5, -0.25, 1.0, 0.0])
    y = torch.tensor([3, 0, 1, 1])
    expected = LOSSES[name](x, y.float())
    for dtype in (torch.int64, torch.int8, torch.uint8):
        assert LOSSES[name](x, y.to(dtype)).item() == expected.item()
    assert LOSSES[name](x, y > 1).item() == LOSSES[name](x, (y > 1).float()).item()


def test_whole_numbers_that_float32_cannot_distinguish_are_no_ties():
    scores = torch.tensor([1.0, 0.0])
    assert hinge(scores, torch.tensor([2**24, 2**24 + 1])).item() == pytest.approx(1.1)  # the worse is 1 ahead
    assert hinge(scores, torch.tensor([2**24 + 1, 2**24])).item() == 0.0


@pytest.mark.parametrize("name", sorted(LOSSES))
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_targets_that_are_not_finite_are_refused(name, wrong):
    with pytest.raises(ValueError, match="1 targets are NaN or infinite"):
        LOSSES[name](torch.zeros(3), torch.tensor([0.0, wrong, 1.0]))


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_what_are_no_two_vectors_of_numbers_is_refused(name):
    for x, y in (
        (torch.zeros(3, 1), torch.zeros(3)),
        (torch.zeros(3), torch.zeros(2)),
        (torch.zeros(()), torch.zeros(())),
    ):
        with pytest.raises(ValueError, match="both must have shape"):
            LOSSES[name](x, y)
    with pytest.raises(ValueError, match="at least two"):
        LOSSES[name](torch.zeros(1), torch.zeros(1))
    with pytest.raises(ValueError, match="real numbers"):
        LOSSES[name](torch.zeros(2), torch.zeros(2, dtype=torch.complex64))
    with pytest.raises(TypeError, match="targets must be a torch tensor, not a list"):
        LOSSES[name](torch.zeros(2), [0.0, 1.0])
