"""What the page says about methods and benchmarks comes from the code and the registry."""

from __future__ import annotations

import pytest

from proxybench.board_facts import board_facts
from proxybench.leaderboard.page.facts import Facts
from proxybench.proxies import PROXIES


@pytest.fixture(scope="module")
def facts() -> Facts:
    return board_facts("https://example.org/code")


def test_a_proxy_has_its_formula_and_source(facts: Facts) -> None:
    synflow = facts.methods["synflow"]
    assert (synflow.kind, synflow.what, synflow.source) == (
        "proxy",
        PROXIES["synflow"].formula,
        PROXIES["synflow"].source,
    )
    assert "labels" in facts.methods["snip"].needs


def test_predictors_and_searchers_say_what_they_are(facts: Facts) -> None:
    assert facts.methods["gbdt"].what.startswith("Gradient-boosted trees")
    assert facts.methods["bananas"].kind == "searcher"


def test_sources_are_whole_sentences_also_of_several_lines(facts: Facts) -> None:
    transformer = facts.methods["graph_transformer"].source
    assert transformer.startswith("PINAT (Lu et al., AAAI 2023)")
    assert transformer.endswith("for relations as biases.")
    named = {name for name, found in facts.methods.items() if found.kind == "searcher" and found.source}
    assert named >= {"asha", "bananas", "evolution", "hyperband", "local", "mcts", "robot", "robot-paper"}


def test_every_benchmark_of_the_registry_has_its_card_and_section(facts: Facts) -> None:
    assert facts.benchmarks["nasbench201"].section == "published"
    assert facts.benchmarks["nasbench201"].citation
    assert facts.benchmarks["trained-nasbench201"].section == "ours"
    assert facts.benchmarks["trained-nasbench201"].caveats


def test_version_and_repository_are_stated(facts: Facts) -> None:
    assert facts.version
    assert facts.repository == "https://example.org/code"
