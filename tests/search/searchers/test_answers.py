"""The answers that searchers accept: any one finite number, and nothing else."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
import torch

from proxybench.search import SEARCHERS, Problem, make_searcher
from proxybench.search.core.base import checked_answer
from proxybench.spaces import get_space

SPACE = get_space("nasbench201")
WORTHLESS = {"diffusion", "random", "ranking"}
"""Searchers that do not look at answers."""


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Forty cells of made-up worth, at two numbers of epochs."""
    archs = SPACE.sample(40, 0)
    worth = np.arange(40.0)
    return Problem(SPACE, archs, {1: worth, 2: worth}, columns={"proxy:a": worth})


@pytest.mark.parametrize(
    "value", [91, 91.0, np.float32(91), np.array(91), Decimal(91), torch.tensor(91.0, requires_grad=True)]
)
def test_one_number_of_any_kind_is_a_float(value: object) -> None:
    assert (checked_answer(value), type(checked_answer(value))) == (91.0, float)


@pytest.mark.parametrize("name", sorted(set(SEARCHERS) - WORTHLESS))
def test_searchers_refuse_what_they_could_not_compare(name: str, problem: Problem) -> None:
    for wrong, message in (
        (math.nan, "finite"),
        (None, "finite"),
        (-math.inf, "finite"),
        ("91", "not a str"),
        ([91.0], "one number"),
        (91 + 0j, "real numbers|of type complex"),
    ):
        searcher = make_searcher(name, problem, np.random.default_rng(0), budget=10)
        query = searcher.ask()
        assert query is not None
        with pytest.raises(ValueError, match=message):
            searcher.tell(query, wrong)


def test_answers_and_columns_of_a_problem_come_in_any_container() -> None:
    archs = SPACE.sample(3, 0)
    hidden = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
    problem = Problem(SPACE, archs, {1: [1, 2, 3]}, columns={"proxy:a": hidden})
    assert problem.values.tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(problem.batch.column("proxy:a"), [1.0, math.nan, 3.0])
    with pytest.raises(ValueError, match="an answer is not finite"):
        Problem(SPACE, archs, {1: hidden})
