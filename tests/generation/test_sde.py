"""Noise processes against their definitions."""

from __future__ import annotations

import math

import pytest
import torch

from predictors.errors import UnknownName
from proxybench.generation.sde import KINDS, VESDE, VPSDE, SubVPSDE, as_dict, from_dict, make_sde

TIMES = torch.linspace(0.05, 0.95, 10, dtype=torch.float64)


def test_the_exploding_noise_grows_geometrically() -> None:
    """From .1 to 5, at half time sqrt(.1 * 5)."""
    deviations = VESDE(0.1, 5.0).deviation(torch.tensor([0.0, 0.5, 1.0]))
    assert deviations.tolist() == pytest.approx([0.1, math.sqrt(0.5), 5.0])
    assert VESDE(0.1, 5.0).prior_deviation() == 5.0


def test_the_preserving_noise_by_hand() -> None:
    """Beta from .1 to 20: at t = 1 the clean value is multiplied by exp(-19.9 / 4 - .05)."""
    one = torch.ones(1, dtype=torch.float64)
    scale = math.exp(-19.9 / 4 - 0.05)
    assert VPSDE().scale(one).item() == pytest.approx(scale)
    assert VPSDE().deviation(one).item() == pytest.approx(math.sqrt(1 - scale**2))
    assert SubVPSDE().deviation(one).item() == pytest.approx(1 - scale**2)


@pytest.mark.parametrize("name", KINDS)
def test_mean_and_variance_solve_the_equation(name: str) -> None:
    """D scale / dt = drift scale, and d variance / dt = 2 drift variance + diffusion^2."""
    sde, h = make_sde(name), 1e-5
    later, earlier = TIMES + h, TIMES - h
    slope = (sde.scale(later) - sde.scale(earlier)) / (2 * h)
    assert torch.allclose(slope, sde.drift(TIMES) * sde.scale(TIMES), rtol=1e-6, atol=1e-9)
    growth = (sde.deviation(later) ** 2 - sde.deviation(earlier) ** 2) / (2 * h)
    expected = 2 * sde.drift(TIMES) * sde.deviation(TIMES) ** 2 + sde.diffusion(TIMES) ** 2
    if name == "ve":  # what is left out of its variance, low^2, does not change
        assert torch.allclose(growth, sde.diffusion(TIMES) ** 2, rtol=1e-6)
    assert torch.allclose(growth, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_a_process_is_made_again_from_its_description(name: str) -> None:
    sde = make_sde(name, low=0.2, high=7.0)
    assert from_dict(as_dict(sde)) == sde


def test_times_of_sampling_are_even_or_crowd_at_the_end() -> None:
    assert VESDE().times(2).tolist() == pytest.approx([1.0, 0.500005, 1e-5])
    assert VPSDE().times(2).tolist() == pytest.approx([1.0, ((1 + math.sqrt(1e-3)) / 2) ** 2, 1e-3])


def test_mistakes_are_named() -> None:
    with pytest.raises(UnknownName, match="Did you mean 've'"):
        make_sde("vee")
    with pytest.raises(ValueError, match="grow"):
        VESDE(5.0, 0.1)
