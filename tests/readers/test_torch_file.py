"""Files of torch.save: plain values come back, tensors and code do not."""

from __future__ import annotations

import io
import pickle
import random
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch

from proxybench.errors import CorruptData
from proxybench.readers.torch_file import read_torch

VALUE = {"arch": [[0, 1, 8], [3, 3, 3]], "ms": [1.5, np.float64(2.25)], "name": "gold_6226", 4: (None, True)}
FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "values.pt"


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("touch executed",)


@FORMATS
def test_plain_values_come_back(path, zipped):
    torch.save(VALUE, path, _use_new_zipfile_serialization=zipped)
    assert read_torch(path) == VALUE


@FORMATS
def test_an_array_of_numpy_comes_back(path, zipped):
    torch.save(np.arange(6.0).reshape(2, 3), path, _use_new_zipfile_serialization=zipped)
    assert np.array_equal(read_torch(path), [[0, 1, 2], [3, 4, 5]])


@FORMATS
def test_tensors_are_refused(path, zipped):
    torch.save({"weight": torch.ones(3)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CorruptData, match="holds tensors" if zipped else "refused"):
        read_torch(path)


@FORMATS
def test_code_does_not_run(path, tmp_path, monkeypatch, zipped):
    monkeypatch.chdir(tmp_path)
    torch.save([Evil()], path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CorruptData, match=r"refused to load \w+\.system"):
        read_torch(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((1, 1001), "numbers of a file of torch"),
        ((0x1950A86A20F9469CFC6C, 1000), "numbers of a file of torch"),
    ],
)
def test_other_pickles_are_no_files_of_torch(path, numbers, message):
    path.write_bytes(b"".join(pickle.dumps(value, 2) for value in (*numbers, {}, [1], [])))
    with pytest.raises(CorruptData, match=message):
        read_torch(path)


def test_keys_of_tensors_and_bytes_behind_the_last_pickle_are_refused(path):
    start = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, [1]]
    path.write_bytes(b"".join(pickle.dumps(value, 2) for value in (*start, ["0"])))
    with pytest.raises(CorruptData, match="holds tensors"):
        read_torch(path)
    path.write_bytes(b"".join(pickle.dumps(value, 2) for value in (*start, [])) + b"N.")
    with pytest.raises(CorruptData, match="2 bytes follow the last of 5 pickles"):
        read_torch(path)


@pytest.mark.parametrize("names", [[], ["a/data.pkl", "b/data.pkl"], ["data.pkl"], ["a/b/data.pkl"]])
def test_an_archive_has_one_pickle_in_one_folder(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/version", "3")
        for name in names:
            archive.writestr(name, pickle.dumps([1], 2))
    with pytest.raises(CorruptData, match="instead of 1, so torch did not write it"):
        read_torch(path)


def test_an_archive_that_unpacks_beyond_the_limit_is_not_read(path, monkeypatch):
    monkeypatch.setattr("proxybench.readers.torch_file.MAX_BYTES", 10_000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(b"\0" * 20_000, 2))
    with pytest.raises(CorruptData, match="10000 bytes"):
        read_torch(path)


@FORMATS
def test_damaged_copies_are_damage_or_a_value(path, zipped):
    stream = io.BytesIO()
    torch.save(VALUE, stream, _use_new_zipfile_serialization=zipped)
    data, generator = stream.getvalue(), random.Random(0)
    for trial in range(200):
        copy = bytearray(data)
        copy[generator.randrange(len(copy))] ^= 1 << generator.randrange(8)
        path.write_bytes(copy[: generator.randrange(len(copy))] if trial % 2 else copy)
        with suppress(CorruptData):
            read_torch(path)


def test_every_file_of_the_mirror_reads_as_torch_reads_it(mirror):
    files = sorted([*mirror.rglob("*.pt"), *mirror.rglob("*.pth")])
    assert files
    for file in files:
        assert read_torch(file) == torch.load(file, weights_only=False), file
