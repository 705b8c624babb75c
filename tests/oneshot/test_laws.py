"""Laws that every one-shot method keeps."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch

from proxybench.images.batch import load_batch
from proxybench.oneshot import METHODS, OneShot, trainer
from proxybench.oneshot.stage import stage_of
from proxybench.oneshot.supernet import ChoiceSupernet
from proxybench.oneshot.trainer import Trainer
from proxybench.spaces import get_space
from proxybench.training.train import Parts

from .conftest import RECIPE, SETTINGS, new_method, new_supernet, recipe_of

EPOCHS, LATER = 3, 6  # three steps each, so that a training ends after the latest step at which it is killed below
EPOCHS_OF = {"few-shot": 10, "gm": 10, "bossnas": 3, "mos": 2, "shiftnas": 2}  # two levels of splits need more
UNTIL_ALL_ARE_DRAWN = {"fairnas": 1, "fbnetv5": 24, "proxyless": 24}  # epochs; FairNAS trains all in every step
SPACE = {
    "bignas": "natsbench-size",
    "bossnas": "natsbench-size",
    "instatune": "natsbench-size",
    "mixture": "resnet20-pooling",
    "mos": "vit-micro",
    "proxyless": "mbconv-micro",
    "shiftnas": "natsbench-size",
    "single-path": "mbconv-micro",
}
SHARED = SPACE.keys() - {"proxyless"}  # options have no weights of their own

# The scope makes pytest run the laws of a method one after the other, so that one of its workers does its trainings.
every_method = pytest.mark.parametrize("name", sorted(METHODS), scope="module")
methods_with_choices = pytest.mark.parametrize("name", sorted(set(METHODS) - SHARED), scope="module")


def space_of(name: str) -> str:
    return SPACE.get(name, "nasbench201")


def epochs_of(name: str, usual: int = EPOCHS) -> int:
    return EPOCHS_OF.get(name, usual)


def new_trainer(name: str, parts: Parts, epochs: int) -> Trainer:
    recipe = recipe_of(space_of(name))
    return Trainer(new_method(name), lambda: new_supernet(space_of(name)), parts.train, recipe, epochs=epochs, seed=0)


def new_shot(name: str, seed: int = 0, usual: int = EPOCHS) -> OneShot:
    recipe, settings = recipe_of(space_of(name)), SETTINGS.get(name, {})
    return OneShot(space_of(name), name, epochs=epochs_of(name, usual), seed=seed, recipe=recipe, **settings)


@cache
def trained(name: str, seed: int = 0, usual: int = EPOCHS) -> OneShot:
    """A training, the same for all laws that compare others with it."""
    return new_shot(name, seed, usual).fit(load_batch("digits", RECIPE.images))


@methods_with_choices
def test_a_step_changes_the_weights_of_its_paths_and_no_others(name: str, parts: Parts, monkeypatch) -> None:
    supernets: list[ChoiceSupernet] = []
    paths: list[tuple[int, ...]] = []
    before: dict[str, torch.Tensor] = {}
    method_class = METHODS[name]
    learn = method_class.learn

    def spy(self, supernet, batch, drawn):
        supernets[:], paths[:] = [supernet], drawn
        before.update({key: weights.detach().clone() for key, weights in supernet.named_parameters()})
        return learn(self, supernet, batch, drawn)

    monkeypatch.setattr(method_class, "learn", spy)
    steps = []

    def check(done: int, planned: int) -> None:
        (supernet,) = supernets
        used = {
            id(weights)
            for choice, options in enumerate(zip(*paths, strict=True))
            for option in options
            for place in supernet.parameters_of(choice, option)
            for weights in place
        }
        optional = {
            id(weights)
            for choice, options in enumerate(supernet.options)
            for option in range(options)
            for place in supernet.parameters_of(choice, option)
            for weights in place
        }
        changed = {id(weights) for key, weights in supernet.named_parameters() if not torch.equal(before[key], weights)}
        assert changed & optional <= used
        steps.append((len(changed & used), len(changed - optional)))

    new_trainer(name, parts, epochs_of(name)).run(check)
    assert all(of_paths > 0 and shared > 0 for of_paths, shared in steps[1:3]), "the rate of the first step is 0"


@methods_with_choices
def test_every_operation_is_trained(name: str, parts: Parts, monkeypatch) -> None:
    new: list[dict[str, torch.Tensor]] = []
    begin = METHODS[name].begin

    def spy(self, supernet, images):
        new.append({key: weights.detach().clone() for key, weights in supernet.named_parameters()})
        begin(self, supernet, images)

    monkeypatch.setattr(METHODS[name], "begin", spy)
    training = new_trainer(name, parts, UNTIL_ALL_ARE_DRAWN.get(name, 30))
    training.run()
    assert len(new) == len(training.stages)
    options = new_supernet(space_of(name)).options
    for number_of_option in range(max(options)):
        path = tuple(min(number_of_option, size - 1) for size in options)
        number = stage_of(training.stages, path)
        start = training.stages[number].start
        first = new[number if start is None else start]
        supernet = training.trained(number)
        names = {id(weights): key for key, weights in supernet.named_parameters()}
        for choice, option in enumerate(path):
            for place in supernet.parameters_of(choice, option):
                assert all(not torch.equal(first[names[id(weights)]], weights) for weights in place), (option, choice)


@every_method
def test_another_seed_gives_other_estimates(name: str) -> None:
    archs = get_space(space_of(name)).sample(4, 0)
    first, other = (trained(name, seed).estimates(archs).loss for seed in (0, 4))
    assert not np.array_equal(first, other)
    assert np.isfinite(first).all()


@every_method
def test_an_estimate_does_not_depend_on_others(name: str) -> None:
    archs = get_space(space_of(name)).sample(4, 0)
    shot = trained(name)
    forward, backward = shot.estimates(archs), shot.estimates(archs[::-1])
    alone = [shot.estimates([arch]).loss[0] for arch in archs[:2]]
    assert np.array_equal(forward.loss, backward.loss[::-1])
    assert np.array_equal(forward.accuracy, backward.accuracy[::-1], equal_nan=True)
    assert np.array_equal(forward.loss[:2], alone)


def test_statistics_of_the_training_are_those_of_no_path() -> None:
    archs = get_space("nasbench201").sample(3, 0)
    shot = trained("spos")
    shared = shot.estimates(archs, own_statistics=False)
    own = shot.estimates(archs)
    assert not np.isclose(shared.loss, own.loss).any()
    assert np.array_equal(shot.estimates(archs, own_statistics=False).loss, shared.loss)


class Killed(Exception):
    """Stands for the end of the process."""


@every_method
@pytest.mark.parametrize("after", [4, *(pytest.param(step, marks=pytest.mark.slow) for step in (1, 17))])
def test_a_resumed_training_equals_one_of_the_same_seed(name: str, after: int, tmp_path, monkeypatch) -> None:
    archs = get_space(space_of(name)).sample(4, 0)
    usual = EPOCHS if after < 3 * EPOCHS - 1 else LATER
    whole = trained(name, 0, usual)
    after = min(after, 3 * epochs_of(name, usual) - 2)
    monkeypatch.setattr(trainer, "SAVE_S", -1.0)  # a checkpoint after every step

    def kill(done: int, planned: int) -> None:
        if done == after + 1:
            raise Killed

    with pytest.raises(Killed):
        new_shot(name, 0, usual).fit(load_batch("digits", RECIPE.images), tmp_path, kill)
    steps: list[int] = []
    images = load_batch("digits", RECIPE.images)
    resumed = new_shot(name, 0, usual).fit(images, tmp_path, lambda done, planned: steps.append(done))
    assert steps[0] == after + 1
    assert resumed.trainer.losses == whole.trainer.losses
    assert resumed.trainer.passes == whole.trainer.passes
    assert np.array_equal(resumed.estimates(archs).loss, whole.estimates(archs).loss)
