"""`check_proxy` on a function that keeps the contract and on functions that break each part of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import proxybench as pb
from predictors.arch import ArchBatch, Ragged
from predictors.checks import ContractBroken, example_batch


def edges(batch):
    return [len(arch.ops) for arch in batch]


def with_gaps(batch):
    return np.where(batch.column("cost:params") < 0.5, np.nan, batch.column("cost:params"))


@pytest.mark.parametrize("score", [edges, with_gaps, lambda batch: batch.column("proxy:noise")])
def test_functions_that_keep_the_contract_pass(score) -> None:
    pb.check_proxy(score)


calls = itertools.count()


def in_place(batch):
    batch.columns["cost:params"].sort()
    return edges(batch)


def new_column(batch):
    batch.columns["mine"] = np.zeros(len(batch))
    return edges(batch)


def reorders(batch):
    batch.archs.reverse()
    return edges(batch)


def fails_alone(batch):
    if len(batch) < 2:
        raise ZeroDivisionError("n - 1")
    return edges(batch)


def squeezed(batch):
    return np.squeeze(edges(batch))


def alone_otherwise(batch):
    return np.array(edges(batch)) + (len(batch) == 1)


BROKEN = {
    "one number for all": (lambda batch: 1.0, r"shape \(\) for a batch of 40"),
    "a column vector": (lambda batch: np.zeros((len(batch), 1)), r"shape \(40, 1\)"),
    "one too few": (lambda batch: edges(batch)[1:], r"shape \(39,\)"),
    "a generator": (lambda batch: (len(arch) for arch in batch), r"shape \(\)"),
    "text": (lambda batch: ["1"] * len(batch), "not real numbers"),
    "None for no answer": (lambda batch: [None] * len(batch), "NaN means no answer"),
    "infinity for no answer": (lambda batch: [-np.inf] * len(batch), "infinite"),
    "an error": (lambda batch: [1 / 0], "fails on a batch: ZeroDivisionError: division by zero"),
    "a column that there is not": (lambda batch: batch.column("cost:flops"), "UnknownName: unknown column"),
    "state": (lambda batch: [next(calls)] * len(batch), "the second time"),
    "chance": (lambda batch: np.random.default_rng().normal(size=len(batch)), "the second time"),
    "position": (lambda batch: np.arange(len(batch)), "order of the batch"),
    "a mean over the batch": (
        lambda batch: batch.column("cost:params") - batch.column("cost:params").mean(),
        "the other architectures",
    ),
    "ranks": (lambda batch: batch.column("cost:params").argsort().argsort(), "the other architectures"),
    "sorted in place": (in_place, "modifies the batch"),
    "a column added": (new_column, "modifies the batch"),
    "architectures reordered": (reorders, "modifies the batch"),
    "no single architecture": (fails_alone, "fails on a single architecture: ZeroDivisionError"),
    "no axis left": (squeezed, r"shape \(\) for a single architecture of 1"),
    "another score alone": (alone_otherwise, "when it is the only one"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_contract_is_named(name: str) -> None:
    score, message = BROKEN[name]
    with pytest.raises(ContractBroken, match=message):
        pb.check_proxy(score)


def test_a_batch_of_the_user_may_be_given() -> None:
    graphs = example_batch(6)[0].archs
    batch = ArchBatch(graphs, nodes={"nodes:snip": Ragged.from_rows([[float(row)] for row in range(6)])})
    pb.check_proxy(lambda batch: [batch.nodes["nodes:snip"][row].sum() for row in range(len(batch))], batch)


def test_a_change_of_node_arrays_is_noticed() -> None:
    graphs = example_batch(4)[0].archs
    batch = ArchBatch(graphs, nodes={"nodes:snip": Ragged.from_rows([[1.0]] * 4)})

    def score(batch):
        batch.nodes["nodes:snip"].values[:] = 0
        return edges(batch)

    with pytest.raises(ContractBroken, match="modifies"):
        pb.check_proxy(score, batch)
    assert batch.nodes["nodes:snip"].values.tolist() == [1.0] * 4


def test_one_architecture_is_too_few_to_check_with() -> None:
    with pytest.raises(ValueError, match="two architectures"):
        pb.check_proxy(edges, example_batch(1)[0])
