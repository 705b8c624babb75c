"""generate and train-generator as a user meets them, on a table of 60 cells and a model trained for 40 steps."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from proxybench.spaces import get_space
from proxybench.tables.store.merge import NamedFragment, merge
from proxybench.tables.store.schema import fragment_from_rows
from proxybench.tables.store.writing import write_table

SPACE = get_space("nasbench201")
FEW = ("--n", "3", "--method", "em", "--steps", "8")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from proxybench.generation import Architecture, Settings, train_generator

    sizes = Architecture(layers=1, width=16, heads=2, feedforward=32)
    settings = Settings(sizes, steps=40, batch=64, rate=1e-2, warmup=5, average=0.9)
    return train_generator(SPACE.sample(300, 0), settings).save(tmp_path_factory.mktemp("model") / "model.npz")


@pytest.fixture
def small(cache: Path) -> None:
    """60 cells: accuracy grows with the number of 3x3 convolutions, and so does the latency."""
    rows: list[dict[str, object]] = []
    archs = SPACE.sample(60, 0)
    for arch in archs:
        convolutions = arch.ops.count("nor_conv_3x3")
        shared = {"arch": SPACE.format(arch), "dataset": "images"}
        rows.append({**shared, "epochs": 12, "seed": "0", "val_acc": 80.0 + 3 * convolutions})
        rows.append({**shared, "epochs": 0, "seed": "", "latency_ms@edgegpu": 1.0 + convolutions})
    table = merge([NamedFragment("by hand", fragment_from_rows(rows))])
    write_table("small", "nasbench201", "r", table, [SPACE.digest(SPACE.parse(one)) for one in table.archs], "# small")


def test_architectures_without_a_guide(run, model: Path) -> None:
    answer = run("generate", "nasbench201", "--model", str(model), *FEW, "--json")
    assert answer.code == 0, answer.err
    texts = [row["arch"] for row in json.loads(answer.out)]
    assert len(set(texts)) == 3
    assert all(SPACE.format(SPACE.parse(text)) == text for text in texts)
    again = run("generate", "nasbench201", "--model", str(model), *FEW, "--json")
    assert again.out == answer.out


def test_a_guide_and_a_bound(run, small: None, model: Path, tmp_path: Path) -> None:
    words = ("generate", "nasbench201", "--model", str(model), *FEW, "--benchmark", "small")
    words += (
        "--guide",
        "val_acc@12",
        "--size",
        "30",
        "--predictor",
        "ridge",
        "--share",
        "0.2",
        "--scale",
        "2",
        "--guide-steps",
        "100",
    )
    words += ("--guide-steps", "100")
    words += ("--constraint", "latency_ms@edgegpu<5.5", "--csv", str(tmp_path / "found.csv"))
    answer = run(*words, "--json")
    assert answer.code == 0, answer.err
    rows = json.loads(answer.out)
    assert len(rows) == 3
    for row in rows:
        convolutions = SPACE.parse(row["arch"]).ops.count("nor_conv_3x3")
        assert row["predicted latency_ms@edgegpu"] < 5.5
        if row["true val_acc@12"] is not None:  # few cells are in the table
            assert row["true val_acc@12"] == 80 + 3 * convolutions
            assert row["true latency_ms@edgegpu"] == 1 + convolutions
    written = list(csv.DictReader((tmp_path / "found.csv").read_text().splitlines()))
    assert [row["arch"] for row in written] == [row["arch"] for row in rows]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--guide", "val_acc@13"), "epochs of val_acc"),
        (("--constraint", "latency_ms@edgegpu=5"), "is not a constraint"),
        (("--method", "pcs"), "Did you mean 'pc'"),
        (("--model", "absent.npz"), "train-generator"),
    ],
)
def test_a_mistake_is_one_line(run, small: None, model: Path, words: tuple[str, ...], message: str) -> None:
    base = ("generate", "nasbench201", "--benchmark", "small", "--model", str(model))
    answer = run(*base, *words)
    assert answer.code == 1
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_a_model_of_another_space_is_refused(run, model: Path) -> None:
    answer = run("generate", "nasbench101", "--model", str(model))
    assert answer.code == 1
    assert "of nasbench201, not of nasbench101" in answer.err


def test_a_generator_is_trained_and_goes_on(run, tmp_path: Path) -> None:
    output = tmp_path / "cells.npz"
    words = ("train-generator", "mnasnet", "--output", str(output), "--layers", "1", "--width", "16", "--most", "200")
    first = json.loads(run(*words, "--steps", "3", "--half", "--json").out)
    assert (first["steps"], first["bytes"]) == (3, output.stat().st_size)
    assert 60 < first["architectures"] < 140  # about half of 200
    second = json.loads(run(*words, "--steps", "5", "--half", "--json").out)
    assert second["steps"] == 5
    answer = run(*words, "--steps", "5", "--json")
    assert answer.code == 1
    assert "other settings or architectures" in answer.err
