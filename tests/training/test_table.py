"""From shards to the canonical table and back; what fails is recorded, and nothing is trained twice."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from proxybench.errors import CorruptData, DataNotAvailable, ProxybenchError
from proxybench.images.batch import ImageBatch, load_batch
from proxybench.jobs.chunked_work import ChunkedWork
from proxybench.jobs.work_folder import OtherSetting
from proxybench.spaces import get_space
from proxybench.sweeps.front import do_work
from proxybench.sweeps.sweep import forget_failed
from proxybench.tables.importers import trained as importer
from proxybench.tables.store.schema import KEYS
from proxybench.training.card import card
from proxybench.training.recipe import MEASURED, Recipe
from proxybench.training.table import TrainedTable, merge, read_table, take_over
from proxybench.training.work import begin_training, prepare, progress_of

TOO_NARROW = 8  # the first cell of NAS-Bench-101 with three vertices that flow into its output


@pytest.fixture(scope="module")
def images(recipe: Recipe) -> ImageBatch:
    return load_batch("digits", recipe.images)


@pytest.fixture(scope="module")
def narrow(recipe: Recipe) -> Recipe:
    return replace(recipe, network={"channels": 2, "modules": 1, "stacks": 1})


def begun(folder: Path, recipe: Recipe, images: ImageBatch, architectures: int = 4, **options: Any) -> ChunkedWork:
    return begin_training(folder, "nasbench101", architectures, recipe, images, "digits", seeds=2, **options)


def without_seconds(table: TrainedTable) -> pa.Table:
    return table.values.drop_columns(["train_s"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, narrow: Recipe, images: ImageBatch) -> Path:
    """A folder with a trained table of nine cells, of which the last cannot be built."""
    folder = tmp_path_factory.mktemp("trained")
    work = begun(folder, narrow, images, TOO_NARROW + 1)
    do_work(work)
    assert work.done() == 9
    merge(work, folder / "table.parquet")
    return folder


def test_rows_are_canonical_in_the_order_of_the_population(trained: Path, narrow: Recipe, images: ImageBatch) -> None:
    values = read_table(trained / "table.parquet").values
    assert set(values.column_names) == {*KEYS, *MEASURED, "params", "flops"}
    space = get_space("nasbench101")
    keys = list(zip(*(values.column(name).to_pylist() for name in KEYS), strict=True))
    rows = [(0, ""), (1, "0"), (1, "1"), (2, "0"), (2, "1")]
    assert keys == [(space.format(space[cell]), "digits", *row) for cell in range(8) for row in rows]
    by_kind = {name: values.column(name).to_pylist() for name in values.column_names}
    assert all((value is None) == bool(place % 5) for place, value in enumerate(by_kind["params"]))
    for name in MEASURED:
        assert all((value is None) == (place % 5 == 0) for place, value in enumerate(by_kind[name])), name
    assert all(0 <= value <= 100 for value in by_kind["test_acc"] if value is not None)


def test_the_importer_reads_what_is_written(trained: Path) -> None:
    path = trained / "table.parquet"
    found = importer.read([path], get_space("nasbench101")).values
    assert found.select(KEYS).equals(read_table(path).values.select(KEYS))


def test_what_fails_is_recorded_with_its_error(trained: Path, narrow: Recipe, images: ImageBatch) -> None:
    space = get_space("nasbench101")
    text = space.format(space[TOO_NARROW])
    failed = read_table(trained / "table.parquet").failed
    assert list(failed) == [text]
    assert failed[text].startswith("ValueError: 3 vertices share the cell's output")
    found = progress_of(begun(trained, narrow, images, TOO_NARROW + 1))
    assert (found.done, found.errors, found.diverged) == (9, failed, 0)
    assert found.seconds > 0


def test_equal_seeds_give_equal_tables(trained: Path, narrow: Recipe, images: ImageBatch, tmp_path: Path) -> None:
    again = begun(tmp_path, narrow, images, 2)
    do_work(again)
    merge(again, tmp_path / "table.parquet")
    ours = without_seconds(read_table(tmp_path / "table.parquet"))
    assert ours.equals(without_seconds(read_table(trained / "table.parquet")).slice(0, 10))
    other = begun(tmp_path / "other", narrow, images, 2, seed=1)
    do_work(other)
    merge(other, tmp_path / "other.parquet")
    theirs = without_seconds(read_table(tmp_path / "other.parquet"))
    assert theirs.column("arch").equals(ours.column("arch"))
    assert not theirs.column("test_loss").equals(ours.column("test_loss"))


def test_a_table_is_taken_over_and_only_the_rest_is_trained(
    trained: Path, narrow: Recipe, images: ImageBatch, tmp_path: Path
) -> None:
    more = begun(tmp_path, narrow, images, 10)
    assert take_over(more, trained / "table.parquet") == 8
    assert more.missing() == [8, 9]  # the one that failed, and the new one
    do_work(more)
    merge(more, tmp_path / "table.parquet")
    assert (
        read_table(tmp_path / "table.parquet").values.slice(0, 40).equals(read_table(trained / "table.parquet").values)
    )


def test_a_table_of_another_recipe_is_not_taken_over(
    trained: Path, narrow: Recipe, images: ImageBatch, tmp_path: Path
) -> None:
    other = begun(tmp_path, replace(narrow, rate=0.3), images)
    with pytest.raises(OtherSetting, match=r"recipe rate is 0\.1 there and 0\.3 here"):
        take_over(other, trained / "table.parquet")


def test_what_failed_is_trained_again_on_request(narrow: Recipe, images: ImageBatch, tmp_path: Path) -> None:
    work = begun(tmp_path, narrow, images, TOO_NARROW + 1)
    for number in work.missing():
        row = {"digest": "", "arch": str(number), "error": "RuntimeError: no memory" if number == 3 else ""}
        work.write(number, pa.Table.from_pylist([row]))
    assert forget_failed(work) == 1
    assert work.missing() == [3]


def test_a_diverged_training_keeps_its_nan(narrow: Recipe, images: ImageBatch, tmp_path: Path) -> None:
    work = begun(tmp_path, replace(narrow, rate=1e30), images, 1)
    do_work(work)
    assert progress_of(work).diverged == 2
    merge(work, tmp_path / "table.parquet")
    last = read_table(tmp_path / "table.parquet").values.to_pylist()[-1]
    assert math.isnan(last["test_loss"])
    assert last["test_acc"] == pytest.approx(10, abs=2)  # one class for all images, of ten


def test_part_of_a_table_is_written_on_request_alone(narrow: Recipe, images: ImageBatch, tmp_path: Path) -> None:
    work = begun(tmp_path, narrow, images, 2)
    with pytest.raises(ProxybenchError, match=r"0 of 2 architectures are done; run it to its end$"):
        merge(work, tmp_path / "table.parquet", partial=True)
    work.write(0, prepare(work.setting, work.files)(work.items_of(0)))
    with pytest.raises(ProxybenchError, match=r"1 of 2 architectures are done; .* --partial"):
        merge(work, tmp_path / "table.parquet")
    assert merge(work, tmp_path / "table.parquet", partial=True) == 5
    assert not read_table(tmp_path / "table.parquet").complete


def test_options_that_no_network_can_have_are_refused_at_once(
    recipe: Recipe, images: ImageBatch, tmp_path: Path
) -> None:
    with pytest.raises(ProxybenchError, match=r"cannot be built: .*channels"):
        begun(tmp_path, replace(recipe, network={"channels": 0}), images)
    with pytest.raises(ProxybenchError, match="takes 258 images, but there are 100"):
        begun(tmp_path, recipe, load_batch("digits", 100))
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataNotAvailable, match="train-table --merge"):
        read_table(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(CorruptData, match="not a table of trainings"):
        read_table(tmp_path / "text.parquet")


def test_the_card_states_population_recipe_and_agreement_of_seeds(trained: Path) -> None:
    text = card(read_table(trained / "table.parquet"), ("agrees with nothing",))
    assert text.startswith("# Trainings of nasbench101 on digits, made by this project\n")
    for words in (
        "9 architectures, the first of the enumeration",
        "1 failed and have no accuracies",
        "128 images for training, 60 for validation, 70 for test",
        "channels 2, modules 1, stacks 1 at 8 x 8 pixels; 2 epochs of batches of 32, measured after 1, 2",
        "`proxybench train-table nasbench101 --dataset digits --sample 9 --seeds 2 --epochs 2 --budgets 1,2 "
        "--network channels=2,modules=1,stacks=1 --resolution 8 --split 128,60,70 --batch 32 --rate 0.1 --seed 0 "
        "--device cpu --flip --images IMAGES`",
        "- agrees with nothing\n",
        "not a published benchmark",
    ):
        assert words in text
    lines = [line for line in text.splitlines() if line.startswith(("| 1 |", "| 2 |"))]
    assert len(lines) == 2
    assert lines[1].endswith("| 1.000 |")  # the last budget with itself
