"""Training: what is learned, resuming, files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from proxybench.errors import CorruptData, DataNotAvailable, ProxybenchError
from proxybench.generation import DiffusionModel, Sampler, Settings, Trainer, load_generator, sample, train_generator
from proxybench.generation.network import Architecture
from proxybench.spaces import get_space
from proxybench.spaces.nasbench201 import OPERATIONS, NASBench201

SMALL = Architecture(layers=1, width=16, heads=2, feedforward=32, dropout=0.1)
SETTINGS = Settings(SMALL, steps=8, batch=16, warmup=4)
ARCHS = get_space("nasbench201").sample(100, 0)


def test_a_resumed_training_is_the_one_that_was_not_interrupted(tmp_path: Path) -> None:
    whole = Trainer(ARCHS, SETTINGS).run()
    first = Trainer(ARCHS, SETTINGS, tmp_path / "run.npz")
    first.run(steps=3)
    second = Trainer(ARCHS, SETTINGS, tmp_path / "run.npz")
    assert second.step == 3
    resumed = second.run()
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(weight, resumed.network.state_dict()[name]), name
    assert Trainer(ARCHS, SETTINGS, tmp_path / "run.npz").step == 8


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    Trainer(ARCHS, SETTINGS, tmp_path / "run.npz").run(steps=1)
    with pytest.raises(ProxybenchError, match="other settings"):
        Trainer(ARCHS, Settings(SMALL, steps=8, batch=8, warmup=4), tmp_path / "run.npz")
    with pytest.raises(ProxybenchError, match="other settings"):
        Trainer(ARCHS[:50], SETTINGS, tmp_path / "run.npz")
    assert Trainer(ARCHS, Settings(SMALL, steps=9, batch=16, warmup=4), tmp_path / "run.npz").step == 1


def test_training_leaves_torchs_generator_alone() -> None:
    before = torch.get_rng_state()
    Trainer(ARCHS, SETTINGS).run(steps=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_dependencies_between_nodes_are_learned() -> None:
    """Of five cells, each with one operation throughout; independent nodes would agree once in 5^5 = 3,125 times."""
    space = NASBench201()
    uniform = [space.from_operations((op,) * 6) for op in OPERATIONS]
    sizes = Architecture(layers=2, width=32, heads=4, feedforward=64, attention="all")
    model = train_generator(uniform, Settings(sizes, steps=200, batch=64, rate=5e-3, warmup=10, average=0.95))
    valid = sample(model, 100, 0, Sampler("em", 30)).valid
    assert sum(arch in uniform for arch in valid) >= 25
    assert len(set(valid) & set(uniform)) >= 3


def test_a_model_comes_back_from_its_file(small_model: DiffusionModel, tmp_path: Path) -> None:
    """With 16-bit weights scores differ in the fourth digit."""
    loaded = load_generator(small_model.save(tmp_path / "model.npz"))
    assert loaded.layout == small_model.layout
    assert loaded.sde == small_model.sde
    assert loaded.training["architectures"] == 3000
    x, t = torch.randn(3, 8, 7), torch.tensor([0.2, 0.5, 0.9])
    assert torch.allclose(loaded.score(x, t), small_model.score(x, t), rtol=1e-2, atol=1e-2)
    exact = load_generator(small_model.save(tmp_path / "exact.npz", half=False))
    assert torch.equal(exact.score(x, t), small_model.score(x, t))


def test_files_that_are_no_model_are_named(small_model: DiffusionModel, tmp_path: Path) -> None:
    with pytest.raises(DataNotAvailable, match="train-generator"):
        load_generator(tmp_path / "absent.npz")
    path = small_model.save(tmp_path / "model.npz")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CorruptData, match=r"model\.npz"):
        load_generator(path)
    with pytest.raises(DataNotAvailable, match="train-generator nds-vanilla"):
        load_generator("nds-vanilla")
