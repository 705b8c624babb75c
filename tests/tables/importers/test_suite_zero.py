"""NAS-Bench-Suite-Zero: NASLib tuples, the merged JSON files and the per-proxy archives."""

from __future__ import annotations

import itertools
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxybench.errors import CorruptData, InvalidArchitecture, UnknownName
from proxybench.spaces import get_space
from proxybench.tables.benchmark import load
from proxybench.tables.importers import naslib_codes, suite_zero_json, suite_zero_zip
from proxybench.tables.importers.naslib_codes import parse_tuple
from proxybench.tables.importers.suite_zero import BENCHMARKS
from proxybench.tables.sources.registry import load_registry

nb101, nb201 = get_space("nasbench101"), get_space("nasbench201")
CELL = "(4, 0, 3, 1, 4, 3)"
CELL_TEXT = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"


def source(mirror: Path, name: str) -> Path:
    return mirror / load_registry().files[name].path


def write_json(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def write_zip(path: Path, members: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, document in members.items():
            archive.writestr(name, json.dumps(document))
    return path


def by_key(table: Any) -> dict[tuple[str, str, int], dict[str, Any]]:
    return {(row["arch"], row["dataset"], row["epochs"]): row for row in table.to_pylist()}


def test_nasbench101_tuple() -> None:
    # matrix 3 x 3 row by row, then input, conv3x3, output
    assert naslib_codes.nasbench101_text((0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 4, 1)) == (
        "010001000:input,conv3x3-bn-relu,output"
    )


def test_nasbench201_tuple_is_ordered_by_source_and_the_text_by_target() -> None:
    # (0,1) avg_pool, (0,2) skip, (0,3) conv1x1, (1,2) none, (1,3) avg_pool, (2,3) conv1x1
    assert naslib_codes.nasbench201_text((4, 0, 3, 1, 4, 3)) == CELL_TEXT


def test_transnas_tuples() -> None:
    assert naslib_codes.transnas_micro_text((1, 3, 0, 3, 2, 1)) == "64-41414-1_30_321"
    assert naslib_codes.transnas_macro_text((1, 2, 3, 4)) == "64-1234-basic"
    assert naslib_codes.transnas_macro_text((1, 2, 3, 4, 0, 0)) == "64-1234-basic"


def test_darts_tuple() -> None:
    code = parse_tuple(
        "(((0, 5), (1, 3), (0, 4), (2, 3), (0, 6), (1, 2), (1, 0), (4, 5)), "
        "((0, 2), (1, 0), (0, 3), (1, 1), (0, 0), (2, 4), (0, 0), (1, 1)))"
    )
    text = naslib_codes.darts_text(code)
    assert text.startswith("Genotype(normal=[('dil_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_5x5', 0), ")
    assert text.endswith("('avg_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])")
    assert get_space("darts").parse(text).space == "darts"


@given(st.text(max_size=60) | st.text(alphabet="()0123456789, ", max_size=60))
def test_any_text_is_a_tuple_or_refused(text: str) -> None:
    for benchmark in BENCHMARKS.values():
        try:
            name = benchmark.text(parse_tuple(text))
        except InvalidArchitecture:
            continue
        assert isinstance(name, str)


@pytest.mark.parametrize(
    "code", ["(1, 2)", "(9, 0, 0, 0, 0, 0)", "(1, 2, 3, 4, 5", "__import__('os')", "()", "((((((", "(" * 1999, "1"]
)
def test_malformed_tuples_are_refused(code: str) -> None:
    for benchmark in BENCHMARKS.values():
        with pytest.raises(InvalidArchitecture):
            benchmark.text(parse_tuple(code))


def test_json_values_have_our_units(tmp_path: Path) -> None:
    values = {
        "params": 0.87,
        "flops": {"score": 11.223344, "time": 0.1},
        "synflow": {"score": 3.5, "time": 0.25},
        "snip": 7,
        "val_accuracy": 88.5,
    }
    path = write_json(tmp_path / "zc.json", {"cifar10": {CELL: values}})
    rows = by_key(suite_zero_json.read([path], nb201, "nasbench201").values)
    untrained, trained = rows[CELL_TEXT, "cifar10", 0], rows[CELL_TEXT, "cifar10", 200]
    assert (untrained["params"], untrained["flops"]) == (870_000, 11_223_344)
    assert (untrained["proxy:synflow"], untrained["proxy_s:synflow"], untrained["proxy:snip"]) == (3.5, 0.25, 7)
    assert (untrained["seed"], untrained["val_acc"]) == ("", None)
    assert (trained["seed"], trained["val_acc"], trained["proxy:snip"]) == ("0", 88.5, None)


def test_the_name_of_the_benchmark_may_be_on_top(tmp_path: Path) -> None:
    path = write_json(tmp_path / "zc.json", {"nasbench201": {"cifar10": {CELL: {"snip": 1.0}}}})
    assert suite_zero_json.read([path], nb201, "nasbench201").values.num_rows == 1


def test_failures_are_nan_and_counted(tmp_path: Path) -> None:
    archs = {CELL: {"jacov": -1e8, "snip": 1.0}, "(0, 0, 0, 0, 0, 0)": {"jacov": math.inf, "snip": -1e8}}
    archs["(1, 0, 0, 0, 0, 0)"] = {"jacov": 2.0, "snip": 3.0}
    fragment = suite_zero_json.read([write_json(tmp_path / "zc.json", {"cifar10": archs})], nb201, "nasbench201")
    assert [math.isnan(score) for score in fragment.values.column("proxy:jacov").to_pylist()] == [True, True, False]
    assert fragment.notes == (
        "2 of 3 scores of jacov failed at the source and are NaN.",
        "1 of 3 scores of snip failed at the source and are NaN.",
    )


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"cifar10": []},
        {"cifar10": {CELL: 3}},
        {"svhn": {CELL: {"snip": 1.0}}},
        {"cifar10": {CELL: {"snip": "1"}}},
        {"cifar10": {CELL: {"snip": {"time": 1}}}},
        {"cifar10": {CELL: {"snip:@x": 1.0}}},
        {"cifar10": {CELL: {"val_accuracy": 101.0}}},
        {"cifar10": {CELL: {"val_accuracy": None}}},
        {"cifar10": {"(4, 0, 3)": {"snip": 1.0}}},
    ],
)
def test_documents_in_another_format_are_refused(tmp_path: Path, document: Any) -> None:
    with pytest.raises(CorruptData, match=r"zc\.json"):
        suite_zero_json.read([write_json(tmp_path / "zc.json", document)], nb201, "nasbench201")


