"""Searchers that take their proposals from a generator, on 64 architectures by hand and on NAS-Bench-201."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from predictors.arch import ArchGraph
from proxybench.errors import DataNotAvailable
from proxybench.generation import Architecture, Sampler, Settings, train_generator
from proxybench.search import Problem, run
from proxybench.search.core.problem import InvalidProblem
from proxybench.search.parts.proposals import Proposals
from proxybench.search.searchers.diffusion import DiffusionSearch
from proxybench.search.searchers.transfer import TransferSearch, with_sources
from proxybench.spaces import get_space

TINY = Settings(Architecture(layers=1, width=16, heads=2, feedforward=32), steps=40, batch=64, rate=1e-2, warmup=5)
QUICK = {"predictor": "ridge", "ensemble": 2, "anew": 1, "near": False, "samples": 32, "times": 5, "steps": 10}
SAMPLER = Sampler("em", 8)


@pytest.fixture
def worth(bits) -> np.ndarray:
    return bits @ [3, 1, 4, 1.5, 5, 9]


@pytest.fixture(scope="module")
def model_file(bits, tmp_path_factory) -> str:
    chain = tuple((node, node + 1) for node in range(5))
    archs = [ArchGraph("bits", tuple("on" if bit else "off" for bit in row), chain) for row in bits]
    return str(train_generator(archs, TINY).save(tmp_path_factory.mktemp("models") / "bits.npz"))


@pytest.fixture
def searched(model_file):
    def search(problem: Problem, seed: int, budget: int = 12, **options: object):
        given = {**QUICK, "generator": model_file, **options}
        return run(DiffusionSearch(problem, rng(seed), budget, **given), problem, budget)

    return search


@pytest.fixture
def transfer(model_file):
    def searcher(problem: Problem, **options: object) -> TransferSearch:
        given = {"generator": model_file, "samples": 64, "times": 8, "steps": 80, **options}
        return TransferSearch(problem, rng(), 0, **given)

    return searcher


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def everything(problem: Problem) -> np.ndarray:
    return np.ones(len(problem), dtype=bool)


class TestProposals:
    def test_are_distinct_candidates_that_are_not_known(self, make_problem, model_file) -> None:
        problem = make_problem()
        unseen = np.arange(64) >= 32
        drawn = Proposals(problem, model_file, 1, SAMPLER).draw(200, rng(), None, unseen)
        assert len(set(drawn.tolist())) == len(drawn) > 10
        assert (drawn >= 32).all()

    def test_follow_the_gradient(self, make_problem, model_file) -> None:
        problem = make_problem()
        proposals = Proposals(problem, model_file, 1, SAMPLER)
        on = proposals.model.layout.ops.index("on")

        def towards_on(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            slope = torch.zeros_like(x)
            slope[..., on] = 100.0
            return slope

        assert proposals.draw(50, rng(), towards_on, everything(problem)).tolist() == [63]

    def test_outside_the_population_are_the_candidates_most_like_them(self, make_problem, model_file) -> None:
        # Of nothing on and one place on, the second is nearest to whatever has that place on.
        whole = make_problem()
        part = Problem(whole.space, [whole.archs[i] for i in (0, 32)], {9: np.arange(2.0)})
        proposals = Proposals(part, model_file, 1, SAMPLER)
        on = proposals.model.layout.ops.index("on")
        unlike = everything(part)

        def first_on(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            slope = torch.zeros_like(x)
            slope[:, 0, on] = 100.0
            return slope

        assert proposals.draw(50, rng(), first_on, unlike).tolist() == [1]
        assert proposals.draw(50, rng(), first_on, np.array([True, False])).tolist() == [0]

    def test_that_are_isomorphic_to_a_candidate_are_that_candidate(self, tmp_path) -> None:
        space = get_space("nasbench201")
        one = space.parse("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|")
        twin = space.parse("|skip_connect~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|")  # the same function
        near = space.parse("|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_1x1~1|none~2|")  # as a graph nearer
        problem = Problem(space, [near, one], {9: np.arange(2.0)})
        file = str(train_generator(space.sample(300, 0), TINY).save(tmp_path / "nasbench201.npz"))
        proposals = Proposals(problem, file, 1, SAMPLER)
        wanted = 2 * proposals.model.layout.encode([twin]).float() - 1
        drawn = proposals.draw(5, rng(), lambda x, t: 100 * wanted.expand_as(x), everything(problem))
        assert drawn.tolist() == [1]

    def test_of_a_file_that_is_not_there_are_an_error(self, make_problem, tmp_path) -> None:
        with pytest.raises(DataNotAvailable):
            Proposals(make_problem(), str(tmp_path / "no.npz"), 1, SAMPLER)


class TestDiffusionSearch:
    def test_asks_everything_when_it_may(self, make_problem, worth, searched) -> None:
        history = searched(make_problem(worth), 0, budget=64, start=40, every=12)
        assert sorted(history.candidates) == list(range(64))

    def test_uses_nothing_of_the_table_but_its_answers(self, make_problem, worth, searched) -> None:
        first = searched(make_problem(worth), 3)
        other = -worth
        other[first.candidates] = worth[first.candidates]
        assert searched(make_problem(other), 3).candidates.tolist() == first.candidates.tolist()

    def test_gives_another_run_for_another_seed(self, make_problem, worth, searched) -> None:
        problem = make_problem(worth)
        assert searched(problem, 1, 8).candidates.tolist() != searched(problem, 2, 8).candidates.tolist()

    def test_leaves_global_random_state_alone(self, make_problem, worth, searched) -> None:
        torch.manual_seed(5)
        before = torch.get_rng_state(), np.random.get_state()[1].tolist()
        searched(make_problem(worth), 0, 8)
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.random.get_state()[1].tolist() == before[1]

    def test_proposes_better_than_chance(self, make_problem, worth, searched) -> None:
        # After 16 random queries all others are generated; a random query is worth the mean.
        history = searched(make_problem(worth), 0, budget=24, start=16, every=8, steps=60)
        assert history.values[16:].mean() > worth.mean() + worth.std()

    def test_chooses_among_the_neighbours_of_the_best_too(self, make_problem, worth, searched) -> None:
        # One sample is no choice: what else the first five are of is next to one of the five best known.
        problem = make_problem(worth)
        asked = searched(problem, 0, budget=15, start=10, samples=1, near=True).candidates
        best = asked[:10][np.argsort(-worth[asked[:10]])[:5]]
        near = {other for candidate in best.tolist() for other in problem.neighbours(candidate)}
        assert len(set(asked[10:].tolist()) - near) <= 1

    def test_trains_a_model_of_the_candidates_where_none_exists(self, make_problem, worth, searched) -> None:
        assert searched(make_problem(worth), 0, 6, generator=None, learn=5).queries == 6

    @pytest.mark.parametrize("option", ["samples", "steps", "labelled"])
    def test_refuses_sizes_of_nothing(self, make_problem, searched, option: str) -> None:
        with pytest.raises(InvalidProblem, match=option):
            searched(make_problem(), 0, **{option: 0})


class TestTransferSearch:
    def test_asks_first_what_is_good_on_the_other_data_set(self, make_problem, worth, transfer) -> None:
        problem = with_sources(make_problem(worth), {"other": 7 * worth - 3})
        history = run(transfer(problem), problem, 5)
        assert np.mean([(worth > worth[one]).sum() for one in history.candidates]) < 8

    def test_learns_nothing_from_the_answers(self, make_problem, worth, transfer) -> None:
        runs = []
        for values in (worth, -worth):
            problem = with_sources(make_problem(values), {"other": worth})
            runs.append(run(transfer(problem, steps=5), problem, 10).candidates.tolist())
        assert runs[0] == runs[1]

    @pytest.mark.parametrize("generated", [True, False])
    def test_asks_everything_once_in_the_end(self, make_problem, worth, transfer, generated: bool) -> None:
        problem = with_sources(make_problem(worth), {"other": worth})
        history = run(transfer(problem, generated=generated, steps=5), problem, 99)
        assert sorted(history.candidates) == list(range(64))
        assert history.ended == "exhausted"

    def test_weighs_the_data_sets(self, make_problem, bits, transfer) -> None:
        sources = {"first": bits @ [32, 16, 8, 4, 2, 1], "none": -bits.sum(axis=1)}
        problem = with_sources(make_problem(), sources)
        best = {name: transfer(problem, weights={name: 1.0}, generated=False).ask().candidate for name in sources}
        assert best["first"] >= 60
        assert bits[best["none"]].sum() <= 1

    def test_needs_a_data_set_to_learn_from(self, make_problem, transfer) -> None:
        with pytest.raises(InvalidProblem, match="source:DATASET"):
            transfer(make_problem())


def test_a_problem_with_sources_is_the_same_problem(make_problem, worth) -> None:
    plain = make_problem(worth, reported=worth / 2)
    informed = with_sources(plain, {"other": -worth})
    assert set(informed.columns) == {*plain.columns, "source:other"}
    assert (informed.values == worth).all()
    assert (informed.reported == worth / 2).all()
    assert informed.neighbours(0) == plain.neighbours(0)
    with pytest.raises(InvalidProblem):
        with_sources(plain, {"other": worth[:5]})
