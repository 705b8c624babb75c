"""Tasks made from images, and the distributions that learn from them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch

from proxybench.oneshot.image_tasks import TASKS, TaskSupernet, task_batch
from proxybench.oneshot.method import Batch
from proxybench.oneshot.methods.fbnetv5 import FBNetV5
from proxybench.training.train import Parts

from .conftest import new_supernet


def four_images() -> Batch:
    images = torch.arange(4.0).view(1, 1, 2, 2).repeat(4, 1, 1, 1)  # 0 1 / 2 3
    return Batch(images, torch.tensor([7, 7, 7, 7]), np.arange(4))


def test_images_are_rotated_by_quarter_turns() -> None:
    made = task_batch("rotation", four_images(), 0)
    assert made.labels.tolist() == [0, 1, 2, 3]
    assert made.images.flatten(1).tolist() == [[0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0], [2, 0, 3, 1]]


def test_quarters_are_moved_around_the_edges() -> None:
    made = task_batch("shift", four_images(), 1)
    assert made.labels.tolist() == [1, 2, 3, 0]
    assert made.images.flatten(1).tolist() == [[1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0], [0, 1, 2, 3]]


def test_the_classification_is_that_of_the_images() -> None:
    batch = four_images()
    assert task_batch("classification", batch, 5) is batch


def test_every_task_has_logits_of_its_own() -> None:
    supernet = FBNetV5().supernet(new_supernet)
    assert isinstance(supernet, TaskSupernet)
    shapes = [tuple(supernet(torch.randn(3, 1, 8, 8), task).shape) for task in TASKS]
    assert shapes == [(3, 10), (3, 4), (3, 4)]


def test_paths_that_help_a_task_become_more_likely_for_it(parts: Parts) -> None:
    supernet, method = FBNetV5().supernet(new_supernet), FBNetV5(warm_up=0.0, every=2)
    method.begin(supernet, 96)
    before = method._distributions.chances()
    good, poor = (0,) * 6, (3,) * 6
    for path, rewards in ((good, [1.0, 0.0, 0.0]), (poor, [0.0, 1.0, 0.0])):
        number = method._numbers[path]
        method._samples.append([number, method._chances[number], *rewards])
    method._update()
    gain = method._distributions.chances() / before
    places = [method._numbers[good], method._numbers[poor]]
    assert (gain[0, places] > 1).tolist() == [True, False]
    assert (gain[1, places] > 1).tolist() == [False, True]
    assert gain[2] == pytest.approx(np.ones(5**6))
