"""nasbench-vis and the official TFRecord files of NAS-Bench-101."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.spaces.nasbench101 import NASBench101
from proxybench.spaces.nasbench101_cells import shipped_cells
from proxybench.tables.importers import nasbench101_tfrecord, nasbench_vis
from proxybench.tables.importers.crc32c import crc32c, masked_crc32c
from proxybench.tables.importers.model_metrics import decode_training
from proxybench.tables.importers.naslib_codes import nasbench101_text, parse_tuple
from proxybench.tables.sources.registry import load_registry

space = get_space("nasbench101")
assert isinstance(space, NASBench101)

Record = tuple[str, int, str, str, float, float, float, float, int]


@pytest.fixture(scope="module")
def vis_files(mirror: Path) -> list[Path]:
    files = load_registry().files
    return [mirror / files[f"nasbench-vis-{size}"].path for size in ("20k", "10k", "1k")]


@pytest.fixture(scope="module")
def vis_table(vis_files: list[Path]) -> Any:
    return nasbench_vis.read(vis_files, space).values


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def evaluation(epoch: float, seconds: float, *accuracies: float, path: bytes = b"") -> bytes:
    doubles = enumerate((epoch, seconds, *accuracies), start=1)
    message = b"".join(bytes([field << 3 | 1]) + struct.pack("<d", value) for field, value in doubles)
    return message + b"\x32" + varint(len(path)) + path


def model_metrics(evaluations: Sequence[bytes], params: int, total: float = 1.0) -> bytes:
    parts = b"".join(b"\x0a" + varint(len(part)) + part for part in evaluations)
    return parts + b"\x10" + varint(params) + b"\x19" + struct.pack("<d", total)


def payload(record: Record, path: bytes = b"") -> bytes:
    digest, epochs, adjacency, ops, train, val, test, seconds, params = record
    parts = [
        evaluation(0.0, 0.0, 0.1, 0.1, 0.1, path=path),
        evaluation(epochs / 2, seconds / 2, train / 2, val / 2, test / 2, path=path),
        evaluation(float(epochs), seconds, train, val, test, path=path),
    ]
    metrics = base64.b64encode(model_metrics(parts, params)).decode()
    return json.dumps([digest, epochs, adjacency, ops, metrics]).encode()


def tfrecord(payloads: Sequence[bytes]) -> bytes:
    out = []
    for data in payloads:
        length = struct.pack("<Q", len(data))
        checksums = [struct.pack("<I", int(checksum)) for checksum in masked_crc32c([length, data])]
        out += [length, checksums[0], data, checksums[1]]
    return b"".join(out)


CONV = ("b49ac8c578b4561d79ac7087988f1c61", 108, "010001000", "input,conv3x3-bn-relu,output")
DIRECT = ("043721b9c7fe8c5fad811d47d83132ec", 108, "0100", "input,output")
RECORDS: list[Record] = [
    (*CONV, 1.0, 0.90625, 0.9, 1000.5, 10_177_674),
    (*DIRECT, 0.5, 0.25, 0.125, 300.0, 882_570),
    (*CONV, 1.0, 0.875, 0.89, 1001.5, 10_177_674),
    (CONV[0], 4, *CONV[2:], 0.5, 0.25, 0.75, 40.0, 10_177_674),
]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = nasbench101_tfrecord.read([path], space).values.to_pylist()
    return rows


def test_crc32c_of_the_standard_messages() -> None:
    # RFC 3720, appendix B.4, and the check value of the CRC catalogue
    messages = [b"123456789", b"", b"\0" * 32, b"\xff" * 32, bytes(range(32)), bytes(reversed(range(32)))]
    expected = [0xE3069283, 0, 0x8A9136AA, 0x62A8AB43, 0x46DD794E, 0x113FDB5C]
    assert crc32c(messages).tolist() == expected


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_a_checksum_does_not_depend_on_the_other_messages(messages: list[bytes]) -> None:
    assert crc32c(messages).tolist() == [int(crc32c([message])[0]) for message in messages]


def test_records_become_rows_with_repeats_in_file_order(tmp_path: Path) -> None:
    rows = rows_of(write(tmp_path / "nasbench.tfrecord", tfrecord([payload(record) for record in RECORDS])))
    conv, direct = "010001000:input,conv3x3-bn-relu,output", "0100:input,output"
    found = {(row["arch"], row["epochs"], row["seed"]): row for row in rows}
    assert set(found) == {
        (conv, 0, ""),
        (conv, 4, "0"),
        (conv, 108, "0"),
        (conv, 108, "1"),
        (direct, 0, ""),
        (direct, 108, "0"),
    }
    first, second = found[conv, 108, "0"], found[conv, 108, "1"]
    assert (first["train_acc"], first["val_acc"], first["test_acc"], first["train_s"]) == (100, 90.625, 90, 1000.5)
    assert (second["val_acc"], second["params"]) == (87.5, None)
    assert (found[conv, 0, ""]["params"], found[conv, 0, ""]["val_acc"]) == (10_177_674, None)
    assert {row["dataset"] for row in rows} == {"cifar10"}


def test_missing_repeats_are_noted(tmp_path: Path) -> None:
    path = write(tmp_path / "nasbench.tfrecord", tfrecord([payload(record) for record in RECORDS]))
    assert "5 repeats are missing" in nasbench101_tfrecord.read([path], space).notes[0]


def test_an_isomorphic_or_unpruned_graph_is_the_same_cell(tmp_path: Path) -> None:
    ops = "input,maxpool3x3,conv3x3-bn-relu,output"
    unpruned: Record = (CONV[0], 108, "0110000000010000", ops, 1.0, 0.5, 0.5, 1.0, 10_177_674)  # vertex 1 ends there
    both = ("0110000100010000", "input,conv3x3-bn-relu,maxpool3x3,output"), ("0110000100010000", ops)
    digest = space.hash(space.parse(":".join(both[0])))
    isomorphic: list[Record] = [(digest, 108, *cell, 1.0, 0.5, 0.5, 1.0, 1_000_000) for cell in both]
    path = write(tmp_path / "nasbench.tfrecord", tfrecord([payload(record) for record in (unpruned, *isomorphic)]))
    trained = [(row["arch"], row["seed"]) for row in rows_of(path) if row["epochs"]]
    name = space.format(space.parse(digest))
    assert sorted(trained) == sorted([("010001000:input,conv3x3-bn-relu,output", "0"), (name, "0"), (name, "1")])


def test_a_long_checkpoint_path_and_line_breaks_in_base64_are_read(tmp_path: Path) -> None:
    document = json.loads(payload(RECORDS[0], path=b"gs://checkpoints/" + b"x" * 300))
    document[4] = "\n".join(document[4][start : start + 76] for start in range(0, len(document[4]), 76))
    path = write(tmp_path / "nasbench.tfrecord", tfrecord([json.dumps(document).encode()]))
    assert rows_of(path)[0]["val_acc"] == 90.625


def test_fields_left_out_of_the_message_are_zero() -> None:
    last = evaluation(108.0, 10.0, 1.0, 0.5, 0.25)
    short = b"\x09" + struct.pack("<d", 108.0)
    assert decode_training(model_metrics([short, short, last], 5)) == (108.0, 10.0, 1.0, 0.5, 0.25, 5)
    assert decode_training(model_metrics([last, last, short], 5)) == (108.0, 0, 0, 0, 0, 5)


@given(st.binary(max_size=200))
def test_any_message_decodes_or_is_a_value_error(message: bytes) -> None:
    try:
        decode_training(message)
    except ValueError:
        return


WHOLE = tfrecord([payload(record) for record in RECORDS])
SECOND = 16 + len(payload(RECORDS[0]))  # byte offset of the second record


@given(st.integers(1, len(WHOLE) - 1))
def test_a_truncated_file_is_refused_or_ends_between_records(tmp_path_factory, length: int) -> None:
    ends = [sum(16 + len(payload(record)) for record in RECORDS[:count]) for count in range(1, 5)]
    path = write(tmp_path_factory.getbasetemp() / "short.tfrecord", WHOLE[:length])
    if length in ends:
        assert rows_of(path)
    else:
        with pytest.raises(CorruptData, match=r"the record at byte \d+ is cut short"):
            rows_of(path)


@given(st.integers(0, len(WHOLE) * 8 - 1))
def test_every_flipped_bit_is_found(tmp_path_factory, bit: int) -> None:
    data = bytearray(WHOLE)
    data[bit // 8] ^= 1 << bit % 8
    path = write(tmp_path_factory.getbasetemp() / "flipped.tfrecord", bytes(data))
    with pytest.raises(CorruptData, match="at byte"):
        rows_of(path)


def test_the_offset_of_the_damage_is_reported(tmp_path: Path) -> None:
    data = bytearray(WHOLE)
    data[SECOND + 12] ^= 1
    path = write(tmp_path / "nasbench.tfrecord", bytes(data))
    with pytest.raises(CorruptData, match=f"data of the record at byte {SECOND} does not match its checksum"):
        rows_of(path)


def test_a_declared_length_of_ten_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    length = struct.pack("<Q", 10**10)
    header = length + struct.pack("<I", int(masked_crc32c([length])[0]))
    path = write(tmp_path / "nasbench.tfrecord", WHOLE + header + b"x" * 100)
    with pytest.raises(CorruptData, match=f"byte {len(WHOLE)} declares 10000000000 bytes"):
        rows_of(path)


def changed(**parts: Any) -> bytes:
    names = ["digest", "epochs", "adjacency", "ops", "metrics"]
    document = json.loads(payload(RECORDS[0]))
    for name, value in parts.items():
        document[names.index(name)] = value
    return json.dumps(document).encode()


def metrics_with(**values: float) -> str:
    numbers = {"epoch": 108.0, "seconds": 10.0, "train": 1.0, "val": 0.5, "test": 0.5} | values
    last = evaluation(*numbers.values())
    return base64.b64encode(model_metrics([last, last, last], 10_177_674)).decode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'["b4', "truncated"),
        (b"\xff\xfe", "malformed|utf-8|UTF-8"),
        (json.dumps(["b4", 108, "0100", "input,output", ""]).encode(), "regex"),
        (changed(epochs=50), "Invalid"),
        (changed(digest="0" * 32), "does not have the hash"),
        (changed(ops="input,maxpool3x3,output"), "does not have the hash"),
        (changed(ops="input,maxpool5x5,output"), "operation"),
        (changed(adjacency="010"), "not a square matrix"),
        (changed(metrics="!!!!"), "base64|Only"),
        (changed(metrics="AAAA"), "cut short"),
        (changed(metrics=metrics_with(epoch=54.0)), "not at the end"),
        (changed(metrics=metrics_with(val=90.6)), "not within 0 and 1"),
    ],
)
def test_damage_within_a_record_is_reported_with_its_offset(tmp_path: Path, data: bytes, reason: str) -> None:
    path = write(tmp_path / "nasbench.tfrecord", tfrecord([payload(RECORDS[0]), data]))
    with pytest.raises(CorruptData, match=rf"(?s)at byte {SECOND}: .*({reason})"):
        rows_of(path)


def test_contradicting_records_are_refused(tmp_path: Path) -> None:
    other: Record = (*CONV, 1.0, 0.5, 0.5, 1.0, 7)
    path = write(tmp_path / "nasbench.tfrecord", tfrecord([payload(RECORDS[0]), payload(other)]))
    with pytest.raises(CorruptData, match="another parameter count"):
        rows_of(path)


def test_a_fourth_repeat_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "nasbench.tfrecord", tfrecord([payload(RECORDS[0])] * 4))
    with pytest.raises(CorruptData, match="more than 3 repeats"):
        rows_of(path)


def test_real_values_survive_the_format(vis_files: list[Path], tmp_path: Path) -> None:
    document = json.loads(vis_files[2].read_bytes())
    records: list[Record] = []
    for row in range(200):
        adjacency, ops = space.format(space.parse(document["key"][row])).split(":")
        accuracy = document["108_final_validation_accuracy"][row]
        seconds, params = document["final_training_time"][row], document["trainable_parameters"][row]
        records.append((document["key"][row], 108, adjacency, ops, 1.0, accuracy, 0.5, seconds, params))
    path = write(tmp_path / "nasbench.tfrecord", tfrecord([payload(record) for record in records]))
    trained = [row for row in rows_of(path) if row["seed"]]
    assert [row["val_acc"] for row in trained] == [100 * record[5] for record in sorted(records)]


def test_vis_holds_30001_cells_at_known_positions(vis_files: list[Path], vis_table: Any) -> None:
    keys = {key for path in vis_files for key in json.loads(path.read_bytes())["key"]}
    positions = sorted(shipped_cells().find_all(sorted(keys)).tolist())
    assert positions == [*range(20_001), *range(36_202, 46_202)]
    archs = set(vis_table.column("arch").to_pylist())
    assert archs == {shipped_cells().text(position) for position in positions}
    assert vis_table.num_rows == 5 * 30_001


def test_vis_values_of_the_first_cell(vis_table: Any) -> None:
    rows = vis_table.slice(0, 5).to_pylist()
    assert {row["arch"] for row in rows} == {space.format(space.parse("00005c142e6f48ac74fdcf73e3439874"))}
    assert [(row["epochs"], row["seed"]) for row in rows] == [(0, ""), (4, "0"), (12, "0"), (36, "0"), (108, "max")]
    assert rows[0]["params"] == 8_555_530
    assert rows[4]["val_acc"] == 100 * 0.9304887652397156
    assert rows[4]["train_s"] == 1768.9759521484375


def test_vis_at_108_epochs_is_never_below_a_single_repeat(vis_files: list[Path], mirror: Path) -> None:
    # NAS-Bench-Suite-Zero drew a repeat at random for each of its 500 rows: a third should be the largest of three
    largest: dict[str, float] = {}
    for path in vis_files:
        document = json.loads(path.read_bytes())
        largest |= zip(document["key"], document["108_final_validation_accuracy"], strict=True)
    drawn = json.loads((mirror / load_registry().files["nbsz-nb101-500"].path).read_bytes())["nasbench101"]["cifar10"]
    pairs = []
    for code, values in drawn.items():
        digest = space.hash(space.parse(nasbench101_text(parse_tuple(code))))
        if digest in largest:
            pairs.append((100 * largest[digest], values["val_accuracy"]))
    assert len(pairs) == 110
    assert all(top >= one - 1e-5 for top, one in pairs)
    assert sum(abs(top - one) < 1e-5 for top, one in pairs) == 35


def test_damaged_vis_files_are_refused(vis_files: list[Path], tmp_path: Path) -> None:
    document = json.loads(vis_files[2].read_bytes())
    swapped = {**document, "key": [*document["key"][1:], document["key"][0]]}
    shorter = {**document, "key": document["key"][:-1]}
    unknown = {**document, "key": ["0" * 32, *document["key"][1:]]}
    missing = {name: column for name, column in document.items() if name != "12_final_validation_accuracy"}
    for number, damaged in enumerate((swapped, shorter, unknown, missing, [], {"key": []})):
        path = write(tmp_path / f"{number}.json", json.dumps(damaged).encode())
        with pytest.raises(CorruptData, match=f"{number}.json"):
            nasbench_vis.read([path], space)
    cut = write(tmp_path / "cut.json", vis_files[2].read_bytes()[:5000])
    with pytest.raises(CorruptData, match=r"cut\.json"):
        nasbench_vis.read([cut], space)


def test_vis_files_that_disagree_are_refused(vis_files: list[Path], tmp_path: Path) -> None:
    document = json.loads(vis_files[2].read_bytes())
    document["final_training_time"][0] += 1
    path = write(tmp_path / "other.json", json.dumps(document).encode())
    with pytest.raises(CorruptData, match="other values"):
        nasbench_vis.read([vis_files[2], path], space)


def test_the_measurement_of_speed_runs(tmp_path: Path) -> None:
    program = Path(__file__).parents[2] / "bench" / "bench_nasbench101_tfrecord.py"
    done = subprocess.run([sys.executable, program, "3000", str(tmp_path)], capture_output=True, text=True, check=True)
    assert "3000 records" in done.stdout
