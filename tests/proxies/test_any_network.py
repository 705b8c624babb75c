"""Networks in the shapes that people use, scored and compared with what is worked out by hand or by plainer means."""

from __future__ import annotations

import math
from functools import cache

import pytest
from zoo.entry import Entry
from zoo.networks import ZOO
from zoo.references import REFERENCES, TOLERANCES, Reference, weights_of

import proxybench as pb
from proxybench.proxies import available
from proxybench.proxies.probe import Probe


@cache
def scores(name: str) -> pb.proxies.score.NamedScores:
    entry: Entry = ZOO[name]
    images = entry.images()
    return pb.score(entry.network(), images, entry.targets(len(images)), loss=entry.loss)


@pytest.mark.parametrize("name", ZOO)
def test_every_proxy_has_a_number_or_a_reason(name: str) -> None:
    found = scores(name)
    assert set(found) == set(available())
    for proxy, value in found.items():
        assert not math.isinf(value), proxy
        assert math.isnan(value) == bool(found.reasons.get(proxy)), proxy


@pytest.mark.parametrize("name", ZOO)
def test_layers_are_the_weights_that_features_are_multiplied_with(name: str) -> None:
    entry = ZOO[name]
    probe = Probe(entry.network(), entry.images())
    assert len(weights_of(entry, entry.plain(entry.network()))) == entry.count
    assert len(probe.layers) == entry.count, [layer.name for layer in probe.layers]


@pytest.mark.parametrize("name", ZOO)
def test_values_are_those_of_the_definitions(name: str) -> None:
    entry, found = ZOO[name], scores(name)
    reference, wrong = Reference(entry), []
    for proxy, work_out in REFERENCES.items():
        if proxy in entry.skipped or (proxy == "az_complexity" and entry.products is None):
            continue
        expected = work_out(reference)
        if found[proxy] != pytest.approx(expected, rel=TOLERANCES.get(proxy, 1e-3), abs=1e-9, nan_ok=True):
            wrong.append(f"{proxy}: {found[proxy]} instead of {expected} ({found.reasons.get(proxy, '')})")
    assert not wrong, "\n".join(wrong)
