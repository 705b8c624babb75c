"""A recipe says everything a training depends on, and refuses what cannot be trained."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from predictors.errors import UnknownName
from proxybench.errors import ProxybenchError
from proxybench.training.recipe import RECIPES, Recipe, default_recipe, parse_sizes


@pytest.mark.parametrize("space", RECIPES)
def test_a_recipe_survives_json(space: str) -> None:
    recipe = default_recipe(space)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize("space", RECIPES)
def test_every_default_measures_two_budgets_or_more_before_it_ends(space: str) -> None:
    assert len(default_recipe(space).budgets) >= 2
    assert default_recipe(space).budgets[-1] == default_recipe(space).epochs


def test_a_space_without_a_recipe_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="nds-darts"):
        default_recipe("nds-dart")


def test_parts_shrink_in_proportion_to_the_images_that_there_are() -> None:
    recipe = default_recipe("nasbench201").scaled_to(1797)
    assert (recipe.train, recipe.validation, recipe.test) == (898, 336, 561)
    assert recipe.images == 1795
    assert recipe.scaled_to(60_000) is recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": 0}, "train of at least 1, not 0"),
        ({"batch": 1}, "2 to 8000 images"),
        ({"batch": 8001}, "2 to 8000 images"),
        ({"budgets": (1, 2)}, "the 3 epochs of the training"),
        ({"budgets": (2, 1, 3)}, "budgets must rise"),
        ({"budgets": (0, 3)}, "budgets must rise from 1"),
        ({"budgets": ()}, "budgets must rise from 1"),
        ({"warmup": 1.0}, "between 0 and 1"),
        ({"rate": 0.0}, "rate above 0"),
    ],
)
def test_what_cannot_be_trained_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ProxybenchError, match=message):
        replace(default_recipe("nasbench201"), **change)


def test_sizes_are_read_as_they_are_written() -> None:
    assert parse_sizes("width=[2,3,4],depth=3") == {"width": (2, 3, 4), "depth": 3}
    assert parse_sizes("") == {}


@pytest.mark.parametrize("text", ["width=0", "width=[]", "width=[2,x]", "height=3", "depth=2.5", "depth=true"])
def test_sizes_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(ProxybenchError, match=r"is not a width or depth, as in width=\[2,3,4\],depth=3"):
        parse_sizes(text)
