"""Tables that grow: what was there before stays as it was, under its own recipe."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

import proxybench as pb
from proxybench.errors import CorruptData
from proxybench.evaluation.tasks import load_tasks
from proxybench.records import read_records
from proxybench.resources import data_path
from proxybench.tables.build import build_table, recipe
from proxybench.tables.editions import Needed
from proxybench.tables.sources.registry import Addition, BenchmarkEntry, SourceFile, Use, load_registry, parse_registry
from proxybench.tables.store.cards import with_checks
from proxybench.tables.store.places import read_info
from proxybench.tables.store.pointer import encode_pointer
from proxybench.tables.store.stored import StoredTable

FIRST = "[(('none', 0),), (('none', 0), ('none', 1)), (('none', 0), ('none', 1), ('nor_conv_3x3', 2))]"
SECOND = FIRST.replace("nor_conv_3x3", "avg_pool_3x3")


def use(file: str, name: str) -> Use:
    return Use("few_shot:read", (file,), {"name": name})


def build(folder: Path, contents: dict[str, dict[str, float]], entry: BenchmarkEntry) -> StoredTable:
    files, paths = {}, {}
    for name, content in contents.items():
        paths[name] = folder / name
        paths[name].write_text(json.dumps(content))
        files[name] = SourceFile((), name, hashlib.sha256(name.encode()).hexdigest(), 1, "none stated")
    return build_table("grown", entry, files, paths)


def grown(*additions: Addition) -> BenchmarkEntry:
    texts = {"title": "t", "population": "p", "citation": "c.", "datasets": "d", "caveats": ("Old.", "Kept.")}
    return BenchmarkEntry(space="nasbench201", sources=(use("a", "x"),), additions=additions, **texts)


def test_an_earlier_edition_has_its_rows_columns_and_recipe(cache: Path, tmp_path: Path) -> None:
    entry = grown(Addition((use("b", "y"),), title="new", citation="e.", caveats=("New.",), withdrawn=("Old",)))
    table = build(tmp_path, {"a": {FIRST: 1.0}, "b": {SECOND: 3.0, FIRST: 2.0}}, entry)
    bench = pb.load("grown")
    early = bench.edition_with([Needed("cifar10", "oneshot:x")])
    assert (len(bench), len(early)) == (2, 1)
    assert (bench.metrics(), early.metrics()) == (["oneshot:x", "oneshot:y"], ["oneshot:x"])
    assert list(early.archs) == list(bench.archs)[:1]
    assert list(early.digests) == list(bench.digests)[:1]
    assert early.values("oneshot:x").tolist() == [1.0]
    np.testing.assert_array_equal(bench.values("oneshot:x"), [1.0, np.nan])
    files = {"a": SourceFile((), "a", hashlib.sha256(b"a").hexdigest(), 1, "none stated")}
    assert early.recipe == recipe(grown(), files) != bench.recipe == table.info.recipe
    assert bench.edition_with([Needed("cifar10", "oneshot:y")]) is bench
    assert bench.edition_with([Needed("cifar10", "oneshot:z")]) is bench
    assert early.edition_with([Needed("cifar10", "oneshot:y")]) is early
    assert "# grown: new" in bench.card
    assert "Citation: c. e." in bench.card
    assert ["Old." in bench.card, "Kept." in bench.card, "New." in bench.card] == [False, True, True]


def test_an_addition_cannot_change_what_an_earlier_edition_has(cache: Path, tmp_path: Path) -> None:
    files = {"a": {FIRST: 1.0, SECOND: 2.0}, "b": {FIRST: 3.0}, "c": {SECOND: 4.0}}
    entry = grown(Addition((use("b", "y"),)), Addition((use("c", "y"),)))
    with pytest.raises(CorruptData, match="an addition changes oneshot:y on cifar10"):
        build(tmp_path, files, entry)


def test_a_pointer_without_earlier_editions_has_the_checksum_it_always_had(cache: Path, tmp_path: Path) -> None:
    info = build(tmp_path, {"a": {FIRST: 1.0}}, grown()).info
    written = json.loads(encode_pointer(info))
    content = msgspec.to_builtins(msgspec.structs.replace(info, checksum=""))
    assert content.pop("earlier") == ()
    signed = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    assert written["checksum"] == hashlib.blake2b(signed, digest_size=16).hexdigest()
    pointer = cache / "tables" / "grown.json"
    del written["earlier"]  # as earlier versions wrote it
    pointer.write_text(json.dumps(written))
    assert read_info("grown") == msgspec.structs.replace(info, checksum=written["checksum"])


def test_checks_are_shown_with_the_card_and_change_no_recipe(cache: Path, tmp_path: Path) -> None:
    entry = grown(Addition((use("b", "y"),)))
    checked = msgspec.structs.replace(entry, checks=("Both agree.",))
    contents = {"a": {FIRST: 1.0}, "b": {FIRST: 2.0}}
    plain = build(tmp_path, contents, entry)
    card = plain.card
    table = build(tmp_path, contents, checked)
    assert plain.info.recipe == table.info.recipe
    assert [edition.recipe for edition in plain.info.earlier] == [edition.recipe for edition in table.info.earlier]
    assert table.card == card
    assert with_checks(card, entry) == card
    assert with_checks(card, checked) == f"{card}\n## Checks\n\n- Both agree.\n"


def test_a_withdrawn_caveat_must_exist() -> None:
    text = Path(str(data_path("registry.toml"))).read_text(encoding="utf-8")
    assert text.count('withdrawn = ["There is no test accuracy') == 1
    with pytest.raises(CorruptData, match="benchmark 'nasbench101': no earlier caveat starts with the withdrawn 'Xx"):
        parse_registry(text.replace('withdrawn = ["There', 'withdrawn = ["Xx'), "registry.toml")


def test_recorded_tasks_are_what_they_were(real_tables: Path) -> None:
    grown = {name for name, entry in load_registry().benchmarks.items() if entry.additions}
    runs = sorted((Path(__file__).parents[2] / "leaderboard" / "runs").glob("*.jsonl"))
    recorded = {record.task.name: record.task for record in read_records(runs)}
    checked = {name for name, task in recorded.items() if task.benchmark in grown and name in load_tasks()}
    assert len(checked) >= 20
    for name in checked:
        assert load_tasks()[name].identity(pb.load(recorded[name].benchmark)) == recorded[name]


def test_searches_and_their_columns_are_what_they_were(real_tables: Path) -> None:
    from proxybench.search.experiments.experiment import ProblemSetting, TableSearch

    search = TableSearch(ProblemSetting("nasbench101", "cifar10", "val_acc@108"))
    assert (len(search.problem), search.task.table) == (30_001, "8eae729f5c143b27e6b74c35fc1f9f68")
    assert search.report is None
    search = TableSearch(ProblemSetting("nasbench201", "cifar10", "val_acc@200", "test_acc@200"))
    assert search.task.table == "9bae9f2b88b4a0a35652c5f66d34fd7d"
    whole = TableSearch(ProblemSetting("nasbench101", "cifar10", "test_acc@108"))
    assert len(whole.problem) == 423_624
