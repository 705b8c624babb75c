"""Passes run once, scores depend on network, batch and seed alone, and what has no answer is NaN with a reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from networks import NETWORKS, batch, nasbench201, odd
from torch import Tensor, nn

from proxybench.proxies import PROXIES
from proxybench.proxies.base import NoAnswer, Proxy, Tap, proxy
from proxybench.proxies.probe import Probe
from proxybench.proxies.weights import l2_norm

NAMES = sorted(PROXIES)
ALL: list[Proxy] = [PROXIES[name] for name in NAMES]
SHARE_ONE_PASS = ["grad_norm", "snip", "plain", "grasp", "fisher", "jacov", "nwot", "swap"]


class Counted(Probe):
    """Counts the network's forward passes by the pass or proxy in which they happen, and runs of each pass."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.forwards: Counter[str] = Counter()
        self.runs: Counter[str] = Counter()
        self._inside = ["proxy"]
        self._counting: dict[Any, Callable[[Probe], Any]] = {}
        self.network.register_forward_pre_hook(self._count)

    def _count(self, module: nn.Module, inputs: Any) -> None:
        self.forwards[self._inside[-1]] += 1

    def once(self, run: Callable[[Probe], Any]) -> Any:
        name = f"{run.__module__}.{run.__name__}"

        def counting(probe: Probe) -> Any:
            self.runs[name] += 1
            self._inside.append(name)
            try:
                return run(probe)
            finally:
                self._inside.pop()

        return super().once(self._counting.setdefault(run, counting))


def counted(proxies: list[Proxy]) -> Counted:
    probe = Counted(nasbench201(), *batch())
    probe.run(proxies)
    return probe


def test_all_proxies_together_take_each_pass_once() -> None:
    alone = {one.name: counted([one]) for one in ALL}
    together = counted(ALL)
    assert set(together.runs.values()) == {1}
    passes = {name: probe.forwards[name] for probe in alone.values() for name in probe.runs}
    own = sum(probe.forwards["proxy"] for probe in alone.values())
    # The statistics of the batch come from the shared pass, not from a forward pass of their own.
    assert together.forwards.total() == sum(passes.values()) + own - 1
    assert together.forwards.total() < sum(probe.forwards.total() for probe in alone.values())


def test_proxies_of_the_batch_share_one_forward_pass() -> None:
    assert counted([PROXIES[name] for name in SHARE_ONE_PASS]).forwards.total() == 1


@pytest.mark.parametrize(
    ("names", "forwards"),
    [(["synflow", "logsynflow"], 1), (["depth", "convolutions"], 1), (["l2_norm", "params", "random"], 0)],
)
def test_other_passes_are_shared_too(names: list[str], forwards: int) -> None:
    assert counted([PROXIES[name] for name in names]).forwards.total() == forwards


def test_a_proxy_requested_later_gets_a_pass_that_records_what_it_needs() -> None:
    network, (images, labels) = nasbench201(), batch()
    probe = Probe(network, images, labels)
    first = probe.run([PROXIES["snip"]]).values
    second = probe.run([PROXIES["grasp"], PROXIES["snip"]]).values
    assert second["snip"] == first["snip"]
    assert second["grasp"] == Probe(network, images, labels).run([PROXIES["grasp"]]).values["grasp"]


def test_a_proxy_can_be_called_with_a_probe() -> None:
    network, (images, labels) = nasbench201(), batch()
    values = PROXIES["snip"](Probe(network, images, labels))
    expected = Probe(network, images, labels).run([PROXIES["snip"]]).values["snip"]
    assert float(values.sum()) == pytest.approx(expected, rel=1e-12)


@pytest.fixture(scope="module")
def together() -> dict[str, float]:
    return Probe(nasbench201(), *batch(), seed=3).run(ALL).values


@pytest.mark.parametrize("name", NAMES)
def test_a_score_does_not_depend_on_what_else_is_requested(name: str, together: dict[str, float]) -> None:
    found = Probe(nasbench201(), *batch(), seed=3).run([PROXIES[name]]).values
    np.testing.assert_equal(found, {name: together[name]})


def test_the_order_of_proxies_does_not_matter(together: dict[str, float]) -> None:
    np.testing.assert_equal(Probe(nasbench201(), *batch(), seed=3).run(ALL[::-1]).values, together)


def test_a_proxy_draws_no_random_number_from_outside(together: dict[str, float]) -> None:
    torch.manual_seed(99)
    torch.rand(17)
    np.testing.assert_equal(Probe(nasbench201(), *batch(), seed=3).run(ALL).values, together)


def test_dropout_draws_from_the_seed() -> None:
    network, images, labels = odd("dropout")
    wanted = [PROXIES["snip"], PROXIES["zico"]]
    values = [Probe(network, images, labels, seed=seed).run(wanted).values for seed in (1, 1, 2)]
    assert values[0] == values[1]
    assert values[0]["snip"] != values[2]["snip"]


def test_one_and_two_threads_agree() -> None:
    network, images, labels = odd("residual")
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(Probe(network, images, labels).run(ALL).values)
    finally:
        torch.set_num_threads(threads)
    for name in NAMES:
        rel = 1e-4 if name == "zico" else 1e-5  # divides by differences of gradients
        assert found[1][name] == pytest.approx(found[0][name], rel=rel, nan_ok=True), name