def test_wrong_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="nasbench201"):
        suite_zero_json.read([], nb201, "nasbench202")
    with pytest.raises(ValueError, match="belong to the space nasbench101"):
        suite_zero_json.read([], nb201, "nasbench101")


def test_isomorphic_cells_are_one_architecture_without_a_size(tmp_path: Path) -> None:
    # two parallel vertices, numbered both ways: the second is the numbering that was trained
    other = "(0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 4, 1)"
    trained = "(0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 2, 1)"
    document = {"cifar10": {other: {"params": 1.0, "snip": 2.0}, trained: {"params": 3.0, "snip": 4.0}}}
    path = write_json(tmp_path / "zc.json", document)
    fragment = suite_zero_json.read([path], nb101, "nasbench101", repeats="first")
    assert fragment.values.column("arch").to_pylist() == [
        nb101.format(nb101.parse("0110000100010000:input,conv3x3-bn-relu,maxpool3x3,output"))
    ]
    assert fragment.values.column("proxy:snip").to_pylist() == [2.0]
    assert "params" not in fragment.values.column_names
    assert [note.split()[0] for note in fragment.notes] == ["1", "1"]
    with pytest.raises(CorruptData, match="proxy:snip"):
        suite_zero_json.read([path], nb101, "nasbench101")


def test_the_500_rows_of_nasbench101_are_292_cells(mirror: Path) -> None:
    paths = [source(mirror, "nbsz-nb101-500")]
    fragment = suite_zero_json.read(paths, nb101, "nasbench101", seed="draw", repeats="first")
    rows = by_key(fragment.values)
    assert len({arch for arch, _, _ in rows}) == 292
    assert len(rows) == 2 * 292
    assert fragment.notes[-1].startswith("208 entries")
    assert {row["seed"] for key, row in rows.items() if key[2] == 108} == {"draw"}
    with pytest.raises(CorruptData, match="elsewhere"):
        suite_zero_json.read(paths, nb101, "nasbench101")


