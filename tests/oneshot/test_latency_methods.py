"""Methods with the latency in the loss: ProxylessNAS and Single-Path NAS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch

from proxybench.errors import ProxybenchError
from proxybench.networks import build
from proxybench.networks.counts import count_flops, count_parameters
from proxybench.oneshot import OneShot
from proxybench.oneshot.latency_table import LatencyTable
from proxybench.oneshot.method import Batch, Method
from proxybench.oneshot.methods.proxyless import ProxylessNAS
from proxybench.oneshot.methods.single_path import SinglePathNAS
from proxybench.oneshot.super_kernel import SKIP, SuperKernelSupernet
from proxybench.oneshot.supernet import ChoiceSupernet
from proxybench.oneshot.trainer import Trainer
from proxybench.spaces import get_space
from proxybench.training.train import Parts

from .conftest import NETWORKS, new_supernet, recipe_of

SPACE = "mbconv-micro"
VALUES = [1.0, 2.0, 1.5, 3.0, 0.0]  # ms of each option of every layer


@pytest.fixture
def table(tmp_path: Path) -> str:
    values = tuple(tuple(VALUES[:size]) for size in new_supernet(SPACE).options)
    LatencyTable(SPACE, 0.5, values, {"spearman": 0.9}).write(tmp_path / "latencies.json")
    return str(tmp_path / "latencies.json")


def train(method: Method, parts: Parts, epochs: int = 4) -> Trainer:
    trainer = Trainer(method, lambda: new_supernet(SPACE), parts.train, recipe_of(SPACE), epochs=epochs)
    trainer.run()
    return trainer


def batch_of(parts: Parts, size: int = 32) -> Batch:
    return Batch(parts.train.images[:size], parts.train.labels[:size], np.arange(size))


@pytest.mark.parametrize("loss", ["mul#log", "add#linear"])
def test_the_reference_costs_nothing_and_a_slower_network_more(loss: str, table: str) -> None:
    supernet, method = new_supernet(SPACE), ProxylessNAS(table=table, loss=loss, alpha=1.0)
    method.stages(supernet, 1)
    method.begin(supernet, 96)
    assert float(method._penalised(torch.tensor(2.0)).detach()) == pytest.approx(2.0)
    for logits in method._logits:
        logits.data[3] = 20.0  # the slowest option
    slowest = 0.5 + 7 * 3.0
    uniform = 0.5 + 5 * 1.5 + 2 * 7.5 / 4
    expected = 2 * (np.log(1000 * slowest) / np.log(1000 * uniform)) ** 0.3
    if loss == "add#linear":
        expected = 2 + 0.1 * (slowest - uniform) / uniform
    assert float(method._penalised(torch.tensor(2.0)).detach()) == pytest.approx(expected, rel=1e-5)


def test_a_large_weight_of_the_latency_leads_to_the_fastest_architecture(table: str, parts: Parts) -> None:
    method = ProxylessNAS(table=table, loss="add#linear", weight=1000.0, rate=0.3, warm_up=0.0)
    supernet = train(method, parts).trained(-1)
    fastest = tuple(SKIP if size > SKIP else 0 for size in supernet.options)
    assert method.derived(supernet) == fastest
    assert method.findings(supernet)["latency_ms"] == 0.5 + 2 * 1.0
    assert method.findings(supernet)["latency_table_spearman"] == 0.9


def test_a_comparison_moves_probability_between_two_options_only(table: str, parts: Parts) -> None:
    supernet, method = new_supernet(SPACE), ProxylessNAS(table=table)
    assert isinstance(supernet, ChoiceSupernet)
    method.stages(supernet, 1)
    method.begin(supernet, 96)
    batch = batch_of(parts)
    method._compare(supernet, batch.images, batch.labels, (1,) * 7, (2,) * 7)
    for logits in method._logits:
        chances, size = torch.softmax(logits.detach(), 0).tolist(), len(logits)
        assert chances[1] != chances[2]
        assert chances[1] + chances[2] == pytest.approx(2 / size)
        assert [chances[option] for option in range(size) if option not in (1, 2)] == pytest.approx(
            [1 / size] * (size - 2)
        )
    assert all(weights.grad is None for weights in supernet.parameters())


def test_held_out_images_train_no_weights(table: str, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    supernet, method = new_supernet(SPACE), ProxylessNAS(table=table, held_out=0.25)
    method.stages(supernet, 1)
    method.begin(supernet, 96)
    seen: list[Batch] = []
    monkeypatch.setattr(Method, "learn", lambda self, supernet, batch, paths: seen.append(batch) or 0.0)
    method.learn(supernet, batch_of(parts), method.paths(supernet, supernet.whole(), np.random.default_rng(0)))
    assert seen[0].rows.tolist() == list(range(24, 32))
    assert torch.equal(seen[0].images, parts.train.images[24:32])


def super_kernels() -> SuperKernelSupernet:
    made = SinglePathNAS().supernet(lambda: new_supernet(SPACE))
    assert isinstance(made, SuperKernelSupernet)
    return made


def test_a_path_of_super_kernels_has_the_weights_and_operations_of_its_network() -> None:
    supernet = super_kernels()
    for arch in get_space(SPACE).sample(4, 1):
        network = build(arch, 10, (1, 8, 8), **NETWORKS[SPACE])
        for weights in supernet.parameters():
            weights.grad = None
            weights.__dict__.pop("used", None)
        supernet.select(supernet.path(arch))
        torch.autograd.backward(supernet(torch.randn(4, 1, 8, 8)).sum())
        used = [
            weights.grad[tuple(slice(extent) for extent in getattr(weights, "used", ()))].numel()
            for weights in supernet.parameters()
            if weights.grad is not None
        ]
        assert sum(used) == count_parameters(network).total
        assert count_flops(supernet, (1, 8, 8)).total == count_flops(network, (1, 8, 8)).total


@pytest.mark.parametrize("option", [0, 1, 2, 3])
def test_a_search_computes_the_path_of_its_indicators(option: int) -> None:
    supernet = super_kernels().eval()
    images = torch.randn(3, 1, 8, 8)
    path = (option,) * 7
    supernet.select(path)
    alone = supernet(images)
    supernet.select(path, searching=True)
    assert torch.allclose(supernet(images), alone, atol=1e-5)


def test_thresholds_above_the_norms_leave_parts_out(table: str) -> None:
    method = SinglePathNAS(table=table)
    supernet = method.supernet(lambda: new_supernet(SPACE))
    assert isinstance(supernet, SuperKernelSupernet)
    assert method.derived(supernet) == (3,) * 7, "thresholds start at 0"
    for thresholds, expected in (([9.0, 0, 0], 1), ([0, 9.0, 0], 2), ([9.0, 9.0, 0], 0), ([0, 0, 9.0], SKIP)):
        for kernel in supernet.kernels:
            kernel.thresholds.data = torch.tensor(thresholds)
        found = method.derived(supernet)
        assert found == tuple(expected if size > expected else 3 for size in supernet.options)


def test_the_runtime_is_that_of_the_table_and_raises_thresholds(table: str) -> None:
    method = SinglePathNAS(table=table)
    supernet = method.supernet(lambda: new_supernet(SPACE))
    assert isinstance(supernet, SuperKernelSupernet)
    method.stages(supernet, 1)
    for option, of_layer in ((3, 3.0), (2, 1.5), (1, 2.0)):
        supernet.select((option,) * 7, searching=True)
        assert float(method.runtime(supernet).detach()) == pytest.approx(0.5 + 7 * of_layer)
    supernet.select((3,) * 7, searching=True)
    torch.autograd.backward(method.runtime(supernet))
    for kernel in supernet.kernels:
        assert kernel.thresholds.grad is not None
        assert (kernel.thresholds.grad[:2] < 0).all()
        assert (kernel.thresholds.grad[2] < 0) == kernel.skippable


@pytest.mark.parametrize(
    ("space", "method", "settings", "reason"),
    [
        ("natsbench-size", "proxyless", {}, "modules of their own"),
        (SPACE, "proxyless", {"loss": "add"}, "mul#log or add#linear"),
        (SPACE, "proxyless", {"held_out": 1.0}, "held_out"),
        ("nasbench201", "single-path", {}, "super-kernels"),
        (SPACE, "single-path", {"kept": 0.0}, "kept must be"),
        ("natsbench-size", "instatune", {"alone": 1.0}, "alone must leave"),
    ],
)
def test_a_method_says_what_does_not_fit(space: str, method: str, settings: dict[str, object], reason: str) -> None:
    with pytest.raises(ProxybenchError, match=reason):
        OneShot(space, method, epochs=4, **settings).fit("digits")
