"""What single methods promise beyond the laws of all."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch
from torch import nn

from proxybench.errors import ProxybenchError
from proxybench.oneshot import OneShot
from proxybench.oneshot.bootstrap import Bootstrapped
from proxybench.oneshot.estimates import Estimates
from proxybench.oneshot.method import Batch, Method
from proxybench.oneshot.methods.bignas import adaptive_divergence
from proxybench.oneshot.methods.bossnas import BossNAS
from proxybench.oneshot.methods.distinct import Distinct, twins
from proxybench.oneshot.methods.fairnas import FairNAS
from proxybench.oneshot.methods.few_shot import FewShot
from proxybench.oneshot.methods.gradient_matching import GradientMatching, best_split
from proxybench.oneshot.methods.instatune import InstaTune
from proxybench.oneshot.methods.mixture import balanced
from proxybench.oneshot.methods.mixture_of_supernets import MixedConv, Routed
from proxybench.oneshot.methods.pada import PADA
from proxybench.oneshot.methods.shiftnas import shifted
from proxybench.oneshot.optimiser import LARS, TRUST, PathSGD, use
from proxybench.oneshot.path_generator import PathGenerator, spread
from proxybench.oneshot.scores_file import write_scores
from proxybench.oneshot.stage import Stage, stage_of
from proxybench.oneshot.views import view
from proxybench.training.train import Part as Images

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


def test_functions_are_drawn_equally_often_whatever_the_number_of_their_paths() -> None:
    supernet = new_supernet()
    copies = twins(supernet)
    assert sum(1 / number for number in copies.values()) == pytest.approx(6466), "the functions of NAS-Bench-201"
    method, rng = Distinct(), np.random.default_rng(0)
    drawn = [copies[method.paths(supernet, supernet.whole(), rng)[0]] for _ in range(1000)]
    uniform = [copies[supernet.draw(supernet.whole(), rng)] for _ in range(1000)]
    assert np.mean(drawn) == pytest.approx(15625 / 6466, rel=0.2)
    assert np.mean(uniform) > 3 * np.mean(drawn)


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


def test_arbitrary_splits_need_no_gradients() -> None:
    supernet, method = new_supernet(), GradientMatching(by_gradients=False)
    stages = method.stages(supernet, 20)
    for number in range(3):
        stages += method.next_stages(supernet, stages, number, None, np.random.default_rng(number))
    assert len(stages) == 7
    for halves in (stages[1:3], stages[3:5], stages[5:7]):
        (choice,) = [place for place in range(6) if halves[0].part[place] != halves[1].part[place]]
        assert sorted([*halves[0].part[choice], *halves[1].part[choice]]) == [0, 1, 2, 3, 4]


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


def test_the_adaptive_divergence_is_the_larger_of_two_with_clipped_weights() -> None:
    taught = torch.tensor([[0.5, 0.5], [0.1, 0.9]])
    chances = torch.tensor([[0.9, 0.1], [0.5, 0.5]])
    logits = chances.log().requires_grad_()
    value = adaptive_divergence(logits, taught)
    kullback_leibler = (taught * (taught / chances).log()).sum(1)
    order_minus_1 = ((chances.square() / taught).sum(1) - 1) / 2
    assert kullback_leibler[0] > order_minus_1[0]
    assert order_minus_1[1] > kullback_leibler[1]
    assert float(value.detach()) == pytest.approx(float(kullback_leibler[0] + order_minus_1[1]) / 2)
    torch.autograd.backward(value)
    weights = torch.tensor([[-0.5, -0.5], [2.5, 0.5 * 0.5 / 0.9]])  # of log q
    by_hand = weights - chances * weights.sum(1, keepdim=True)
    assert logits.grad is not None
    assert torch.allclose(logits.grad, by_hand / 2, atol=1e-6)
    far = torch.tensor([[20.0, 0.0]]).requires_grad_()
    torch.autograd.backward(adaptive_divergence(far, torch.tensor([[0.01, 0.99]])))
    assert far.grad is not None
    assert float(far.grad.abs().max()) <= 5


@pytest.mark.parametrize("by_neuron", [False, True])
def test_a_routed_layer_has_the_mixture_of_its_experts_that_the_architecture_chooses(by_neuron: bool) -> None:
    supernet = Routed(new_supernet("natsbench-size"), 3, 4, by_neuron=by_neuron)
    layer = supernet.get_submodule(f"inner.{supernet.hidden[0]}")
    assert isinstance(layer, MixedConv)
    found = []
    for path in ((4, 2, 0, 0, 0), (4, 2, 7, 7, 7)):
        supernet.select(path)
        chances = layer.router(5)
        assert chances.shape == (5 if by_neuron else 1, 3)
        assert torch.allclose(chances.sum(1), torch.ones(len(chances)))
        assert len(chances.unique(dim=0)) == len(chances)
        by_hand = [
            sum(chances[output if by_neuron else 0, expert] * layer.weight[expert, output, :2] for expert in range(3))
            for output in range(5)
        ]
        found.append(layer.sliced(5, 2))
        assert torch.allclose(found[-1], torch.stack(by_hand), atol=1e-6)
    assert not torch.allclose(*found)
    assert supernet(torch.randn(2, 1, 8, 8)).shape == (2, 10)


def test_generated_paths_have_about_the_cost_that_they_are_generated_for() -> None:
    rng, weights = np.random.default_rng(0), np.array([1, 2, 3])
    paths = spread((8, 4, 2), 300, rng)
    generator = PathGenerator.fitted((8, 4, 2), paths, np.array(paths) @ weights, 200, rng)
    assert {option for path in paths for option in path[:1]} == set(range(8))
    for cost in (2, 8, 14):
        drawn = np.array([generator.draw(cost / 16, rng) for _ in range(40)])
        assert (drawn @ weights).mean() == pytest.approx(cost, abs=1.5)
        assert (drawn < [8, 4, 2]).all()


def test_bins_in_which_the_loss_changes_are_drawn_more_often() -> None:
    assert shifted(np.array([0.3, 0.1, 0, 0]), 0.2) == pytest.approx([0.65, 0.25, 0.05, 0.05])
    assert shifted(np.zeros(4), 0.2) == pytest.approx(np.full(4, 0.25))


def test_the_loss_of_an_architecture_is_the_sum_of_those_of_its_blocks() -> None:
    method, rng = BossNAS(units=4, compared=8), np.random.default_rng(0)
    supernet = method.supernet(lambda: new_supernet("natsbench-size"))
    (first,) = method.stages(supernet, 3)
    assert [len(allowed) for allowed in first.part] == [8, 8, 1, 1, 1]
    method.begin(supernet, 8)
    steps = [method.paths(supernet, first.part, rng) for _ in range(2)]
    assert [sorted(options) for options in zip(*steps[0], *steps[1], strict=True)][:2] == [list(range(8))] * 2
    images = torch.randn(8, 1, 8, 8)
    (second,) = method.next_stages(supernet, [first], 0, lambda _: Batch(images, torch.zeros(8), np.arange(8)), rng)
    assert [len(allowed) for allowed in second.part] == [1, 1, 8, 8, 1]
    method.next_stages(supernet, [first, second], 1, lambda _: Batch(images, torch.zeros(8), np.arange(8)), rng)
    found = {
        path: method.estimate(supernet, path, images, Images(images, torch.zeros(8)))[1]
        for path in ((1, 2, 3, 4, 5), (1, 2, 6, 0, 5), (7, 2, 3, 4, 5), (7, 2, 6, 0, 5))
    }
    one, other, third, fourth = found.values()
    assert fourth - third == pytest.approx(other - one)
    assert 0 < one < 3 * 4
    assert len(set(found.values())) == 4


def test_a_method_without_labels_has_losses_only(tmp_path) -> None:
    with pytest.raises(ProxybenchError, match="by='loss'"):
        OneShot("natsbench-size", "bossnas").estimate([])
    found = Estimates(np.array([np.nan, np.nan]), np.array([2.5, np.inf]), 0.0)
    write_scores(tmp_path / "scores.csv", "bossnas", ["a", "b"], found)
    assert (tmp_path / "scores.csv").read_text().splitlines() == ["arch,bossnas-loss", "a,-2.5", "b,"]


def test_the_target_of_a_bootstrap_follows_the_online_weights() -> None:
    supernet = BossNAS(units=4).supernet(lambda: new_supernet("natsbench-size"))
    assert isinstance(supernet, Bootstrapped)
    target, online = next(supernet.target.parameters()), next(supernet.inner.parameters())
    before = target.clone()
    with torch.no_grad():
        online += 1
    supernet.follow(0.75)
    assert torch.allclose(target, before + 0.25)


def test_views_differ_from_each_other_and_are_those_of_their_seed() -> None:
    images = torch.randn(4, 3, 8, 8)
    first, second, again = (view(images, torch.Generator().manual_seed(seed)) for seed in (0, 1, 0))
    assert torch.equal(first, again)
    assert first.shape == images.shape
    assert not torch.allclose(first, second)


def test_an_adapted_step_is_a_share_of_the_norm_of_the_weights() -> None:
    weights, bias = nn.Parameter(torch.full((3, 3), 2.0)), nn.Parameter(torch.zeros(3))
    optimiser = LARS([weights, bias], momentum=0.0, weight_decay=0.0, clip=100.0)
    weights.grad, bias.grad = torch.full((3, 3), 7.0), torch.ones(3)
    optimiser.step(0.5)
    assert torch.allclose(weights, torch.full((3, 3), 2 - 0.5 * TRUST * 2))
    assert torch.allclose(bias, torch.full((3,), -0.5))


@pytest.mark.parametrize(
    ("space", "method", "settings", "reason"),
    [
        ("nasbench201", "bignas", {}, "space of sizes"),
        ("nasbench201", "bossnas", {}, "supernet in blocks"),
        ("natsbench-size", "bossnas", {"units": 1}, "units and compared at least 2"),
        ("nasbench201", "mos", {}, "space of sizes"),
        ("natsbench-size", "mos", {"experts": 0}, "experts and units"),
        ("nasbench201", "shiftnas", {}, "space of sizes"),
        ("natsbench-size", "shiftnas", {"floor": 2}, "bins, every and pool"),
        ("nasbench201", "mixture", {}, "15625"),
        ("resnet20-pooling", "distinct", {}, "which paths compute the same"),
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
    for space, method in (("nasbench201", "few-shot"), ("nasbench201", "gm"), ("natsbench-size", "bossnas")):
        with pytest.raises(ProxybenchError, match="2 epochs are too few"):
            OneShot(space, method, epochs=2).fit("digits")


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
