"""Several seeds at once: the same numbers as one after the other, and as torch's own layers and optimiser give."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch
from torch import nn

from proxybench.errors import ProxybenchError
from proxybench.networks.base import Network
from proxybench.training.optimiser import one_cycle
from proxybench.training.recipe import Recipe
from proxybench.training.train import Part, Parts, Steps, evaluate, split, train

Networks = Callable[..., list[Network]]
CLOSE = {"rtol": 1e-9, "atol": 1e-9}  # sums in another order, in float64, over eight steps
CASES = [
    *(("nasbench101", 0), ("nasbench101", 1), ("nasbench201", 0), ("nasbench201", 1), ("nds-darts", 0)),
    *(("vit-micro", 0), ("vit-micro", 1)),
]
FIGURES = ("val_acc", "test_acc", "train_loss", "val_loss", "test_loss")


def plainly(network: Network, parts: Parts, recipe: Recipe, seed: int) -> dict[str, list[float]]:
    """One training as torch's documentation would have it."""
    network = copy.deepcopy(network)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.0, momentum=0.9, weight_decay=5e-4, nesterov=True)
    generator = torch.Generator().manual_seed(seed)
    images, labels = parts.train.images, parts.train.labels
    steps, step = len(labels) // recipe.batch, 0
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    for _ in range(recipe.epochs):
        network.train()
        order = torch.randperm(len(labels), generator=generator)
        mirrored = torch.randint(2, (len(labels),), generator=generator).bool()
        total = 0.0
        for part in torch.split(order, recipe.batch):
            flips = mirrored[step % steps * recipe.batch :][: recipe.batch]
            batch = torch.where(flips[:, None, None, None], images[part].flip(3), images[part])
            loss = nn.functional.cross_entropy(network(batch), labels[part])
            optimiser.zero_grad()
            loss.backward()
            for parameter in network.parameters():
                parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            optimiser.param_groups[0]["lr"] = one_cycle(step, recipe.epochs * steps, recipe.rate, recipe.warmup)
            optimiser.step()
            total, step = total + loss.item(), step + 1
        network.eval()
        found["train_loss"].append(total / steps)
        for name, part in (("val", parts.validation), ("test", parts.test)):
            with torch.no_grad():
                logits = network(part.images)
            found[f"{name}_acc"].append((logits.argmax(1) == part.labels).double().mean().item() * 100)
            found[f"{name}_loss"].append(nn.functional.cross_entropy(logits, part.labels).item())
    return found


@pytest.mark.parametrize(("space", "number"), CASES)
def test_seeds_trained_at_once_give_the_figures_of_plain_trainings(
    space: str, number: int, parts: Parts, recipe: Recipe, networks: Networks
) -> None:
    made = networks(space, number)
    before = [copy.deepcopy(network.state_dict()) for network in made]
    together = train(made, parts, recipe, [11, 12])
    assert all(
        torch.equal(value, network.state_dict()[name])
        for state, network in zip(before, made, strict=True)
        for name, value in state.items()
    )
    for place, (network, seed) in enumerate(zip(made, [11, 12], strict=True)):
        alone = plainly(network, parts, recipe, seed)
        for name in FIGURES:
            np.testing.assert_allclose(together[name][:, place], alone[name], **CLOSE, err_msg=name)


def test_a_budget_is_measured_in_the_middle_of_the_whole_schedule(
    parts: Parts, recipe: Recipe, networks: Networks
) -> None:
    made = networks("nasbench201")
    both = train(made, parts, recipe, [1, 2])
    last = train(made, parts, replace(recipe, budgets=(2,)), [1, 2])
    for name in FIGURES:
        assert np.array_equal(both[name][1:], last[name]), name


def test_seconds_add_up_over_the_budgets(parts: Parts, recipe: Recipe, networks: Networks) -> None:
    seconds = train(networks("nasbench201"), parts, recipe, [1, 2])["train_s"]
    assert seconds.shape == (2, 2)
    assert (seconds[0] > 0).all()
    assert (seconds[0] < seconds[1]).all()
    assert (seconds[:, 0] == seconds[:, 1]).all()


def test_a_training_that_diverges_has_losses_that_are_not_numbers(
    parts: Parts, recipe: Recipe, networks: Networks
) -> None:
    made = networks("nasbench201")
    found = train(made, parts, replace(recipe, rate=1e200), [1, 2])
    assert np.isnan(found["train_loss"][1]).all()
    assert np.isnan(found["test_loss"][1]).all()
    share_of_zero = 100 * (parts.test.labels == 0).double().mean().item()
    assert found["test_acc"][1] == pytest.approx(share_of_zero)


def test_accuracy_and_loss_of_each_seed_from_its_own_logits() -> None:
    labels = torch.tensor([0, 1, 1, 1])
    images = torch.zeros(4, 1, 1, 1)
    of_seed = torch.tensor([[[2.0, 0.0]] * 4, [[0.0, 2.0]] * 4])  # always class 0, always class 1

    accuracy, loss = evaluate(lambda batch: of_seed[:, : len(batch)], Part(images, labels), 2)
    right, wrong = np.log1p(np.exp(-2)), np.log1p(np.exp(2))
    assert accuracy.tolist() == [25, 75]
    assert loss == pytest.approx([(right + 3 * wrong) / 4, (wrong + 3 * right) / 4])


def test_an_epoch_shows_each_seed_every_image_once_in_an_order_of_its_own(recipe: Recipe) -> None:
    images = torch.arange(128.0).view(128, 1, 1, 1)
    steps = Steps(Part(images, torch.arange(128)), replace(recipe, flip=False), [5, 6])
    batches = list(steps.epoch())
    assert [tuple(shown.shape) for shown, _ in batches] == [(32, 2, 1, 1, 1)] * 4
    orders = torch.cat([labels for _, labels in batches], dim=1)
    assert orders.sort(dim=1).values.tolist() == [list(range(128))] * 2
    assert orders[0].tolist() != orders[1].tolist()
    assert torch.equal(torch.cat([shown for shown, _ in batches])[:, :, 0, 0, 0].t(), orders.float())
    again = torch.cat([labels for _, labels in steps.epoch()], dim=1)
    assert again[0].tolist() != orders[0].tolist()


def test_half_of_the_images_are_mirrored(recipe: Recipe) -> None:
    images = torch.tensor([0.0, 1.0]).expand(1000, 1, 1, 2)
    steps = Steps(Part(images, torch.zeros(1000, dtype=torch.int64)), recipe, [5])
    mirrored = torch.cat([shown for shown, _ in steps.epoch()])[:, 0, 0, 0, 0]
    assert 0.45 < mirrored.mean() < 0.55


def test_too_few_images_are_refused(parts: Parts, recipe: Recipe) -> None:
    with pytest.raises(ProxybenchError, match="takes 258 images, but there are 128"):
        split(parts.train.images, parts.train.labels, recipe)
