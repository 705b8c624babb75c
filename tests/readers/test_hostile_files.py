"""Hostile pickles inside every kind of file that holds one, and files that unpack to more than they should."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proxybench.errors import CorruptData
from proxybench.readers import frame_pickle, javascript, json_text, torch_file, untrusted

Writer = Callable[[bytes], bytes]
START = b"".join(pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))


def zipped(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3")
    return stream.getvalue()


READERS: dict[str, tuple[Writer, Callable[[Path], Any]]] = {
    "frame": (bytes, frame_pickle.read_frame_pickle),
    "frame, gzipped": (gzip.compress, frame_pickle.read_frame_pickle),
    "torch, zip": (zipped, torch_file.read_torch),
    "torch, legacy": (lambda data: START + data + pickle.dumps([], 2), torch_file.read_torch),
}
HOSTILE = {
    "deep tuples": b"\x80\x02N" + b"\x85" * 200_000 + b".",
    "deep lists": b"\x80\x02N" + b"q\x000]h\x00a" * 200_000 + b".",
    "shared parts": b"\x80\x02N\x85" + b"2\x86" * 60 + b".",
    "copies of a long text": b"\x80\x02X\x40\x42\x0f\x00" + b"x" * 10**6 + b"q\x00(" + b"h\x00\x85" * 10_000 + b"t.",
    "a text of four gigabytes": b"\x80\x04X\xff\xff\xff\xff.",
    "a text of eight exabytes": b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f.",
    "a frame of eight exabytes": b"\x80\x04\x95" + b"\xff" * 7 + b"\x7fN.",
    "a memo of two billion": b"\x80\x04Nr\xff\xff\xff\x7f.",
    "an object of another process": b"\x80\x02U\x01xQ.",
    "a registered extension": b"\x80\x02\x82\x01.",
    "a class to be made": b"\x80\x02cos\nPathLike\n)\x81.",
    "code": b"\x80\x02cos\nmkdir\nU\x04made\x85R.",
    "code of builtins": b"\x80\x02cbuiltins\neval\nU\x05exit()\x85R.",
    "an attribute of a module": b"\x80\x04\x8c\x05numpy\x8c\x09core.test\x93.",
    "nothing": b"",
    "no end": b"\x80\x02]",
    "an end without a value": b"\x80\x02.",
    "a number": b"\x80\x02K\x01.",
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("hostile", [name for name in HOSTILE if name != "a number"])
def test_a_hostile_pickle_in_a_file_is_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, hostile: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write, read = READERS[kind]
    path = tmp_path / "hostile.file"
    path.write_bytes(write(HOSTILE[hostile]))
    with pytest.raises(CorruptData, match=r"hostile\.file") as caught:
        read(path)
    assert len(str(caught.value)) < 500
    assert not (tmp_path / "made").exists()


def test_hostile_files_take_no_memory(tmp_path: Path) -> None:
    """In a process of its own, since a reader that falls for one may take all memory there is."""
    for place, (kind, (write, _)) in enumerate(READERS.items()):
        for number, data in enumerate(HOSTILE.values()):
            (tmp_path / f"{number}-{place}.{'frame' if kind.startswith('frame') else 'torch'}").write_bytes(write(data))
    script = (
        "import resource, sys; from pathlib import Path; from proxybench.errors import CorruptData\n"
        "from proxybench.readers.frame_pickle import read_frame_pickle\n"
        "from proxybench.readers.torch_file import read_torch\n"
        "import numpy as np\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "files = sorted(Path(sys.argv[1]).iterdir())\n"
        "for path in files:\n"
        "    try: (read_torch if path.suffix == '.torch' else read_frame_pickle)(path)\n"
        "    except CorruptData as error: assert 'MemoryError' not in str(error), error\n"
        "print(len(files), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, more = map(int, done.stdout.split())
    assert count == len(READERS) * len(HOSTILE)
    assert more < 400_000  # KiB


def test_a_gzipped_frame_that_unpacks_beyond_the_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(untrusted, "MAX_BYTES", 2**20)
    path = tmp_path / "bomb.pkl"
    path.write_bytes(gzip.compress(pickle.dumps(bytes(50_000_000))))
    with pytest.raises(CorruptData, match=r"bomb\.pkl.*holds more than 1048576 bytes when decompressed"):
        frame_pickle.read_frame_pickle(path)


@pytest.mark.parametrize("stated", [0, 10, 2**31 - 1])
def test_an_archive_of_torch_that_states_another_size_is_damage(tmp_path: Path, stated: int) -> None:
    data = pickle.dumps(list(range(1000)), 2)
    archive = bytearray(zipped(data))
    length = len(data).to_bytes(4, "little")
    assert archive.count(length) == 2
    path = tmp_path / "values.pt"
    path.write_bytes(archive.replace(length, stated.to_bytes(4, "little")))
    with pytest.raises(CorruptData, match=r"values\.pt"):
        torch_file.read_torch(path)


@pytest.mark.parametrize("shape", [(2, 10**6), (10**9, 10**9), (0,), (3, 1, 1), (-1, 3)])
def test_a_block_of_a_frame_with_another_shape_is_damage(tmp_path: Path, shape: tuple[int, ...]) -> None:
    import pandas as pd

    path = tmp_path / "frame.pkl"
    block = np.arange(3.0).reshape(1, 3)
    frame = pd.DataFrame(block.T).set_axis(pd.Index(["a"], dtype=object), axis=1)
    data = pickle.dumps(frame, 2)
    old = pickle.dumps((1, 3), 2)[2:-3]  # without protocol, memo and end
    assert old in data
    path.write_bytes(data.replace(old, pickle.dumps(shape, 2)[2:-3], 1))
    with pytest.raises(CorruptData, match=r"frame\.pkl"):
        frame_pickle.read_frame_pickle(path)


def test_a_script_beyond_the_limits_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.js"
    path.write_text(f"acc={json.dumps(list(range(1000)))};")
    monkeypatch.setattr(json_text, "MAX_UNITS", 100)
    with pytest.raises(CorruptData, match=r"data\.js"):
        javascript.read_assignment(path, "acc")
    monkeypatch.undo()
    assert javascript.read_assignment(path, "acc") == list(range(1000))
    monkeypatch.setattr(untrusted, "MAX_BYTES", 1000)
    with pytest.raises(CorruptData, match=r"data\.js: \d+ bytes, more than the limit of 1000"):
        javascript.read_assignment(path, "acc")


@pytest.mark.parametrize("text", [
    "acc=-", "acc=[1e]", 'acc={"a":1,}', "acc=[,]", "acc=\x00{}", "\ufeffacc={}", "acc=`{}`",
    "acc={}//", "acc=/**/{}", "acc={};;", "a" * 200 + "={}", "acc\u200b={}", "acc=" + '{"a":' * 500,
])  # fmt: skip
def test_scripts_that_are_not_one_plain_value_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.js"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(CorruptData, match=r"data\.js"):
        javascript.read_assignment(path, "acc")


def test_damaged_scripts_are_damage_or_a_value(tmp_path: Path) -> None:
    path = tmp_path / "data.js"
    good = b'acc={"": ["a#b"], "0": [0.5, 1e-3], "1": "0", "\\u00e9": null};'
    chance = random.Random(0)
    damaged = 0
    for position in range(len(good)):
        flipped = bytes([good[position] ^ 1 << chance.randrange(8)])
        for copy in (good[:position], good[:position] + flipped + good[position + 1 :]):
            path.write_bytes(copy)
            try:
                javascript.read_assignment(path, "acc")
            except CorruptData:
                damaged += 1
    assert damaged > len(good)