def test_parameters_of_cells_numbered_as_trained_are_the_official_ones(mirror: Path) -> None:
    paths = [source(mirror, "nbsz-nb101-500")]
    table = suite_zero_json.read(paths, nb101, "nasbench101", seed="draw", repeats="first").values
    found = {row["arch"]: row["params"] for row in table.to_pylist() if row["params"] is not None}
    document = json.loads(source(mirror, "nbsz-nb101-500").read_bytes())["nasbench101"]["cifar10"]
    assert len(found) == 215
    official: dict[str, float] = {}
    for size in ("20k", "10k"):
        vis = json.loads(source(mirror, f"nasbench-vis-{size}").read_bytes())
        official |= zip(vis["key"], vis["trainable_parameters"], strict=True)
    shared = {arch: params for arch, params in found.items() if nb101.digest(nb101.parse(arch)) in official}
    assert len(shared) > 10
    assert all(official[nb101.digest(nb101.parse(arch))] == params for arch, params in shared.items())
    assert len(document) == 500


def test_the_10250_zen_cells_are_among_the_30001(mirror: Path, real_tables: Path) -> None:
    bench = load("nasbench101")
    keys = {
        key for size in ("20k", "10k") for key in json.loads(source(mirror, f"nasbench-vis-{size}").read_bytes())["key"]
    }
    digests = set(itertools.compress(bench.digests, bench.measured("proxy:zen", dataset="cifar10")))
    assert len(digests) == 10_250
    assert len(keys) == 30_001
    assert digests <= keys


def test_nasbench201_zen_covers_all_cells_and_best_validation_accuracies(mirror: Path) -> None:
    table = suite_zero_zip.read([source(mirror, "nbsz-nb201-zen")], nb201, "nasbench201").values.to_pandas()
    trained = table[table.epochs == 200]
    assert trained.groupby("dataset").size().to_dict() == dict.fromkeys(
        ("cifar10", "cifar100", "ImageNet16-120"), 15625
    )
    best = trained.groupby("dataset").val_acc.max().round(2).to_dict()
    assert best == {"cifar10": 91.57, "cifar100": 73.26, "ImageNet16-120": 47.33}


def test_transnas_tuples_are_in_the_order_of_the_published_string(mirror: Path) -> None:
    # without a path from input to output no cell learns: at most 17.5 %, while the best reach 54.9 %
    space = get_space("transnas101-micro")
    table = suite_zero_zip.read([source(mirror, "nbsz-all-zen")], space, "transbench101_micro").values.to_pandas()
    scene = table[(table.dataset == "class_scene") & (table.epochs == 25)]
    digits = scene.arch.str.extract(r"64-41414-(\d)_(\d)(\d)_(\d)(\d)(\d)").astype(int)
    to1, to2, over12, to3, over13, over23 = (digits[column] > 0 for column in range(6))
    connected = to3 | (to1 & over13) | (to2 & over23) | (to1 & over12 & over23)
    assert (~connected).sum() == 169
    assert scene.val_acc[(~connected).to_numpy()].max() < 17.5
    assert scene.val_acc.max() > 54.9


def test_each_transnas_task_has_its_own_metric(mirror: Path) -> None:
    space = get_space("transnas101-macro")
    table = suite_zero_zip.read([source(mirror, "nbsz-tnb101-macro-zen")], space, "transbench101_macro").values
    frame = table.to_pandas()
    counts = frame[frame.epochs > 0].groupby(["dataset", "epochs"])[["val_acc", "val_ssim", "val_neg_loss"]].count()
    assert {key: tuple(row) for key, row in zip(counts.index, counts.to_numpy().tolist(), strict=True)} == {
        ("autoencoder", 30): (0, 3256, 0),
        ("class_object", 25): (3256, 0, 0),
        ("class_scene", 25): (3256, 0, 0),
        ("jigsaw", 10): (3256, 0, 0),
        ("normal", 30): (0, 3256, 0),
        ("room_layout", 25): (0, 0, 3256),
        ("segmentsemantic", 30): (3256, 0, 0),
    }


