"""Sampling: methods, seeds, how the samples are spread."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from predictors.errors import UnknownName
from proxybench.errors import ProxybenchError
from proxybench.generation import (
    VPSDE,
    Architecture,
    DiffusionModel,
    Sampler,
    Settings,
    SubVPSDE,
    best_of,
    generate,
    sample,
    train_generator,
)
from proxybench.spaces import get_space

SPACE = get_space("nasbench201")


@pytest.mark.parametrize("sampler", [Sampler("pc", 15), Sampler("em", 20), Sampler("ode", 10)])
def test_every_method_gives_cells_with_operations_as_trained_on(small_model: DiffusionModel, sampler: Sampler) -> None:
    """Each of five operations on a fifth of the edges; 600 edges of 100 cells have a deviation of 1.6 %."""
    samples = sample(small_model, 100, 1, sampler)
    assert len(samples.valid) >= 90
    counts = Counter(op for arch in samples.valid for op in arch.ops[1:-1])
    assert len(counts) == 5
    assert all(abs(count / counts.total() - 0.2) < 0.08 for count in counts.values())


@pytest.mark.parametrize("sde", [VPSDE(), SubVPSDE()])
@pytest.mark.parametrize("method", ["pc", "ode"])
def test_other_noise_processes_sample_too(sde: VPSDE, method: str) -> None:
    sizes = Architecture(layers=1, width=16, heads=2, feedforward=32)
    settings = Settings(sizes, sde, steps=30, batch=64, rate=1e-2, warmup=5, average=0.9)
    model = train_generator(SPACE.sample(200, 0), settings)
    assert len(sample(model, 40, 0, Sampler(method, 40)).valid) >= 30


def test_equal_seeds_give_equal_samples(small_model: DiffusionModel) -> None:
    sampler = Sampler("pc", 5)
    one, same, other = (sample(small_model, 10, seed, sampler).tensors for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_batches_are_one_stream(small_model: DiffusionModel) -> None:
    samples = sample(small_model, 7, 0, Sampler("em", 4, batch=3))
    assert samples.tensors.shape == (7, 8, 7)
    assert len(samples.archs) == 7
    assert sample(small_model, 0, 0).archs == []


def test_generate_gives_different_cells(small_model: DiffusionModel) -> None:
    sampler = Sampler("em", 8)
    first = generate(small_model, 40, seed=1, sampler=sampler)
    texts = [SPACE.format(arch) for arch in first.archs]
    assert len(set(texts)) == 40
    assert first.drawn >= 44  # a tenth more than requested
    again = generate(small_model, 40, seed=1, sampler=sampler, exclude=texts[:20])
    assert not {SPACE.format(arch) for arch in again.archs} & set(texts[:20])
    assert again.repeated >= 20


def test_what_is_not_accepted_is_drawn_anew(small_model: DiffusionModel) -> None:
    def without_none(archs: object) -> list[bool]:
        return ["none" not in arch.ops for arch in archs]  # type: ignore[attr-defined]

    found = generate(small_model, 10, sampler=Sampler("em", 8), accept=without_none)
    assert len(found.archs) == 10
    assert all("none" not in arch.ops for arch in found.archs)
    assert found.refused > 0
    none = generate(small_model, 3, sampler=Sampler("em", 4), accept=lambda archs: [False] * len(archs), rounds=2)
    assert none.archs == []


def test_the_best_by_a_score() -> None:
    archs = SPACE.sample(4, 0)
    assert best_of(archs, [1.0, 3.0, float("nan"), 3.0], 3) == [archs[1], archs[3], archs[0]]
    with pytest.raises(ProxybenchError, match="scores for 4"):
        best_of(archs, [1.0], 1)


def test_samplers_are_checked() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'ode'"):
        Sampler("odes")
    with pytest.raises(ValueError, match="positive snr"):
        Sampler(snr=0)