@pytest.mark.parametrize("kind", ["a cell", "all skip", "residual", "mobile", "transformer", "shared weights"])
def test_values_of_operations_add_up_to_the_score(kind: str) -> None:
    scores = Probe(*odd(kind)).run(ALL)
    assert set(scores.nodes) == {one.name for one in ALL if one.per_layer}
    for name, nodes in scores.nodes.items():
        assert nodes.shape == (len(scores.operations),)
        assert nodes.dtype == np.float64
        assert nodes.sum() == pytest.approx(scores.values[name], rel=1e-9, abs=1e-12, nan_ok=True), name


def test_operations_of_two_architectures_are_aligned_and_those_without_weights_are_zero() -> None:
    scores = [Probe(odd(kind)[0], *batch()).run(ALL) for kind in ("a cell", "all skip")]
    assert scores[0].operations == scores[1].operations
    for name, nodes in scores[1].nodes.items():
        if name in scores[1].unanswered:
            continue
        # of an all-skip network only stem, reductions and classifier have weights
        with_values = {scores[1].operations[place] for place in np.flatnonzero(nodes)}
        assert with_values <= {"stem", "cells.1", "cells.3", "classifier"}


def test_without_operations_of_its_own_a_network_has_its_layers() -> None:
    network, images, labels = odd("residual")
    assert Probe(network, images, labels).run([l2_norm]).operations == (
        *("conv1", "layer1.0.conv1", "layer1.0.conv2"),
        *("layer2.0.conv1", "layer2.0.conv2", "layer2.0.shortcut", "fc"),
    )


def test_labels_are_requested_by_name() -> None:
    with pytest.raises(ValueError, match="proxy 'snip' needs labels"):
        Probe(nasbench201(), batch()[0]).run([PROXIES["synflow"], PROXIES["snip"]])


def test_what_has_no_answer_is_nan_with_the_reason() -> None:
    @proxy("silent", source="test", formula="none", per_layer=True)
    def silent(probe: Probe) -> Tensor:
        raise NoAnswer("nothing to say")

    scores = Probe(nasbench201(), *batch()).run([silent, l2_norm])
    assert math.isnan(scores.values["silent"])
    assert np.isnan(scores.nodes["silent"]).all()
    assert scores.unanswered == {"silent": "nothing to say"}
    assert scores.values["l2_norm"] > 0


def test_a_score_that_is_not_finite_is_nan() -> None:
    @proxy("endless", source="test", formula="one layer is infinite", per_layer=True)
    def endless(probe: Probe) -> Tensor:
        return torch.tensor([1.0, float("inf")])

    scores = Probe(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), torch.zeros(1, 2)).run([endless])
    assert math.isnan(scores.values["endless"])
    np.testing.assert_array_equal(scores.nodes["endless"], [1.0, np.nan])
    assert scores.unanswered == {"endless": "the score is inf"}


def test_a_pass_without_answer_runs_once_as_well() -> None:
    runs = []

    def failing(probe: Probe) -> float:
        runs.append(1)
        raise NoAnswer("no")

    probe = Probe(nasbench201(), *batch())
    for _ in range(2):
        with pytest.raises(NoAnswer, match="no"):
            probe.once(failing)
    assert len(runs) == 1


def test_an_error_of_the_network_is_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="expected input"):
        Probe(nasbench201(), *batch(shape=(5, 8, 8))).run([PROXIES["snip"]])


def test_a_network_that_returns_no_logits_is_refused() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
            return self.inner(images), images

    with pytest.raises(TypeError, match="must return logits, not tuple"):
        Probe(Pair(), torch.zeros(2, 2), torch.zeros(2, dtype=torch.long)).run([PROXIES["snip"]])


def test_seconds_of_a_pass_are_its_own() -> None:
    scores = Probe(nasbench201(), *batch()).run([PROXIES["snip"], PROXIES["grad_norm"]])
    assert set(scores.seconds) == {"snip", "grad_norm", "batch_pass"}
    assert scores.seconds["batch_pass"] > scores.seconds["snip"] + scores.seconds["grad_norm"]


def test_generators_depend_on_seed_and_name() -> None:
    network = nn.Linear(1, 1)

    def draw(seed: int, name: str) -> float:
        return float(torch.rand((), generator=Probe(network, torch.zeros(1, 1), seed=seed).generator(name)))

    assert draw(0, "a") == draw(0, "a")
    assert len({draw(0, "a"), draw(1, "a"), draw(0, "b")}) == 3


def test_images_take_the_type_of_the_network() -> None:
    probe = Probe(nasbench201().double(), batch()[0])
    assert probe.images.dtype == probe.noise("x").dtype == torch.float64


def test_a_loss_of_the_user() -> None:
    # L = mean of the logits = (w1 x1 + w2 x2 + ...)/2 for one image: dL/dw = x/2
    network = nn.Linear(2, 2, bias=False)
    nn.init.ones_(network.weight)
    probe = Probe(network, torch.tensor([[3.0, 4.0]]), torch.zeros(1), loss=lambda logits, labels: logits.mean())
    # two rows of (3, 4)/2, together of norm 5/2 sqrt 2
    assert probe.run([PROXIES["grad_norm"]]).values["grad_norm"] == pytest.approx(2.5 * math.sqrt(2), rel=1e-6)


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_taps_do_not_change_what_others_see(kind: str) -> None:
    network, images, labels = odd(kind)
    everything = Probe(network, images, labels, taps=frozenset(Tap))
    alone = Probe(network, images, labels)
    for name in ("grad_norm", "nwot"):
        expected = alone.run([PROXIES[name]]).values[name]
        assert everything.run([PROXIES[name]]).values[name] == pytest.approx(expected, rel=0, abs=0, nan_ok=True)
