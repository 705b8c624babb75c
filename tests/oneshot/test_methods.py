"""What single methods promise beyond the laws of all."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch
from torch import nn

from proxybench.errors import ProxybenchError
from proxybench.oneshot import OneShot
from proxybench.oneshot.method import Batch, Method
from proxybench.oneshot.methods.fairnas import FairNAS
from proxybench.oneshot.methods.few_shot import FewShot
from proxybench.oneshot.methods.gradient_matching import best_split
from proxybench.oneshot.methods.instatune import InstaTune
from proxybench.oneshot.methods.mixture import balanced
from proxybench.oneshot.methods.pada import PADA
from proxybench.oneshot.optimiser import PathSGD, use
from proxybench.oneshot.stage import Stage, stage_of

from .conftest import new_supernet


def test_a_fair_step_uses_every_operation_of_every_edge_once() -> None:
    supernet = new_supernet()
    paths = FairNAS().paths(supernet, supernet.whole(), np.random.default_rng(0))
    assert len(paths) == 5
    assert [sorted(options) for options in zip(*paths, strict=True)] == [[0, 1, 2, 3, 4]] * 6


def test_fair_steps_differ_in_their_orders() -> None:
    supernet, rng = new_supernet(), np.random.default_rng(0)
    assert FairNAS().paths(supernet, supernet.whole(), rng) != FairNAS().paths(supernet, supernet.whole(), rng)


def test_uniform_paths_have_every_option_equally_often() -> None:
    supernet, rng = new_supernet(), np.random.default_rng(0)
    drawn = np.array([Method().paths(supernet, supernet.whole(), rng)[0] for _ in range(2000)])
    shares = np.stack([(drawn == option).mean(axis=0) for option in range(5)])
    assert np.abs(shares - 0.2).max() < 0.05


def test_parts_of_few_shot_cover_the_space_once() -> None:
    supernet = new_supernet()
    stages = FewShot(choice=2).stages(supernet, 20)
    assert [stage.epochs for stage in stages] == [10, 2, 2, 2, 2, 2]
    assert [stage_of(stages, (0, 0, option, 0, 0, 0)) for option in range(5)] == [1, 2, 3, 4, 5]


def test_a_path_belongs_to_the_last_stage_that_trains_it() -> None:
    whole = (range(2), range(2))
    stages = [Stage(whole, 1), Stage(((0,), range(2)), 1)]
    assert [stage_of(stages, path) for path in ((0, 1), (1, 1))] == [1, 0]
    with pytest.raises(ValueError, match="no stage"):
        stage_of(stages[1:], (1, 1))


def test_the_split_separates_the_options_that_disagree() -> None:
    alike = np.full((4, 4), 1.0)
    split = np.full((4, 4), 5.0)
    split[0, 3] = split[3, 0] = split[1, 2] = split[2, 1] = 0.5
    assert best_split({0: alike, 1: split}) == (1, ((0, 3), (1, 2)))


def test_images_and_options_with_larger_gradients_are_drawn_more_often() -> None:
    supernet, method = new_supernet(), PADA()
    method.begin(supernet, 4)
    images = torch.randn(4, 1, 8, 8)
    batch = Batch(images, torch.tensor([0, 0, 0, 0]), np.arange(4))
    supernet.select((3,) * 6)
    torch.autograd.backward(supernet(images).square().sum())
    logits = torch.tensor([[9.0, 0.0], [0.0, 9.0], [9.0, 0.0], [9.0, 0.0]])  # the second image is misclassified
    method.after_path(supernet, (3,) * 6, batch, logits)
    method.after_epoch(0.5)
    rng = np.random.default_rng(0)
    rows = np.concatenate([method.rows(4, rng) for _ in range(500)])
    assert (rows == 1).mean() == pytest.approx(0.5 + 0.5 / 4, abs=0.04)
    options = np.concatenate([method.paths(supernet, supernet.whole(), rng)[0] for _ in range(500)])
    assert (options == 3).mean() == pytest.approx(0.5 + 0.5 / 5, abs=0.04)  # the only one with a gradient
    assert (options == 0).mean() == pytest.approx(0.5 / 5, abs=0.03)


def test_the_largest_network_is_trained_alone_before_it_is_fine_tuned_with_others() -> None:
    supernet, method = new_supernet("natsbench-size"), InstaTune(alone=0.25)
    alone, fine_tuning = method.stages(supernet, 8)
    assert (alone.epochs, fine_tuning.epochs, fine_tuning.start) == (2, 6, 0)
    rng = np.random.default_rng(0)
    assert method.paths(supernet, alone.part, rng) == [(7,) * 5]
    largest, smallest, *drawn = method.paths(supernet, fine_tuning.part, rng)
    assert (largest, smallest, len(drawn)) == ((7,) * 5, (0,) * 5, 2)


def test_balanced_chances_keep_all_supernets_busy() -> None:
    scores = np.random.default_rng(0).random((36, 4))
    scores[:, 0] += 0.5  # best for nearly all architectures
    chances = balanced(scores, 10.0)
    assert chances.sum(axis=1) == pytest.approx(np.ones(36))
    assert chances.mean(axis=0) == pytest.approx(np.full(4, 0.25), abs=0.01)
    assert balanced(np.ones((3, 2)), 100.0) == pytest.approx(np.full((3, 2), 0.5))


@pytest.mark.parametrize(
    ("space", "method", "settings", "reason"),
    [
        ("nasbench201", "bignas", {}, "space of widths"),
        ("nasbench201", "mixture", {}, "15625"),
        ("nasbench201", "few-shot", {"choice": 6}, "choice must be -6 to 5"),
        ("nasbench201", "few-shot", {"common": 1.0}, "common must be a fraction"),
        ("nasbench201", "gm", {"warm_up": 0.5}, "warm_up must be"),
        ("nasbench101", "fairnas", {}, "423624"),
        ("resnet20-pooling", "gm", {}, "36"),
    ],
)
def test_a_method_says_what_does_not_fit(space: str, method: str, settings: dict[str, float], reason: str) -> None:
    with pytest.raises(ProxybenchError, match=reason):
        OneShot(space, method, epochs=10, **settings).fit("digits")


def test_a_method_says_what_epochs_do_not_suffice() -> None:
    for method in ("few-shot", "gm"):
        with pytest.raises(ProxybenchError, match="3 epochs are too few"):
            OneShot("nasbench201", method, epochs=3).fit("digits")


def test_a_step_is_that_of_torch_where_all_weights_are_used() -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Parameter(values) for values in (torch.arange(6.0), torch.arange(6.0)))
    optimiser = PathSGD([ours], momentum=0.9, weight_decay=0.1, clip=100.0)
    torchs = torch.optim.SGD([theirs], lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True)
    for _ in range(3):
        for weights in (ours, theirs):
            weights.grad = torch.linspace(-1, 1, 6)
        optimiser.step(0.1)
        torchs.step()
    assert torch.allclose(ours, theirs)


def test_a_step_leaves_the_rest_of_a_tensor_alone() -> None:
    weights = nn.Parameter(torch.ones(4, 4))
    optimiser = PathSGD([weights], momentum=0.9, weight_decay=0.1, clip=100.0)
    for _ in range(2):
        torch.autograd.backward(use(weights, 2, 3).sum() + use(weights, 3, 1).sum())
        optimiser.step(0.1)
    changed = weights.detach() != 1
    assert changed[:3, :3].all()
    assert changed.sum() == 9
