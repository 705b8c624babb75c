"""The optimiser is torch's SGD; the rate goes up and down in straight lines."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch

from proxybench.training.optimiser import FlatSGD, one_cycle


def test_steps_are_those_of_torch() -> None:
    torch.manual_seed(0)
    shapes = [(3, 2, 2, 2), (4,), (2, 3)]
    ours = [torch.nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in shapes]
    ours[0] = torch.nn.Parameter(ours[0].detach().contiguous(memory_format=torch.channels_last))
    theirs = [torch.nn.Parameter(weight.detach().clone()) for weight in ours]
    flat = FlatSGD(ours, momentum=0.9, weight_decay=0.01)
    torchs = torch.optim.SGD(theirs, lr=0.0, momentum=0.9, weight_decay=0.01, nesterov=True)
    for rate in (0.1, 0.3, 0.2):
        for weights in (ours, theirs):
            loss = torch.stack([(weight**2).sum().sin() for weight in weights]).sum()
            torch.autograd.backward(loss)
        flat.step(rate)
        torchs.param_groups[0]["lr"] = rate
        torchs.step()
        torchs.zero_grad()
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_a_parameter_without_gradient_only_decays() -> None:
    used, unused = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.full((2,), 4.0))
    optimiser = FlatSGD([used, unused], momentum=0.5, weight_decay=0.1)
    torch.autograd.backward(3 * used.sum())
    optimiser.step(0.1)
    assert unused.tolist() == pytest.approx([4 - 0.1 * 1.5 * 0.4] * 2)  # Nesterov: gradient + 0.5 velocity
    assert used.tolist() == pytest.approx([1 - 0.1 * 1.5 * 3.1])


@pytest.mark.parametrize(("step", "rate"), [(0, 0.0), (5, 0.2), (10, 0.4), (30, 0.2), (50, 0.0)])
def test_the_rate_rises_to_its_peak_and_falls_to_nothing(step: int, rate: float) -> None:
    assert one_cycle(step, 50, peak=0.4, warmup=0.2) == pytest.approx(rate)
