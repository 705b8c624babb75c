"""What reading a pickle may and may not do."""

from __future__ import annotations

import bz2
import os
import pickle
import pickletools
import re
import struct
import subprocess
import sys
from collections import OrderedDict, defaultdict
from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxybench.errors import CorruptData
from proxybench.readers import pickle_walk, untrusted
from proxybench.readers.unpickle import restricted_loads
from proxybench.readers.untrusted import read_pickle, read_pickle_bz2, reading

PROTOCOLS = range(6)
NUMBERS = ("?", "i1", "<i4", ">i4", "u8", "f2", "f4", "f8", ">f8", "c8", "c16")


@pytest.fixture
def load(tmp_path):
    """Read bytes as a pickle file."""

    def load(data: bytes):
        path = tmp_path / "data.p"
        path.write_bytes(data)
        return read_pickle(path)

    return load


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function, *args, state=None) -> None:
        self.call = (function, args, state) if state is not None else (function, args)

    def __reduce__(self):
        return self.call


def as_numpy_1(data: bytes) -> bytes:
    """The pickle that numpy 1 would have written."""
    data = re.sub(rb"(\x80[\x04\x05])\x95.{8}", rb"\1", data, count=1, flags=re.DOTALL)  # unframed
    for name in (b"numpy._core.multiarray", b"numpy._core.numeric"):
        old = name.replace(b"_core", b"core")
        data = data.replace(b"\x8c" + bytes([len(name)]) + name, b"\x8c" + bytes([len(old)]) + old).replace(name, old)
    return data


def same(left, right) -> bool:
    if isinstance(left, np.ndarray | np.generic):
        return type(left) is type(right) and left.dtype == right.dtype and np.array_equal(left, right)
    return type(left) is type(right) and left == right


def changed(load, value) -> list[tuple[int, str]]:
    """The protocols and versions of numpy whose pickles of a value come back as another one."""
    ways = product(PROTOCOLS, (bytes, as_numpy_1))
    return [
        (protocol, convert.__name__)
        for protocol, convert in ways
        if not same(load(convert(pickle.dumps(value, protocol))), value)
    ]


@pytest.mark.parametrize("code", NUMBERS)
def test_numpy_scalars_come_back(load, code):
    assert changed(load, np.array([1], code)[0]) == []


@pytest.mark.parametrize("code", [*NUMBERS, "S3", "<U3", ">U3"])
def test_numpy_arrays_come_back(load, code):
    assert changed(load, np.arange(6).reshape(2, 3).astype(code)) == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", [np.array(1.5), np.empty((0, 3)), np.asfortranarray(np.arange(6.0).reshape(2, 3))])
def test_arrays_of_all_layouts_come_back(load, protocol, value):
    back = load(pickle.dumps(value, protocol))
    assert same(back, value)
    assert back.flags.f_contiguous == value.flags.f_contiguous
    back += 1  # it is the reader's own


