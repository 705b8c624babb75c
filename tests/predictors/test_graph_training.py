"""The training loop: batches, schedule, early stop, and what it leaves as it was."""

from __future__ import annotations

import dataclasses

import pytest

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from predictors.checks import example_batch  # noqa: E402
from predictors.descent import Recipe, at_most, shuffled, tau_a  # noqa: E402
from predictors.graph.padding import Padding  # noqa: E402
from predictors.graph.scoring import scores  # noqa: E402
from predictors.graph.training import trained_on  # noqa: E402
from predictors.losses import AnnealedKendall, mse  # noqa: E402

RECIPE = Recipe(mse, 1, 30, 16, 0.01, 0.0)


class Linear(torch.nn.Module):
    """Scores by how often each operation stands in the graph."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(7))

    def forward(self, graphs):
        return self.weight[graphs.ops].sum(dim=1)


def example(n=40):
    batch, targets = example_batch(n)
    return Padding().fit(batch).transform(batch), torch.tensor(targets, dtype=torch.float32)


def test_batches_have_every_row_once_a_pass_and_equal_sizes():
    batches = shuffled(torch.arange(10), 3, seed=0)
    for _ in range(2):
        a_pass = [next(batches) for _ in range(3)]
        assert sorted(torch.cat(a_pass).tolist()) == list(range(10))
        assert [len(batch) for batch in a_pass] == [4, 3, 3]


def test_tau_of_the_held_out_part_by_hand():
    # of the six pairs one is tied in the scores and one is wrong; the mean is over ordered pairs and the diagonal
    found = tau_a(torch.tensor([1.0, 2.0, 2.0, 0.0]), torch.tensor([1.0, 2.0, 3.0, 1.5]))
    assert found == pytest.approx((4 - 1) * 2 / 16)


def test_the_weights_that_ordered_the_held_out_part_best_are_kept():
    graphs, targets = example()
    held_out = torch.arange(0, 40, 4)
    seen = []

    class Watched(Linear):
        def forward(self, graphs):
            value = super().forward(graphs)
            if not self.training:
                seen.append(tau_a(value, targets[held_out]))
            return value

    network = trained_on(Watched, graphs, targets, RECIPE, 0, held_out)
    best = max(seen)
    assert len(seen) == 30
    assert tau_a(scores(network, graphs[held_out]), targets[held_out]) == best


def test_held_out_targets_teach_nothing():
    graphs, targets = example()
    held_out = torch.arange(0, 40, 4)
    wrong = targets.clone()
    wrong[held_out] = wrong[held_out] + 1000.0  # the same order, so the same stop
    one, other = (trained_on(Linear, graphs, values, RECIPE, 0, held_out) for values in (targets, wrong))
    assert torch.equal(one.weight, other.weight)


def test_patience_ends_training():
    graphs, targets = example()
    steps = []

    class Counted(Linear):
        def forward(self, graphs):
            if self.training:
                steps.append(len(graphs))
            return super().forward(graphs)

    recipe = dataclasses.replace(RECIPE, min_steps=300)
    trained_on(Counted, graphs, targets, recipe, 0, torch.arange(0, 40, 4), patience=0.0)
    assert len(steps) < 300


def test_torch_is_left_as_it_was():
    graphs, targets = example()
    before = torch.random.get_rng_state()
    one = trained_on(Linear, graphs, targets, RECIPE, 3)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(1)
    other = trained_on(Linear, graphs, targets, RECIPE, 3)
    assert torch.equal(one.weight, other.weight)
    threads = torch.get_num_threads()
    with at_most(threads + 1):
        assert torch.get_num_threads() == threads + 1
    assert torch.get_num_threads() == threads


def test_the_temperature_follows_the_progress_of_training():
    graphs, targets = example()
    reported = []

    class Noted(AnnealedKendall):
        def __call__(self, predicted, targets, progress=0.0):
            reported.append(progress)
            return super().__call__(predicted, targets, progress)

    trained_on(Linear, graphs, targets, dataclasses.replace(RECIPE, loss=Noted(), min_steps=4, batch_size=40), 0)
    assert reported == [0.0, 0.25, 0.5, 0.75]
