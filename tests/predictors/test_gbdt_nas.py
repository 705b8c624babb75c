"""GBDT-NAS's parts: choices as columns, what pruning removes, and constraints kept in sampling."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from predictors import check_predictor
from predictors.arch import ArchGraph
from predictors.errors import NotFitted, UnknownName
from predictors.gbdt_nas import (
    ChoiceGBDT,
    ChoiceRows,
    Constraints,
    Edge,
    Operation,
    choices_of,
    first_order,
    harmful_pairs,
    interaction_values,
    published_booster,
    sample_allowed,
    second_order,
)
from predictors.gbdt_nas.trees import trees
from proxybench.spaces import get_space

NODES, OPS = 5, ("conv", "pool", "skip")


def chain(ops: tuple[str, ...]) -> ArchGraph:
    return ArchGraph("chain", ops, tuple((node, node + 1) for node in range(len(ops) - 1)))


@pytest.fixture(scope="module")
def archs() -> list[ArchGraph]:
    """All 243 chains of five nodes with three operations."""
    return [chain(ops) for ops in product(OPS, repeat=NODES)]


@pytest.fixture(scope="module")
def fitted(archs):
    """Fits without chance to all of `archs`, so that only what the target depends on is split by."""

    def fit(target) -> ChoiceGBDT:
        return ChoiceGBDT(features=1.0, bagging=1.0).fit(archs, [target(arch) for arch in archs])

    return fit


def has(arch: ArchGraph, *wanted: tuple[int, str]) -> bool:
    return all(arch.ops[node] == op for node, op in wanted)


class TestChoices:
    def test_an_architecture_is_its_operations_and_edges(self) -> None:
        arch = ArchGraph("s", ("a", "b"), ((0, 1),))
        assert choices_of(arch) == {Operation(0, "a"), Operation(1, "b"), Edge(0, 1)}

    def test_attributes_are_part_of_the_operation(self) -> None:
        arch = ArchGraph("s", ("conv",), (), (("channels", (64.0,)),))
        assert choices_of(arch) == {Operation(0, "conv channels=64")}

    def test_columns_are_the_choices_that_differ(self) -> None:
        pair = [ArchGraph("s", ("a", "b", "c"), ((0, 1),)), ArchGraph("s", ("a", "a", "c"), ((0, 1), (1, 2)))]
        rows = ChoiceRows().fit(pair)
        assert rows.choices_ == [Operation(1, "a"), Operation(1, "b"), Edge(1, 2)]
        assert rows.groups_.tolist() == [1, 1, -1]
        assert rows.transform(pair).tolist() == [[0, 1, 0], [1, 0, 1]]

    def test_a_choice_that_the_training_part_lacks_is_ignored(self) -> None:
        rows = ChoiceRows().fit([chain(("a", "b")), chain(("a", "c"))])
        assert rows.transform([chain(("a", "d"))]).tolist() == [[0, 0]]


class TestConstraints:
    constraints = Constraints().joined(
        removed=[Operation(0, "pool")], apart=[(Operation(1, "conv"), Operation(2, "conv"))]
    )

    def test_a_removed_choice_and_a_pair_made_together_are_two_violations(self) -> None:
        assert self.constraints.violations(chain(("pool", "conv", "conv", "skip", "skip"))) == 2
        assert self.constraints.violations(chain(("pool", "conv", "skip", "skip", "skip"))) == 1
        assert self.constraints.allows(chain(("conv", "conv", "skip", "conv", "conv")))

    def test_rows_are_judged_as_their_architectures_are(self, archs) -> None:
        encoding = ChoiceRows().fit(archs)
        allowed = self.constraints.allowed_rows(encoding.transform(archs), encoding.choices_)
        assert allowed.tolist() == [self.constraints.allows(arch) for arch in archs]
        assert allowed.sum() == 2 * (9 - 1) * 9  # two operations left at node 0, eight pairs at 1 and 2


class TestFirstOrder:
    def test_removes_exactly_the_harmful_operation(self, archs, fitted) -> None:
        model = fitted(lambda arch: -float(has(arch, (2, "pool"))))
        assert model.prune(archs, "first").removed == {Operation(2, "pool")}

    def test_removes_the_most_harmful_first(self, archs, fitted) -> None:
        model = fitted(lambda arch: -1.0 * has(arch, (2, "pool")) - 2.0 * has(arch, (4, "skip")))
        assert model.prune(archs, "first", at_most=1).removed == {Operation(4, "skip")}
        assert model.prune(archs, "first").removed == {Operation(2, "pool"), Operation(4, "skip")}

    def test_goes_on_from_what_was_removed_before(self, archs, fitted) -> None:
        model = fitted(lambda arch: -1.0 * has(arch, (2, "pool")) - 2.0 * has(arch, (4, "skip")))
        once = model.prune(archs, "first", at_most=1)
        assert model.prune(archs, "first", 1, once).removed == {Operation(4, "skip"), Operation(2, "pool")}

    def test_leaves_one_operation_of_a_node(self) -> None:
        rows, values = np.eye(3), -np.diag([1.0, 3.0, 2.0])
        assert first_order(rows, values, np.array([7, 7, 7])) == [1, 2]
        assert first_order(rows, values, np.array([-1, -1, -1])) == [1, 2, 0]

    def test_counts_only_architectures_that_have_the_choice(self) -> None:
        # Absent it is worth -5, present +1: nothing speaks against having it.
        assert first_order(np.array([[0.0], [1.0]]), np.array([[-5.0], [1.0]]), np.array([-1])) == []


class TestSecondOrder:
    pair = (Operation(1, "pool"), Operation(3, "skip"))

    def test_removes_exactly_the_pair_that_is_harmful_together(self, archs, fitted) -> None:
        model = fitted(lambda arch: -float(has(arch, *self.pair)))
        assert model.prune(archs, "second").removed == set(self.pair)

    def test_removes_nothing_where_operations_do_not_interact(self, archs, fitted) -> None:
        # One tree of two leaves a time: no path has two features, so that no interaction is estimated.
        values = [-1.0 * has(arch, (1, "pool")) - has(arch, (3, "skip")) for arch in archs]
        encoding = ChoiceRows().fit(archs)
        rows = encoding.transform(archs)
        booster = published_booster(rows, np.array(values), 0, num_leaves=2)
        assert (
            second_order(
                rows, interaction_values([leaf for tree in trees(booster) for leaf in tree], rows), encoding.groups_
            )
            == []
        )

    def test_as_published_takes_the_first_of_two_that_are_good_only_together(self, archs, fitted) -> None:
        model = fitted(lambda arch: float(has(arch, *self.pair)))
        assert model.prune(archs, "second").removed == {self.pair[0]}

    @pytest.mark.parametrize(
        ("both", "first", "second", "expected"),
        [(-1, -9, -9, [0, 1]), (1, -1, -9, [0]), (1, 1, -1, [1]), (1, 1, 1, [])],
    )
    def test_rules_in_their_order(self, both: float, first: float, second: float, expected: list[int]) -> None:
        rows = np.array([[1, 1], [1, 0], [0, 1], [0, 0]], dtype=float)
        interactions = np.zeros((4, 2, 2))
        interactions[:, 0, 1] = interactions[:, 1, 0] = [both, first, second, -9]
        assert second_order(rows, interactions, np.array([-1, -1])) == expected

    @pytest.mark.parametrize(("both", "expected"), [(-1, [1]), (1, [])])
    def test_where_one_is_gone_the_other_follows_only_a_pair_harmful_together(self, both: float, expected) -> None:
        rows = np.array([[1, 1], [1, 0], [0, 1]], dtype=float)
        interactions = np.zeros((3, 2, 2))
        interactions[:, 0, 1] = interactions[:, 1, 0] = [both, -1, -1]
        assert second_order(rows, interactions, np.array([-1, -1]), removed=[0]) == expected

    def test_the_limit_holds_within_a_pair(self) -> None:
        rows, interactions = np.ones((1, 2)), -np.ones((1, 2, 2))
        assert second_order(rows, interactions, np.array([-1, -1]), at_most=1) == [0]


class TestHarmfulPairs:
    pair = TestSecondOrder.pair

    def test_keeps_exactly_the_harmful_pair_apart_and_removes_neither(self, archs, fitted) -> None:
        constraints = fitted(lambda arch: -float(has(arch, *self.pair))).prune(archs, "pairs")
        assert constraints == Constraints(apart=frozenset([frozenset(self.pair)]))

    def test_leaves_a_pair_that_is_good_together(self, archs, fitted) -> None:
        assert fitted(lambda arch: float(has(arch, *self.pair))).prune(archs, "pairs") == Constraints()

    def test_does_not_name_what_is_removed_already(self) -> None:
        assert harmful_pairs(np.ones((1, 3)), -np.ones((1, 3, 3)), removed=[0]) == [(1, 2)]


class TestPredictor:
    def test_keeps_the_contract(self) -> None:
        check_predictor(ChoiceGBDT)

    def test_predicts_in_the_units_of_the_target(self, archs, fitted) -> None:
        predicted = fitted(lambda arch: 90.0 - 20 * has(arch, (2, "pool"))).predict(archs)
        expected = [70.0 if has(arch, (2, "pool")) else 90.0 for arch in archs]
        np.testing.assert_allclose(predicted, expected, atol=0.2)  # 0.95 ** 100 = .006 of 20 is left

    def test_another_order_of_pruning_suggests_the_nearest(self, archs, fitted) -> None:
        with pytest.raises(UnknownName, match="Did you mean 'first'"):
            fitted(lambda arch: float(has(arch, (0, "conv")))).prune(archs, "firs")

    def test_asked_before_it_is_fitted(self, archs) -> None:
        with pytest.raises(NotFitted):
            ChoiceGBDT().prune(archs, "first")

    def test_targets_that_are_all_equal_remove_nothing(self, archs, fitted) -> None:
        for order in ("first", "second", "pairs"):
            assert fitted(lambda arch: 1.0).prune(archs, order) == Constraints()


class Layers:
    """Chains of `depth` layers with one of `ops` operations each."""

    def __init__(self, depth: int, ops: int) -> None:
        self.depth, self.ops = depth, [str(op) for op in range(ops)]

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        rng = np.random.default_rng(seed)
        return [chain(tuple(rng.choice(self.ops, self.depth).tolist())) for _ in range(n)]

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        ops = arch.ops
        return [
            chain((*ops[:layer], op, *ops[layer + 1 :]))
            for layer, op in product(range(self.depth), self.ops)
            if op != ops[layer]
        ]


class TestSampling:
    def test_keeps_constraints_that_chance_alone_would_not(self) -> None:
        # Of 7 operations 2 are left on each of 21 layers: 1 in 4e11 of what is drawn.
        constraints = Constraints().joined(Operation(layer, str(op)) for layer in range(21) for op in range(5))
        found = sample_allowed(Layers(21, 7), constraints, 10, np.random.default_rng(0))
        assert len(set(found)) == 10
        assert {op for arch in found for op in arch.ops} == {"5", "6"}

    def test_keeps_pairs_apart(self) -> None:
        constraints = Constraints().joined(apart=[(Operation(0, "0"), Operation(1, "0"))])
        found = sample_allowed(Layers(2, 2), constraints, 3, np.random.default_rng(0))
        assert {arch.ops for arch in found} == {("0", "1"), ("1", "0"), ("1", "1")}

    def test_is_uniform_over_what_removed_choices_leave(self) -> None:
        constraints = Constraints().joined(Operation(layer, str(layer)) for layer in range(3))
        rng = np.random.default_rng(0)
        counts: dict[tuple[str, ...], int] = {}
        for _ in range(1350):
            (arch,) = sample_allowed(Layers(3, 4), constraints, 1, rng)
            counts[arch.ops] = counts.get(arch.ops, 0) + 1
        assert len(counts) == 27
        # 50 of each are expected; the statistic with 26 degrees of freedom exceeds 54 once in a thousand.
        assert sum((count - 50) ** 2 / 50 for count in counts.values()) < 54

    def test_architectures_of_a_real_space_stay_in_it(self) -> None:
        space = get_space("nasbench201")
        constraints = Constraints().joined(
            Operation(node, op) for node in range(1, 7) for op in ("none", "nor_conv_1x1")
        )
        found = sample_allowed(space, constraints, 20, np.random.default_rng(0))
        assert len(found) == 20
        assert all(arch in space and constraints.allows(arch) for arch in found)

    def test_the_same_generator_gives_the_same(self) -> None:
        constraints = Constraints().joined([Operation(1, "0")])
        one, other = (sample_allowed(Layers(5, 3), constraints, 5, np.random.default_rng(3)) for _ in range(2))
        assert one == other

    def test_returns_fewer_where_fewer_are_left(self) -> None:
        constraints = Constraints().joined([Operation(0, "0"), Operation(1, "0")])
        found = sample_allowed(Layers(2, 2), constraints, 2, np.random.default_rng(0))
        assert found == [chain(("1", "1"))]