def test_permuted_axes_come_back(load):
    value = np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2)
    assert same(load(pickle.dumps(value, 5)), value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_within_containers_come_back_once(load, protocol):
    array = np.arange(3)
    value = {"list": [array, (array, "text")], "same": array, "dict": OrderedDict(a=array)}
    back = load(pickle.dumps(value, protocol))
    assert type(back["list"][0]) is np.ndarray
    assert back["list"][0] is back["same"] is back["list"][1][0] is back["dict"]["a"]
    assert back["list"][1][1] == "text"


def shared(levels: int, inner: object) -> object:
    """Tuples of the same tuple twice: 2 ** levels parts in a few bytes."""
    for _ in range(levels):
        inner = (inner, inner)
    return inner


def test_shared_tuples_around_an_array_are_built_once(load):
    back = load(pickle.dumps(shared(10, np.arange(2)), 4))
    assert back[0] is back[1]
    assert back[0][1][0] is back[1][0][0]


def holding_itself() -> list[object]:
    value: list[object] = [np.arange(2)]
    value.append({"me": value})
    return value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_value_that_contains_itself_is_refused(load, protocol):
    direct: list[object] = []
    direct.append(direct)
    for value in (direct, holding_itself()):
        with pytest.raises(CorruptData, match=r"contains itself|changes after"):
            load(pickle.dumps(value, protocol))


@pytest.mark.parametrize("kind", ["tuples", "frozensets", "lists", "dictionaries", "defaultdicts", "states"])
def test_nesting_is_bounded_before_anything_is_built(load, kind):
    """Each of these can end the interpreter when it is hashed or freed, where Python does not guard its stack."""
    one = {
        "tuples": b"\x85",
        "frozensets": b"q\x00(h\x00\x91",
        "lists": b"q\x000]h\x00a",
        "dictionaries": b"q\x000}K\x01h\x00s",
        "defaultdicts": b"q\x000ccollections\ndefaultdict\n)RK\x01h\x00s",
        "states": b"q\x000ccollections\nOrderedDict\n)Rh\x00b",
    }[kind]
    for end in (b".", b"q\x010}h\x01Ns."):
        with pytest.raises(CorruptData, match="more than 100 values are nested"):
            load(b"\x80\x02N" + one * 200_000 + end)


@pytest.mark.parametrize("doubling", [b"q\x000h\x00h\x00\x86", b"q\x000(h\x00h\x00t", b"2\x86", b"q\x000]h\x00ah\x00a"])
def test_shared_parts_cannot_make_billions(load, doubling):
    with pytest.raises(CorruptData, match="shared parts counted each time"):
        load(b"\x80\x02N\x85" + doubling * 60 + b"q\x000}h\x00Ns.")


def test_an_error_does_not_show_what_the_file_says_at_length(load):
    shape = b"(" + b"I1\n" * 100_000 + b"t"
    with pytest.raises(CorruptData) as caught:
        load(b"\x80\x02cnumpy._core.numeric\n_frombuffer\n(C\x01x" + F8 + shape + b"X\x01\x00\x00\x00CtR.")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "copies",
    [
        (b"h\x00X\x06\x00\x00\x00latin1\x86", b"c_codecs\nencode\n", b"X" + struct.pack("<I", 10**6) + b"x" * 10**6),
        (b"h\x00\x85", b"cbuiltins\nlist\n", b"(" + b"N" * 10**6 + b"l"),
        (b"h\x00\x85", b"cbuiltins\nfrozenset\n", b"(" + b"N" * 10**6 + b"l"),
    ],
    ids=["text", "list", "set"],
)
def test_copies_of_a_long_part_are_counted(load, copies):
    """A few bytes for each copy of a megabyte."""
    arguments, function, part = copies
    data = b"\x80\x02" + part + b"q\x000" + function + b"q\x010(" + (b"h\x01" + arguments + b"R") * 1000 + b"t."
    with pytest.raises(CorruptData, match="it would take more than 2147483648 bytes"):
        load(data)


def test_a_million_empty_containers_more_than_memory_allows_are_refused(load, monkeypatch):
    monkeypatch.setattr(pickle_walk, "MAX_UNITS", 10_000)
    load(b"\x80\x02(" + b"}" * 1000 + b"t.")
    with pytest.raises(CorruptData, match="it would take more than"):
        load(b"\x80\x02(" + b"}" * 3000 + b"t.")


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.lists(inner).map(tuple)
        | st.sets(st.integers())
        | st.frozensets(st.text())
        | st.dictionaries(st.integers(), inner).map(OrderedDict)
        | st.dictionaries(st.integers(), inner).map(lambda items: defaultdict(list, items))
    ),
    max_leaves=8,
)


@given(value=PLAIN, protocol=st.sampled_from(PROTOCOLS))
def test_plain_values_come_back(tmp_path_factory, value, protocol):
    path = tmp_path_factory.getbasetemp() / "plain.p"
    path.write_bytes(pickle.dumps(value, protocol))
    assert same(read_pickle(path), value)


def test_numbers_and_numpy_scalars_of_python_2_are_read(load):
    # pickle.dumps({'a': numpy.float64(1.5)}, 2) of Python 2: the bytes of the number are a str there.
    number = b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
    number += b"J\xff\xff\xff\xffK\x00tbU\x08" + struct.pack("<d", -1.5) + b"\x86R"
    assert load(b"\x80\x02}U\x01a" + number + b"s.") == {"a": -1.5}


