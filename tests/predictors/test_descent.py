"""Learning rates, steps by hand, and the longest gradient."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from predictors.descent import WarmCosine, descend, warm_cosine  # noqa: E402


@pytest.fixture
def line():
    """One weight, at 0. Under a loss that is linear in it, each step of Adam is as long as its learning rate."""
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(layer.weight)
    return layer


def test_learning_rate_rises_then_falls_to_nothing():
    values = [warm_cosine(step, 100) for step in range(100)]
    assert values[:2] == pytest.approx([0.1, 0.2])
    assert values[9:11] == [1.0, 1.0]
    assert values[55] == pytest.approx(0.5)
    assert values[99] < 1e-3


def test_steps_with_warm_up_add_up_to_the_learning_rates(line):
    descent = WarmCosine(line, peak=0.1, weight_decay=0.0, steps=10)
    for step in range(10):
        descent.step(step, line.weight.sum())
    # one step rises to the peak; of the nine half cosines after it the first is the peak, the others pair up to it
    assert line.weight.item() == pytest.approx(-0.1 * (1 + 1 + 4), rel=1e-4)


def test_steps_without_warm_up_add_up_to_the_learning_rates(line):
    descend(line, line.weight.sum, steps=4, rate=0.1, weight_decay=0.0)
    # (1 + cos 0) / 2, (1 + cos 45) / 2, (1 + cos 90) / 2, (1 + cos 135) / 2
    assert line.weight.item() == pytest.approx(-0.1 * 2.5, rel=1e-4)


@pytest.mark.parametrize(("clip", "left"), [(5.0, 5.0), (20.0, 10.0), (None, 10.0)])
def test_only_longer_gradients_are_clipped(line, clip, left):
    WarmCosine(line, 0.1, 0.0, 10, clip).step(0, 10 * line.weight.sum())
    assert line.weight.grad.item() == pytest.approx(left, rel=1e-4)


def test_weight_decay_shrinks_by_the_learning_rate_of_a_step(line):
    torch.nn.init.ones_(line.weight)
    descend(line, lambda: 0 * line.weight.sum(), steps=2, rate=0.1, weight_decay=0.5)
    assert line.weight.item() == pytest.approx((1 - 0.1 * 0.5) * (1 - 0.05 * 0.5))
