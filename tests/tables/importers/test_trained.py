"""Tables that come with the project: what the importer takes and refuses, and the way from file to benchmark."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.importers.trained import read
from proxybench.tables.shipped import ShippedTable
from proxybench.tables.sources.registry import parse_registry

SPACE = get_space("nasbench201")
ARCHS = [
    "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
    "|avg_pool_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|",
    "|nor_conv_1x1~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|",
]
REGISTRY = """
[shipped]
mine = "tables/mine.parquet"
[benchmarks.mine]
space = "nasbench201"
title = "three cells"
population = "Three."
citation = "nobody"
datasets = "cifar10"
sources = [{ importer = "trained:read", files = ["mine"] }]
"""
DOWNLOAD = f"""
urls = []
path = "a"
sha256 = "{"0" * 64}"
bytes = 1
licence = "none stated"
"""


@pytest.fixture
def file(tmp_path: Path, write_trained) -> Path:
    return write_trained(tmp_path / "tables" / "mine.parquet", ARCHS)


def shipped(path: Path, card: str = "") -> ShippedTable:
    own = path.with_name("card.md")
    if card:
        own.write_text(card)
    entry = parse_registry(REGISTRY, "test").benchmark("mine")
    return ShippedTable("mine", entry, {"mine": path}, own)


def test_rows_keep_their_order_nulls_and_values(file: Path) -> None:
    rows = read([file], SPACE).values.to_pylist()
    assert len(rows) == 3 * 5
    assert [row["arch"] for row in rows[::5]] == ARCHS
    assert (rows[5]["epochs"], rows[5]["seed"], rows[5]["params"], rows[5]["test_acc"]) == (0, "", 1001, None)
    assert (rows[9]["epochs"], rows[9]["seed"], rows[9]["params"], rows[9]["val_acc"]) == (3, "1", None, 24.35)


def test_the_note_says_what_was_trained(file: Path) -> None:
    (note,) = read([file], SPACE).notes
    assert note.endswith("3 architectures, each 2 times (seeds 0, 1), measured after 1, 3 epochs.")


def test_the_notes_say_what_is_missing(tmp_path: Path, write_trained) -> None:
    setting = {"space": "nasbench201", "format": 1, "failed": {"a": "why", "b": "why"}, "complete": False}
    _, failed, part = read([write_trained(tmp_path / "part.parquet", ARCHS, setting=setting)], SPACE).notes
    assert failed.startswith("2 architectures could not be trained")
    assert part.startswith("A first part")


def test_the_mean_is_taken_over_runs_and_a_diverged_run_stays_nan(tmp_path: Path, write_trained) -> None:
    def accuracies(first: float) -> list[float | None]:
        return [None, 20.0, first, 30.0, 41.0, *[None, 1.0, 2.0, 3.0, 4.0] * 2]

    bench = Benchmark(shipped(write_trained(tmp_path / "a.parquet", ARCHS, test_acc=accuracies(40.0))))
    assert bench.query(ARCHS[0], metric="test_acc", epochs=3, seed="mean") == 40.5
    assert bench.query(ARCHS[1], metric="test_acc", epochs=3, seed=1) == 4.0
    diverged = Benchmark(shipped(write_trained(tmp_path / "b.parquet", ARCHS, test_acc=accuracies(math.nan))))
    assert math.isnan(diverged.query(0, metric="test_acc", epochs=3))
    assert diverged.query(0, metric="test_acc", epochs=3, seed=1) == 41.0
    assert diverged.coverage().set_index(["epochs", "seed", "metric"]).loc[(3, "0", "test_acc"), "not_finite"] == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"setting": {"space": "nasbench101", "format": 1}}, "architectures of 'nasbench101', not of nasbench201"),
        ({"setting": {"space": "nasbench201", "format": 2}}, "format 2; this version reads format 1"),
        ({"setting": []}, "the setting is"),
        ({"setting": {"space": "nasbench201"}}, "KeyError: 'format'"),
        ({"seed": ["mean" if i == 4 else "" if i % 5 == 0 else str(i) for i in range(15)]}, "neither the number"),
        ({"seed": [""] * 15}, "neither the number of a run nor"),
        ({"epochs": pa.array([0, 1, 1, 3, 3] * 3, pa.int32()), "seed": ["", *"0000"] * 3}, "occurs twice"),
        ({"dataset": [None] * 15}, "a row lacks its"),
        ({"val_acc": [100.5] * 15}, "val_acc is not a percentage"),
        ({"test_acc": [-1.0] * 15}, "test_acc is not a percentage"),
        ({"val_ac": [1.0] * 15}, "val_ac"),
    ],
)
def test_what_is_not_in_the_format_is_refused(tmp_path: Path, write_trained, changed, message: str) -> None:
    path = write_trained(tmp_path / "bad.parquet", ARCHS, **changed)
    with pytest.raises(CorruptData, match=message) as raised:
        read([path], SPACE)
    assert "bad.parquet" in str(raised.value)


def test_a_flipped_bit_is_found(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    with pytest.raises(CorruptData, match=r"mine\.parquet"):
        shipped(file).check()


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CorruptData, match=r"gone\.parquet comes with the project but is missing; reinstall it"):
        Benchmark(shipped(tmp_path / "gone.parquet")).epochs("test_acc")


def test_an_architecture_in_another_form_is_refused(tmp_path: Path, write_trained) -> None:
    path = write_trained(tmp_path / "odd.parquet", [ARCHS[0], "|nor_conv_3x3~0|"])
    with pytest.raises(CorruptData, match="table mine"):
        shipped(path).check()


def test_a_changed_file_is_another_recipe(tmp_path: Path, write_trained) -> None:
    one, same, other = (
        shipped(write_trained(tmp_path / folder / "tables" / "mine.parquet", archs)).info.recipe
        for folder, archs in (("a", ARCHS), ("b", ARCHS), ("c", ARCHS[:2]))
    )
    assert one == same
    assert one != other


def test_the_card_has_the_one_written_with_the_data(file: Path) -> None:
    card = shipped(file, "# Trained cells\n\nText with a # in it.\n\n## Recipe\n").card
    assert card.startswith("# mine: three cells\n")
    assert "3 architectures, 3 digests" in card
    assert "| cifar10 | 3 | 1 | test_acc | percent | 3 | 0 |" in card
    assert "\n## Trained cells\n" in card
    assert "\n### Recipe\n" in card
    assert "Text with a # in it." in card


def test_without_one_the_card_ends_with_the_sources(file: Path) -> None:
    last = shipped(file).card.splitlines()[-1]
    assert last.startswith("| data/tables/mine.parquet |")
    assert last.endswith("| Apache-2.0, as the project's code |")


@pytest.mark.parametrize(
    ("added", "message"),
    [
        (
            '[files.mine]\nurls = []\npath = "a"\nsha256 = "' + "0" * 64 + '"\nbytes = 1\nlicence = ""\n',
            "is both a file",
        ),
        ('[files.other]\nurls = []\npath = "a"\nsha256 = "' + "0" * 64 + '"\nbytes = 1\nlicence = ""\n', "mixes files"),
    ],
)
def test_the_registry_keeps_downloads_and_shipped_files_apart(added: str, message: str) -> None:
    text = REGISTRY.replace('files = ["mine"]', 'files = ["mine", "other"]') if "other" in added else REGISTRY
    with pytest.raises(CorruptData, match=message):
        parse_registry(text + added, "test")


def test_a_shipped_path_stays_below_the_data_folder() -> None:
    with pytest.raises(CorruptData, match="not a relative path below the data folder"):
        parse_registry(REGISTRY.replace("tables/mine", "../mine"), "test")