@pytest.mark.parametrize("large", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_pickle_of_the_mirror_reads_as_pickle_reads_it(mirror, large):
    every = [path for path in sorted(mirror.rglob("*")) if path.suffix in (".p", ".bench", ".pbz2")]
    paths = [path for path in every if (path.stat().st_size >= 1_000_000) == large]
    assert paths
    for path in paths:
        data = path.read_bytes()
        if path.suffix == ".pbz2":
            value, expected = read_pickle_bz2(path), pickle.loads(bz2.decompress(data), encoding="latin1")
        else:
            value, expected = read_pickle(path), pickle.loads(data, encoding="latin1")
        assert value == expected, path
        assert type(value) is type(expected), path


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_call_of_os_system_does_not_run(tmp_path, protocol, compressed):
    marker, path = tmp_path / "ran", tmp_path / "evil"
    data = pickle.dumps(Calls(os.system, f"touch {marker}"), protocol)
    path.write_bytes(bz2.compress(data) if compressed else data)
    with pytest.raises(CorruptData, match=r"evil: .*refused to load posix\.system"):
        (read_pickle_bz2 if compressed else read_pickle)(path)
    assert not marker.exists()
    pickle.loads(data)
    assert marker.exists()  # the attack was a real one


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "evil",
    [
        Calls(eval, "1"),
        Calls(getattr, "", "upper"),
        Calls(subprocess.check_call, ["true"]),
        Calls(__import__, "os"),
        Calls(np.load, "x"),
        Calls(bytearray, 10**9),
        Path(),
    ],
)
def test_other_calls_are_refused(load, protocol, evil):
    with pytest.raises(CorruptData, match="refused"):
        load(pickle.dumps(evil, protocol))


@pytest.mark.parametrize("name", ["numpy\ncore.multiarray.scalar", "numpy._core.multiarray\nscalar.__globals__"])
def test_dotted_names_are_refused(load, name):
    module, attribute = name.encode().split(b"\n")
    data = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(part)]) + part for part in (module, attribute)) + b"\x93."
    with pytest.raises(CorruptData, match="refused to load"):
        load(data)


@pytest.mark.parametrize(
    "opcode", [b"\x82\x01", b"P1\n", b"N\x51", b"(cbuiltins\nlist\no", b"(ibuiltins\nlist\n", b"cbuiltins\nlist\n)\x81"]
)
def test_opcodes_that_data_does_not_need_are_refused(load, opcode):
    with pytest.raises(CorruptData, match="unknown or refused"):
        load(b"\x80\x02" + opcode + b".")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_object_is_no_numpy_scalar(load, protocol):
    with pytest.raises(CorruptData, match="refused numpy type 'O8'"):
        load(pickle.dumps(Calls(np._core.multiarray.scalar, np.dtype("O"), b"\0" * 8), protocol))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_array_of_objects_is_refused(load, protocol):
    with pytest.raises(CorruptData, match="refused"):
        load(pickle.dumps(np.array([None, 1]), protocol))


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
F8 = b"cnumpy\ndtype\nX\x02\x00\x00\x00f8\x89\x88\x87R"


@pytest.mark.parametrize("shape", [b"I1000000000000\n\x85", b"I-1\n\x85", b"I1\n\x85", b"I0\nI0\n\x86", b"N"])
def test_an_array_of_any_other_than_an_empty_shape_is_not_started(load, shape):
    with pytest.raises(CorruptData, match="unexpected form"):
        load(b"\x80\x02" + RECONSTRUCT + shape + b"C\x01b\x87R.")


def test_ndarray_itself_cannot_be_called(load):
    with pytest.raises(CorruptData, match=r"numpy\.ndarray called"):
        load(b"\x80\x02cnumpy\nndarray\nI100000000000\n\x85\x85R.")


@pytest.mark.parametrize(
    ("shape", "data"),
    [(b"I1000000000000\n\x85", b"C\x08" + bytes(8)), (b"I-1\n\x85", b"C\x00"), (b"I-1\nI-1\n\x86", b"C\x08" + bytes(8)),
     (b"I2\n\x85", b"C\x08" + bytes(8)), (b"G" + bytes(8) + b"\x85", b"C\x00"), (b"I1\n\x85", b"]")],
)  # fmt: skip
def test_the_bytes_of_an_array_must_fit_its_shape(load, shape, data):
    state = b"(K\x01" + shape + F8 + b"\x89" + data + b"t"
    with pytest.raises(CorruptData, match="numpy array"):
        load(b"\x80\x02" + RECONSTRUCT + b"K\x00\x85C\x01b\x87R" + state + b"b.")
    buffer = b"cnumpy._core.numeric\n_frombuffer\n(" + data + F8 + shape + b"X\x01\x00\x00\x00CtR"
    with pytest.raises(CorruptData, match="numpy array"):
        load(b"\x80\x05" + buffer + b".")