def test_nasbench301_accuracies_are_the_surrogates(tmp_path: Path) -> None:
    cell = "((0, 5), (1, 3), (0, 4), (2, 3), (0, 6), (1, 2), (1, 0), (4, 5))"
    row = {"idx": "0", "arch": f"({cell}, {cell})", "nwot": {"score": 1.0, "time": 2.0}, "val_accuracy": 94.5}
    path = write_zip(tmp_path / "nwot.zip", {"nwot/benchmark--nasbench301--cifar10--0.json": [row]})
    (only,) = suite_zero_zip.read([path], get_space("darts"), "nasbench301").values.to_pylist()
    assert (only["epochs"], only["seed"], only["surrogate_acc"]) == (0, "", 94.5)
    assert "val_acc" not in only


def entry(score: float, seconds: float = 1.0, accuracy: float = 50.0) -> dict[str, Any]:
    return {"idx": "0", "arch": CELL, "zen": {"score": score, "time": seconds}, "val_accuracy": accuracy}


MEMBER = "zen/benchmark--nasbench201--cifar10--{}.json"


def test_members_of_other_benchmarks_are_passed_over(tmp_path: Path) -> None:
    members = {MEMBER.format(0): [entry(1.0)], "zen/benchmark--nasbench101--cifar10--0.json": [{"arch": "()"}]}
    assert suite_zero_zip.read([write_zip(tmp_path / "a.zip", members)], nb201, "nasbench201").values.num_rows == 2
    path = write_zip(tmp_path / "b.zip", {"zen/benchmark--nasbench301--cifar10--0.json": [{"arch": "()"}]})
    with pytest.raises(CorruptData, match="has nothing about the benchmark nasbench201"):
        suite_zero_zip.read([path], nb201, "nasbench201")


def test_an_architecture_may_be_listed_twice_if_the_values_agree(tmp_path: Path) -> None:
    same = write_zip(tmp_path / "same.zip", {MEMBER.format(0): [entry(1.0)], MEMBER.format(250): [entry(1.0)]})
    assert suite_zero_zip.read([same], nb201, "nasbench201").values.num_rows == 2
    other = write_zip(tmp_path / "other.zip", {MEMBER.format(0): [entry(1.0)], MEMBER.format(250): [entry(2.0)]})
    with pytest.raises(CorruptData, match=r"has proxy:zen 2\.0, elsewhere 1\.0"):
        suite_zero_zip.read([other], nb201, "nasbench201")


def test_archives_are_joined_and_must_agree_on_the_accuracy(tmp_path: Path) -> None:
    zen = write_zip(tmp_path / "zen.zip", {MEMBER.format(0): [entry(1.0)]})
    nwot = {"arch": CELL, "nwot": {"score": 3.0, "time": 1.0}, "val_accuracy": 50.0}
    path = write_zip(tmp_path / "nwot.zip", {MEMBER.format(0): [nwot]})
    row = by_key(suite_zero_zip.read([zen, path], nb201, "nasbench201").values)[CELL_TEXT, "cifar10", 0]
    assert (row["proxy:zen"], row["proxy:nwot"]) == (1.0, 3.0)
    path = write_zip(tmp_path / "nwot.zip", {MEMBER.format(0): [nwot | {"val_accuracy": 51.0}]})
    with pytest.raises(CorruptData, match="val_acc"):
        suite_zero_zip.read([zen, path], nb201, "nasbench201")


def test_the_first_value_is_taken_on_request(tmp_path: Path) -> None:
    paths = [write_zip(tmp_path / f"{number}.zip", {MEMBER.format(0): [entry(number)]}) for number in (1.0, 2.0)]
    fragment = suite_zero_zip.read(paths, nb201, "nasbench201", repeats="first")
    assert by_key(fragment.values)[CELL_TEXT, "cifar10", 0]["proxy:zen"] == 1.0
    assert fragment.notes == ("1 values differ from those of an earlier file, which stand.",)


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "whole.zip", {MEMBER.format(0): [entry(1.0)]}).read_bytes()
    flipped = bytearray(whole)
    flipped[70] ^= 8
    for name, data in (("short", whole[:-30]), ("flipped", bytes(flipped)), ("text", b"hello")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(CorruptData, match=name):
            suite_zero_zip.read([tmp_path / name], nb201, "nasbench201")


@pytest.mark.parametrize("member", ["zen/results.json", "benchmark--nasbench201--cifar10.json"])
def test_members_with_other_names_are_refused(tmp_path: Path, member: str) -> None:
    with pytest.raises(CorruptData, match="the name of member"):
        suite_zero_zip.read([write_zip(tmp_path / "a.zip", {member: []})], nb201, "nasbench201")
