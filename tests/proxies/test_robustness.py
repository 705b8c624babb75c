"""Whatever the network and the batch, a score is a number or NaN with a reason, and 0 only where 0 is the value."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from networks import BATCHES, NETWORKS, batch, nasbench201, odd, plain_network
from transformer_proxies import OF_TRANSFORMERS

from proxybench.proxies import PROXIES
from proxybench.proxies.base import Proxy, Tap
from proxybench.proxies.probe import Probe

KINDS = [*NETWORKS, *BATCHES]
NAMES = sorted(PROXIES)
ALL: list[Proxy] = [PROXIES[name] for name in NAMES]

# Where no derivative passes from the logits to the images, all gradients of weights are 0, and so are their sums.
WITHOUT_FLOW = {
    *("grad_norm", "snip", "plain", "grasp", "gradsign", "eznas_a", "ntk_trace"),
    *("synflow", "logsynflow", "t_cet", "convolutions"),
}
# Kind of network or batch to the proxies whose value is 0 there.
ZERO = {
    "all none": WITHOUT_FLOW,
    "disconnected": WITHOUT_FLOW,
    "dead end": {"az_progressivity"},  # its cells repeat their input
    "no layers": {"depth", "az_complexity"},
    "one layer": {"convolutions", "t_cet"},  # four outputs cannot tell eight images apart: no volume
    "no rectifier": {"eznas_a"},  # the gradient of a kernel has one sign or two that alternate: all singular
    "dropout": {"eznas_a"},
    "zero weights": {"plain", "snip", "grasp", "synflow", "logsynflow", "t_cet", "l2_norm", "meco", "eznas_a"},
    "constant images": {"t_cet"},  # singular codes have volume 0 in its definition
    "two equal images": {"t_cet"},
    "one pixel": {"t_cet"},
    "images of zeros": {"dextr", "grad_norm", "snip", "plain", "grasp", "gradsign", "ntk_trace", "t_cet"},
}
EVERYTHING_HAS_AN_ANSWER = [
    *("a cell", "all skip", "dead end", "no normalisation", "frozen", "in-place modules", "shared weights"),
    *("evaluation mode", "float64", "own attributes", "residual", "one class"),
]


@cache
def probe_of(kind: str) -> Probe:
    """One probe for all tests of a network, so that its passes run once."""
    return Probe(*odd(kind), taps=frozenset(Tap))


@pytest.mark.parametrize("kind", KINDS)
def test_every_score_is_a_number_or_nan_with_a_reason(kind: str) -> None:
    scores = probe_of(kind).run(ALL)
    assert scores.values.keys() == set(NAMES)
    for name, value in scores.values.items():
        assert isinstance(value, float), name
        assert not math.isinf(value), name
        assert math.isnan(value) == (name in scores.unanswered), name
        assert scores.unanswered.get(name, "a reason") != "", name
        assert value != 0 or name in ZERO.get(kind, ()), f"a silent 0 of {name}"


@pytest.mark.parametrize("kind", KINDS)
def test_values_of_operations_add_up_to_the_score(kind: str) -> None:
    scores = probe_of(kind).run(ALL)
    for proxy in ALL:
        if proxy.per_layer and scores.operations:
            nodes = scores.nodes[proxy.name]
            assert nodes.shape == (len(scores.operations),), proxy.name
            assert not np.isinf(nodes).any(), proxy.name
            value = pytest.approx(scores.values[proxy.name], rel=1e-9, abs=1e-12, nan_ok=True)
            assert nodes.sum() == value, proxy.name


@pytest.mark.parametrize("kind", EVERYTHING_HAS_AN_ANSWER)
def test_every_proxy_has_an_answer(kind: str) -> None:
    assert probe_of(kind).run(ALL).unanswered.keys() == OF_TRANSFORMERS


def test_weights_that_are_nan_leave_an_answer_to_those_that_do_not_read_them() -> None:
    unanswered = probe_of("NaN weights").run(ALL).unanswered
    assert set(unanswered) == {one.name for one in ALL if one.initialisation == "as given"} - {"random"}


def test_one_nan_in_one_weight_is_enough() -> None:
    network = nasbench201()
    network.cells[0].edges[0].conv.weight.data[0, 0, 0, 0] = math.nan
    values = Probe(network, *batch()).run(ALL).values
    for name in ("grad_norm", "snip", "plain", "grasp", "fisher", "l2_norm", "synflow", "jacov", "nwot", "zico"):
        assert math.isnan(values[name]), name


@pytest.mark.parametrize("kind", ["frozen", "evaluation mode"])
def test_state_that_a_pass_sets_itself_does_not_matter(kind: str) -> None:
    expected = probe_of("a cell").run(ALL).values
    found = probe_of(kind).run(ALL).values
    assert found == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


def test_modules_in_place_give_what_others_give() -> None:
    network, images, labels = odd("in-place modules")
    other = plain_network(norm=False)
    other.load_state_dict(network.state_dict())
    expected = Probe(other, images, labels).run(ALL).values
    assert Probe(network, images, labels).run(ALL).values == pytest.approx(expected, rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("seed", [1, 2])  # with seed 0 a rectifier's input is -9e-7, whose sign float32 may miss
def test_float64_agrees_with_float32(seed: int) -> None:
    images, labels = batch()
    expected = Probe(nasbench201(seed=seed).double(), images.double(), labels, taps=frozenset(Tap)).run(ALL).values
    found = Probe(nasbench201(seed=seed), images, labels, taps=frozenset(Tap)).run(ALL).values
    # Counts of patterns and regions may differ by a sign of a number near 0, those of the smallest eigenvalue by more.
    coarse = {"gradsign", "eznas_a", "swap", "l_swag", "linear_regions", "zico", "ntk_cond", "meco", "t_cet"}
    for name in NAMES:
        assert found[name] == pytest.approx(expected[name], rel=0.05 if name in coarse else 1e-3, nan_ok=True), name


def test_batch_normalisation_that_overflows_is_no_zero() -> None:
    # Variances of 1e40 are infinite in float32, and what is divided by them 0: no gradient, which is no answer.
    scores = probe_of("exploding weights with normalisation").run(ALL)
    assert scores.unanswered["grad_norm"] == "the variance of a batch normalisation is not finite"


def test_a_network_that_forbids_gradients_has_none() -> None:
    scores = probe_of("without gradient").run(ALL)
    needing = {one.name for one in ALL if "gradients" in one.needs}
    assert needing <= set(scores.unanswered)