@pytest.mark.parametrize(
    "code", ["O", "V8", "i4,f8", "(1000000000,)i4", "M8[ns]", "a5", "f8\n", "object", "S9999999999", ""]
)
def test_types_that_are_neither_numbers_nor_short_text_are_refused(load, code):
    with pytest.raises(CorruptData, match="refused numpy type"):
        load(pickle.dumps(Calls(np.dtype, code), 2))


@pytest.mark.parametrize(
    "state", [(3, "<", None, ("a",), {"a": ("f8", 0)}, 99, 1, 0), (3, "x", None, None, None), (3,), "<"]
)
def test_the_state_of_a_type_is_its_byte_order_and_no_more(load, state):
    with pytest.raises(CorruptData):
        load(pickle.dumps(Calls(np.dtype, "f8", state=state), 2))
    assert np.dtype("f8").str == "<f8"


@pytest.mark.parametrize(
    "name", [b"numpy\ndtype", b"numpy.core.multiarray\nscalar", b"_codecs\nencode", b"builtins\ndict"]
)
@pytest.mark.parametrize("state", [b"}X\x01\x00\x00\x00aK\x01s", b"N}X\x01\x00\x00\x00aK\x01s\x86"])
def test_what_a_pickle_names_cannot_be_altered(load, name, state):
    with pytest.raises(CorruptData):
        load(b"\x80\x02c" + name + b"\n" + state + b"b.")


@pytest.mark.parametrize(
    "data", [b"r\xff\xff\xff\x7f", b"p4000000000\n", b"\x96" + b"\xff" * 4 + bytes(4), b"\x8e" + b"\xff" * 8]
)
def test_five_bytes_cannot_ask_for_gigabytes(tmp_path, data):
    # In a process of its own, since a reader that falls for it may take all memory there is.
    path = tmp_path / "evil.p"
    path.write_bytes(b"\x80\x05N" + data + b".")
    script = (
        "import resource, sys; from pathlib import Path; from proxybench.readers.untrusted import read_pickle\n"
        "from proxybench.errors import CorruptData\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_pickle(Path(sys.argv[1]))\n"
        "except CorruptData as error: assert 'MemoryError' not in str(error), error\n"
        "else: sys.exit('read')\n"
        "assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_a_bz2_bomb_is_stopped_at_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(untrusted, "MAX_BYTES", 2**21)
    path = tmp_path / "bomb.pbz2"
    path.write_bytes(bz2.compress(pickle.dumps(bytes(50_000_000))))
    assert path.stat().st_size < 200
    with pytest.raises(CorruptData, match=r"bomb\.pbz2: holds more than 2097152 bytes when decompressed"):
        read_pickle_bz2(path)


def test_a_file_beyond_the_limit_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(untrusted, "MAX_BYTES", 100)
    path = tmp_path / "large.p"
    path.write_bytes(pickle.dumps(bytes(1000)))
    with pytest.raises(CorruptData, match="more than the limit of 100"):
        read_pickle(path)


def test_several_bz2_streams_are_one_file(tmp_path):
    data = pickle.dumps(list(range(1000)))
    path = tmp_path / "two.pbz2"
    path.write_bytes(bz2.compress(data[:500]) + bz2.compress(data[500:]))
    assert read_pickle_bz2(path) == list(range(1000))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_flip_and_every_cut_of_a_small_pickle_is_damage_or_a_value(protocol):
    value = {"scalar": np.float64(1.5), "array": np.arange(3), "text": ["a", b"b", 3, 4.5, (True, None)], 7: {1, 2}}
    data = pickle.dumps(value, protocol)
    for position in range(len(data)):
        flips = (data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :] for bit in range(8))
        for damaged in (data[:position], *flips):
            with suppress(CorruptData), reading(Path("small.p")):
                restricted_loads(damaged)


@given(st.binary())
def test_arbitrary_bytes_are_damage_or_a_value(data):
    with suppress(CorruptData), reading(Path("any.p")):
        restricted_loads(data)


OPCODES = [opcode.code.encode("latin1") for opcode in pickletools.opcodes]


@given(st.lists(st.sampled_from(OPCODES) | st.binary(max_size=5) | st.sampled_from([b"\n", b"f8", b"0\n"])))
def test_arbitrary_opcodes_are_damage_or_a_value(pieces):
    with suppress(CorruptData), reading(Path("any.p")):
        restricted_loads(RECONSTRUCT + F8 + b"".join(pieces) + b".")
