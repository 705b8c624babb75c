"""Tables on disk: what is written is read, damage is named, and a reader never sees half a table."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from proxybench.errors import CorruptData, DataNotAvailable, FetchFailed
from proxybench.tables.store.merge import BlockKey, MeasuredColumn, MergedTable
from proxybench.tables.store.places import open_table, read_info, stored_names
from proxybench.tables.store.writing import write_table

KEY = BlockKey("cifar10", 200, "mean")


def table(values: list[float], measured: list[bool] | None = None) -> MergedTable:
    column = MeasuredColumn(np.array(values), np.array(measured or [True] * len(values)))
    return MergedTable(archs=[f"a{i}" for i in range(len(values))], blocks={KEY: {"test_acc": column}})


def store(values: list[float], name: str = "tiny", **kwargs):
    merged = table(values, **kwargs)
    return write_table(name, "nasbench201", "r" * 32, merged, ["d"] * len(values), "# tiny\n")


def test_what_is_written_is_read(cache: Path) -> None:
    store([94.0, np.nan, 91.5, 0.0], measured=[True, True, True, False])
    opened = open_table("tiny")
    values, measured = opened.column(KEY, "test_acc")
    assert opened.archs == ["a0", "a1", "a2", "a3"]
    assert measured.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(values, [94.0, np.nan, 91.5, np.nan])
    assert opened.card == "# tiny\n"
    assert opened.info.blocks[0].measured == {"test_acc": 3}
    assert opened.info.blocks[0].not_finite == {"test_acc": 1}


def test_parquet_tells_null_from_nan(cache: Path) -> None:
    import pyarrow.parquet as pq

    folder = store([np.nan, 1.0], measured=[True, False]).folder
    column = pq.read_table(folder / "values.parquet").column("test_acc")
    assert column.null_count == 1
    assert np.isnan(column[0].as_py())


def test_one_parquet_row_per_architecture_dataset_epochs_and_seed(cache: Path) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(store([1.0, 2.0]).folder / "values.parquet").to_pylist()
    assert rows == [
        {"arch_id": 0, "dataset": "cifar10", "epochs": 200, "seed": "mean", "test_acc": 1.0},
        {"arch_id": 1, "dataset": "cifar10", "epochs": 200, "seed": "mean", "test_acc": 2.0},
    ]


def test_an_absent_table_names_the_command(cache: Path) -> None:
    with pytest.raises(DataNotAvailable, match="run: proxybench fetch nasbench201"):
        open_table("nasbench201")


def test_writing_again_replaces_the_table_and_removes_the_old_folder(cache: Path) -> None:
    old = store([1.0]).folder
    new = store([2.0]).folder
    assert open_table("tiny").column(KEY, "test_acc")[0].tolist() == [2.0]
    assert not old.exists()
    assert new.exists()


def test_a_reader_that_opened_the_old_table_still_sees_the_old_index(cache: Path) -> None:
    store([1.0])
    reader = open_table("tiny")
    assert reader.archs == ["a0"]
    store([2.0, 3.0])
    assert reader.archs == ["a0"]
    assert stored_names() == ["tiny"]


@pytest.mark.parametrize("file", ["values.parquet", "archs.parquet"])
@pytest.mark.parametrize("damage", ["truncated", "removed", "garbage"])
def test_a_damaged_file_is_named_with_the_command_that_mends_it(cache: Path, file: str, damage: str) -> None:
    path = store([1.0, 2.0]).folder / file
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-10] if damage == "truncated" else b"garbage")
    opened = open_table("tiny")
    assert opened.damage() == [file]
    with pytest.raises(CorruptData, match=rf"{file}.*run: proxybench fetch --rebuild tiny"):
        _ = opened.archs, opened.column(KEY, "test_acc")


def test_a_flipped_bit_is_found_by_its_checksum(cache: Path) -> None:
    path = store([1.0, 2.0]).folder / "values.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert open_table("tiny").damage() == ["values.parquet"]
    with pytest.raises(CorruptData, match=r"values\.parquet is damaged \(its SHA-256 is not.*fetch --rebuild tiny"):
        open_table("tiny").column(KEY, "test_acc")


@pytest.mark.parametrize("file", ["values.parquet", "archs.parquet", "card.md"])
def test_no_flipped_bit_of_a_file_passes_in_silence(cache: Path, file: str) -> None:
    path = store([1.0, np.nan, 91.5], measured=[True, True, False]).folder / file
    good, chance = path.read_bytes(), random.Random(0)
    for _ in range(150):
        damaged = bytearray(good)
        damaged[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        opened = open_table("tiny")
        with pytest.raises(CorruptData, match="fetch --rebuild tiny"):
            _ = opened.card if file == "card.md" else (opened.archs, opened.column(KEY, "test_acc"))


def test_a_flipped_bit_that_keeps_size_and_time_is_found_by_the_checksum_of_its_page(cache: Path) -> None:
    import pyarrow.parquet as pq

    path = store([float(value) for value in range(1000)]).folder / "values.parquet"
    opened = open_table("tiny")
    opened.column(KEY, "test_acc")  # the file has been checked in this process
    pages = pq.read_metadata(path).row_group(0).column(4)
    content, status = bytearray(path.read_bytes()), path.stat()
    content[pages.data_page_offset + pages.total_compressed_size // 2] ^= 4
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(CorruptData, match="CRC"):
        opened.column(KEY, "test_acc")


def test_no_flipped_bit_of_the_pointer_passes_in_silence(cache: Path) -> None:
    store([1.0, 2.0])
    pointer, chance = cache / "tables/tiny.json", random.Random(1)
    good, before = pointer.read_bytes(), read_info("tiny")
    for position in range(len(good)):
        damaged = bytearray(good)
        damaged[position] ^= 1 << chance.randrange(8)
        pointer.write_bytes(damaged)
        try:
            found = read_info("tiny")
        except CorruptData:
            continue
        # Spaces between the parts say nothing; a pointer of another format is not here; a key of another name is
        # that of a version which knew no checksum.
        assert found is None or (found.recipe, found.blocks, found.sha256) == (
            before.recipe,
            before.blocks,
            before.sha256,
        )


def change_pointer(cache: Path, **changed: object) -> None:
    """As an earlier version, which wrote no checksum, could have left it."""
    pointer = cache / "tables/tiny.json"
    content = json.loads(pointer.read_text()) | changed
    del content["checksum"]
    pointer.write_text(json.dumps(content))


def test_a_pointer_without_a_checksum_is_one_of_an_earlier_version(cache: Path) -> None:
    store([1.0])
    change_pointer(cache)
    assert open_table("tiny").column(KEY, "test_acc")[0].tolist() == [1.0]


@pytest.mark.parametrize(
    "folder",
    ["", ".", "..", "/", "tiny", "other-1234", "../victim", "tiny-1/../../victim", "tiny-1\0", "tables", "VICTIM"],
)
def test_a_pointer_to_any_other_folder_is_refused_and_nothing_there_is_removed(cache: Path, folder: str) -> None:
    store([1.0])
    other = store([3.0], name="other").folder
    victim = cache / "victim"
    victim.mkdir()
    (victim / "thesis.txt").write_text("precious")
    change_pointer(cache, folder=str(victim) if folder == "VICTIM" else folder)
    with pytest.raises(CorruptData, match=r"tiny\.json is damaged.*not a folder of this table.*--rebuild tiny"):
        open_table("tiny")
    store([2.0])
    assert (victim / "thesis.txt").read_text() == "precious"
    assert other.is_dir()
    assert open_table("tiny").column(KEY, "test_acc")[0].tolist() == [2.0]


def test_a_folder_that_is_a_link_is_not_followed_when_the_table_is_replaced(cache: Path, tmp_path: Path) -> None:
    folder = store([1.0]).folder
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert open_table("tiny").column(KEY, "test_acc")[0].tolist() == [1.0]
    store([2.0])
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == [
        "archs.parquet",
        "card.md",
        "values.parquet",
    ]
    assert not folder.is_symlink()


@pytest.mark.parametrize(
    "changed",
    [{"sha256": {}}, {"sha256": {"../x": "0"}}, {"architectures": -1}, {"architectures": 10**12}, {"name": "x"}],
)
def test_a_pointer_that_hides_or_invents_something_is_refused(cache: Path, changed: dict[str, object]) -> None:
    store([1.0])
    change_pointer(cache, **changed)
    with pytest.raises(CorruptData, match=r"tiny\.json is damaged"):
        open_table("tiny")


@pytest.mark.parametrize("name", ["../tiny", "a/b", "no\0name", ".."])
def test_a_name_that_is_no_file_name_is_not_here(cache: Path, name: str) -> None:
    store([1.0])
    with pytest.raises(DataNotAvailable):
        open_table(name)


def test_permissions_follow_the_umask(cache: Path) -> None:
    before = os.umask(0o027)
    try:
        folder = store([1.0]).folder
    finally:
        os.umask(before)
    modes = {
        path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.iterdir(), *folder.parent.glob("tiny.*")]
    }
    assert modes.pop(folder.name) == 0o750
    assert set(modes.values()) == {0o640}


def test_the_folder_of_a_killed_writer_goes_with_the_next_table(cache: Path) -> None:
    store([1.0])
    store([1.0], name="tiny-sample")
    tables = cache / "tables"
    orphan, live, kept = tables / f"tiny-{'0' * 16}", tables / "tiny-ab12_xyz", tables / "tiny-sample-0"
    for folder in (orphan, live, kept):
        folder.mkdir()
        (folder / "values.parquet").write_bytes(b"PAR1")
    store([2.0])
    assert not orphan.exists()
    assert live.exists()  # of a version that held no lock, so perhaps being written
    assert kept.exists()  # of another table
    os.utime(live, (0, 0))
    store([3.0])
    assert not live.exists()
    assert open_table("tiny-sample").column(KEY, "test_acc")[0].tolist() == [1.0]


def test_a_damaged_pointer_is_named(cache: Path) -> None:
    store([1.0])
    (cache / "tables/tiny.json").write_text("{")
    with pytest.raises(CorruptData, match=r"tiny\.json is damaged.*--rebuild tiny"):
        read_info("tiny")
    store([2.0])
    assert open_table("tiny").column(KEY, "test_acc")[0].tolist() == [2.0]


def test_a_cache_that_cannot_be_written_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PROXYBENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(FetchFailed, match="PROXYBENCH_CACHE"):
        store([1.0])


WRITER = """
import sys, numpy as np
from proxybench.tables.store.merge import BlockKey, MeasuredColumn, MergedTable
from proxybench.tables.store.writing import write_table
n = 20000
print("writing", flush=True)
while True:
    for value in (1.0, 2.0):
        column = MeasuredColumn(np.full(n, value), np.ones(n, dtype=bool))
        table = MergedTable([f"a{i}" for i in range(n)], {BlockKey("cifar10", 200, "mean"): {"test_acc": column}})
        write_table("tiny", "nasbench201", str(value), table, ["d"] * n, "card")
"""


def test_a_killed_writer_leaves_a_whole_table(cache: Path) -> None:
    store([1.0])
    for pause in (0.02, 0.05, 0.09, 0.13):
        with subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, env=os.environ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)
        opened = open_table("tiny")
        assert opened.damage() == []
        values, measured = opened.column(KEY, "test_acc")
        assert measured.all()
        assert len(set(values.tolist())) == 1
        assert len(values) == len(opened.archs)
    store([2.0])
    assert len(list((cache / "tables").glob("tiny-*"))) == 1  # nothing of the killed ones is left
