"""What a model's file says is checked before a network of that size is made."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.generation.model import load_generator, shipped_path


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """A copy of the model of NAS-Bench-201 that comes with the project, one entry of its header changed."""
    with np.load(shipped_path("nasbench201")) as stored:
        arrays = dict(stored)

    def changed(*keys: str, value: Any) -> Path:
        header = json.loads(arrays["header"].tobytes())
        part = header
        for key in keys[:-1]:
            part = part[key]
        part[keys[-1]] = value
        path = tmp_path / "m.npz"
        np.savez(path, **arrays | {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)})
        return path

    return changed


@pytest.mark.parametrize("space", ["nasbench101", "nasbench201"])
def test_the_models_that_come_with_the_project_are_read(space: str) -> None:
    assert load_generator(space).space.name == space


def test_a_copy_is_the_same_model(changed) -> None:
    path = changed("training", value={})
    assert load_generator(path).layout == load_generator("nasbench201").layout


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("network", "width"), 2**20),
        (("network", "width"), 32),
        (("network", "width"), -1),
        (("network", "width"), "x"),
        (("network", "layers"), 10**9),
        (("network", "layers"), 3),
        (("network", "feedforward"), 2**31),
        (("network", "depth"), 1),
        (("network",), None),
        (("layout", "space"), "../../x"),
        (("layout", "nodes"), 10**9),
        (("layout", "nodes"), 9),
        (("layout", "ops"), []),
        (("layout", "ops"), ["conv"] * 10**5),
        (("layout", "fixed"), [[0, 10**9]]),
        (("layout", "fixed"), [[0, -1]]),
        (("layout", "fixed"), [[0, 1]] * 3),
        (("layout", "in_degrees"), []),
        (("layout", "most"), 1),
        (("layout", "constants"), [["channels", [1.0]]]),
        (("layout",), []),
        (("sde",), None),
        (("sde", "name"), "os.system"),
        (("sde", "low"), -1.0),
        (("training",), "x"),
        (("format",), 2),
    ],
)
def test_what_does_not_fit_the_weights_or_itself_is_damage(changed, keys: tuple[str, ...], value: Any) -> None:
    path = changed(*keys, value=value)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CorruptData, match=r"m\.npz: not a generator"):
        load_generator(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_a_missing_file_and_a_folder_are_distinguished(tmp_path: Path) -> None:
    with pytest.raises(DataNotAvailable, match="there is no model at"):
        load_generator(tmp_path / "m.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(CorruptData, match="not a regular file"):
        load_generator(tmp_path / "folder.npz")
