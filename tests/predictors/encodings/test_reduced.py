"""Reduced graphs and live operations."""

from __future__ import annotations

from predictors import ArchBatch, ArchGraph
from predictors.encodings import LiveCounts, OneHot, Reduced, encoding
from predictors.encodings.reduced import has_dead_operations, is_constant, reduced

EDGES = ((0, 1), (1, 2), (2, 4), (0, 3), (3, 4))


def cell(first, second, third):
    return ArchGraph("s", ("input", first, second, third, "output"), EDGES)


def test_what_a_blocking_operation_cuts_off_is_dead():
    found = reduced(cell("conv", "none", "skip"))
    assert found.ops == ("input", "dead", "dead", "skip", "output")
    assert found.edges == ((0, 3), (3, 4))


def test_a_graph_without_dead_parts_is_itself():
    arch = cell("conv", "conv", "skip")
    assert reduced(arch) is arch


def test_ends_that_nothing_joins_keep_their_names():
    found = reduced(cell("conv", "none", "none"))
    assert found.ops == ("input", "dead", "dead", "dead", "output")
    assert found.edges == ()


def test_cells_that_differ_in_dead_parts_have_equal_rows():
    training = ArchBatch([cell(a, b, c) for a in ("conv", "none") for b in ("conv", "skip") for c in ("conv", "skip")])
    rows = (
        encoding("reduced")
        .fit(training)
        .transform(
            ArchBatch([cell("none", "conv", "skip"), cell("pool", "none", "skip"), cell("conv", "conv", "skip")])
        )
    )
    assert rows[0].tolist() == rows[1].tolist() != rows[2].tolist()


def test_reduced_knows_the_width_of_each_part():
    training = ArchBatch([cell("conv", "none", "skip"), cell("conv", "conv", "skip"), cell("skip", "conv", "skip")])
    found = encoding("reduced").fit(training)
    assert len(found.widths_) == 4
    assert sum(found.widths_) == found.transform(training).shape[1]
    plain = Reduced(OneHot(), blocking=()).fit(training)
    assert plain.transform(training).tolist() == OneHot().fit(training).transform(training).tolist()


def test_live_operations_with_and_without_a_blocked_one():
    live = LiveCounts().fit(ArchBatch([cell("a", "b", "a"), cell("b", "a", "b")]))
    live.used_[:] = True
    # questions: nothing blocked, a blocked, b blocked; for each the count of a, then of b, then log(1 + paths)
    row = live.transform(ArchBatch([cell("a", "b", "a")]))[0]
    assert row[:6].tolist() == [2, 0, 1, 1, 0, 0]
    assert row[6:].round(4).tolist() == [1.0986, 0.0, 0.6931]


def test_operations_that_are_cut_off_are_dead_and_those_that_cut_are_not():
    assert has_dead_operations(cell("conv", "none", "skip"))
    assert not has_dead_operations(cell("none", "none", "skip"))
    assert not has_dead_operations(cell("conv", "conv", "skip"))


def test_a_graph_computes_a_constant_when_every_path_is_blocked():
    assert is_constant(cell("conv", "none", "none"))
    assert not is_constant(cell("none", "none", "skip"))
    assert not is_constant(ArchGraph("s", ("input", "output"), ((0, 1),)))
    assert not is_constant(ArchGraph("s", ("conv",), ()))
