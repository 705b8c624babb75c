"""The root of a function of one number, by Brent's method.

scipy.optimize.brentq takes the same steps and gives the same bits, but importing scipy.optimize costs every process
that evaluates a method about half a second.
"""

from __future__ import annotations

from collections.abc import Callable

_RELATIVE = 8.881784197001252e-16  # tolerance relative to the root: four units in the last place, as scipy has it
_MOST = 100  # steps


def root(function: Callable[[float], float], low: float, high: float, tolerance: float) -> float:
    """A number between `low` and `high`, within `tolerance` of where a continuous function changes its sign.

    Brent, "Algorithms for Minimization Without Derivatives", 1973, chapter 4.

    Raises:
        ValueError: if the function has the same sign at both ends.
        ArithmeticError: if 100 steps do not come close enough to the root.
    """
    before, here, other = low, high, 0.0  # two estimates, and the last one on the other side of the root
    at_before, at_here, at_other = function(before), function(here), 0.0
    if at_before == 0:
        return before
    if at_here != 0 and (at_before < 0) == (at_here < 0):
        raise ValueError(f"the function is {at_before:g} at {low:g} and {at_here:g} at {high:g}, of the same sign")
    step = last_step = 0.0
    for _ in range(_MOST):
        if at_before != 0 and at_here != 0 and (at_before < 0) != (at_here < 0):
            other, at_other = before, at_before
            last_step = step = here - before
        if abs(at_other) < abs(at_here):
            before, here, other = here, other, here
            at_before, at_here, at_other = at_here, at_other, at_here
        least = (tolerance + _RELATIVE * abs(here)) / 2
        half = (other - here) / 2
        if at_here == 0 or abs(half) < least:
            return here
        last_step, step = _steps(before, here, other, at_before, at_here, at_other, last_step, step, least)
        before, at_before = here, at_here
        here += step if abs(step) > least else least if half > 0 else -least
        at_here = function(here)
    raise ArithmeticError(f"no root between {low:g} and {high:g} was found in {_MOST} steps; it is near {here:g}")


def _steps(
    before: float,
    here: float,
    other: float,
    at_before: float,
    at_here: float,
    at_other: float,
    last_step: float,
    step: float,
    least: float,
) -> tuple[float, float]:
    """The step before the next one, and the next: by interpolation if that converges, otherwise to the middle."""
    half = (other - here) / 2
    if abs(last_step) > least and abs(at_here) < abs(at_before):
        if before == other:
            attempt = -at_here * (here - before) / (at_here - at_before)
        else:
            slope = (at_before - at_here) / (before - here)
            other_slope = (at_other - at_here) / (other - here)
            bent = at_other * other_slope - at_before * slope
            attempt = -at_here * bent / (other_slope * slope * (at_other - at_before))
        if 2 * abs(attempt) < min(abs(last_step), 3 * abs(half) - least):
            return step, attempt
    return half, half
