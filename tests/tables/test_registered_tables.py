"""The registry's sections for TransNAS-Bench-101 and the DARTS and graph spaces build into the tables they describe."""

from __future__ import annotations

import pytest

from proxybench.tables.store.merge import BlockKey
from proxybench.tables.store.places import open_table


@pytest.fixture
def built(real_tables):
    return open_table


def targets(table):
    """(dataset, epochs, seed): trained metrics and how many architectures have a value."""
    return {
        (block.dataset, block.epochs, block.seed): block.measured for block in table.info.blocks if block.epochs > 0
    }


@pytest.mark.parametrize(("name", "count"), [("transnas101-micro", 4_096), ("transnas101-macro", 3_256)])
def test_transnas_tables_have_one_target_per_task(built, name, count):
    table = built(name)
    assert table.info.architectures == count
    assert targets(table) == {
        ("autoencoder", 30, "0"): {"val_ssim": count},
        ("class_object", 25, "0"): {"val_acc": count},
        ("class_scene", 25, "0"): {"val_acc": count},
        ("jigsaw", 10, "0"): {"val_acc": count},
        ("normal", 30, "0"): {"val_ssim": count},
        ("room_layout", 25, "0"): {"val_neg_loss": count},
        ("segmentsemantic", 30, "0"): {"val_acc": count},
    }


def test_transnas_micro_failures_are_nan_and_counted(built):
    table = built("transnas101-micro")
    failed = {block.dataset: block.not_finite for block in table.info.blocks if block.epochs == 0}
    assert failed["jigsaw"] == {"proxy:epe_nas": 108, "proxy:zen": 169}
    assert failed["class_scene"] == {"proxy:epe_nas": 169, "proxy:jacov": 1, "proxy:zen": 169}
    assert "1183 of 28672 scores of zen failed" in table.card


def test_nasbench301_table_has_proxies_and_no_target(built):
    table = built("nasbench301")
    assert table.info.architectures == 11_221
    assert targets(table) == {}
    assert table.info.blocks[0].measured.keys() == {"proxy:nwot", "proxy:zen", "proxy_s:nwot", "proxy_s:zen"}


def test_swap_table(built):
    assert targets(built("darts-swap")) == {("cifar10", 200, "0"): {"val_acc": 1_000}}


def test_oncenas_table_keeps_repeated_trainings_apart(built):
    table = built("darts-oncenas")
    assert table.info.architectures == 526
    counts = {seed: measured["val_acc"] for (_, epochs, seed), measured in targets(table).items() if epochs == 50}
    assert counts == {"0": 526, "1": 11, "2": 4, "3": 2, "4": 2}
    values, measured = table.column(BlockKey("cifar10", 0, ""), "params")
    assert measured.all()
    assert values[0] == 3_262_942


def test_nasbench_graph_table(built):
    table = built("nasbench-graph")
    trained = targets(table)
    assert table.info.architectures == 26_206
    assert len(trained) == 9
    assert trained.pop(("proteins", 500, "mean")) == {"test_acc": 2_021, "val_acc": 2_021}
    assert all(measured == {"test_acc": 26_206, "val_acc": 26_206} for measured in trained.values())
    untrained = {block.dataset: block.measured for block in table.info.blocks if block.epochs == 0}
    assert untrained.pop("proteins") == {"latency_ms@gpu": 2_021, "params": 2_021}
    assert untrained.keys() == {dataset for dataset, _, _ in trained}
    assert all(measured == {"latency_ms@gpu": 26_206, "params": 26_206} for measured in untrained.values())
