"""The leaderboard as a pure function of records: the files of a folder."""

from __future__ import annotations

import csv
import io
import json
import sys
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.leaderboard.build import build, differences, write, write_local
from proxybench.leaderboard.page import html as page
from proxybench.leaderboard.ranks.scores import write_scores
from proxybench.records import Record, read_records, write_records


@pytest.fixture
def records(record) -> list[Record]:
    return [
        record("synflow", 0.5, attempted=4.0),
        record("nwot", 0.75, cost={"seconds_per_architecture": 0.25}),
        record("epe_nas", 0.9, attempted=3.0),
        record("fisher", None, attempted=0.0, outcome="unsupported"),
        record("gbdt", 0.6, kind="predictor", n_train=2, attempted=2.0),
        record("gbdt", 0.8, kind="predictor", n_train=2, repeat=1, attempted=2.0, cost={"fit_s": 1.5}),
    ]


def rows(folder: Path, name: str = "tiny.csv") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(build(folder)[name].decode())))


def test_a_task_is_ranked_by_pool(tmp_path: Path, records) -> None:
    write_records(tmp_path / "runs/a.jsonl", records)
    found = [(row["pool"], row["rank"], row["method"], row["complete"], row["kendall_tau_b"]) for row in rows(tmp_path)]
    assert found == [
        ("training-free", "1", "epe_nas", "no", "0.9000"),
        ("training-free", "1", "nwot", "yes", "0.7500"),
        ("training-free", "2", "synflow", "yes", "0.5000"),
        ("training-free", "", "fisher", "no", ""),
        ("predictor, n_train 2", "1", "gbdt", "yes", "0.7000"),
    ]


def test_repeats_and_costs_are_next_to_quality(tmp_path: Path, records) -> None:
    # sd of .6 and .8 is .1414, quantile of t with one degree of freedom 12.706: .7 +- 12.706 x .1414 / sqrt 2, cut at 1
    write_records(tmp_path / "runs/a.jsonl", records)
    _, nwot, *_, gbdt = rows(tmp_path)
    assert nwot["seconds_per_architecture"] == "0.25"
    assert (nwot["trained_on"], nwot["repeats"], nwot["kendall_tau_b_sd"]) == ("0", "1", "")
    assert (gbdt["trained_on"], gbdt["repeats"], gbdt["repeats_due"], gbdt["fit_s"]) == ("2", "2", "2", "1.5")
    assert gbdt["kendall_tau_b_sd"] == "0.1414"
    assert (gbdt["kendall_tau_b_low_over_splits"], gbdt["kendall_tau_b_high_over_splits"]) == ("-0.5706", "1.0000")
    assert gbdt["kendall_tau_b_low_over_architectures"] == ""


def test_the_interval_of_a_single_record_is_under_architectures(tmp_path: Path, record) -> None:
    write_records(tmp_path / "runs/a.jsonl", [record("nwot", 0.6, intervals={"kendall": (0.55, 0.65)})])
    (nwot,) = rows(tmp_path)
    ends = (f"kendall_tau_b_{end}_over_{over}" for over in ("architectures", "splits") for end in ("low", "high"))
    assert [nwot[end] for end in ends] == ["0.5500", "0.6500", "", ""]


def test_population_split_and_target_are_in_every_row(tmp_path: Path, records) -> None:
    write_records(tmp_path / "runs/a.jsonl", records)
    for row in rows(tmp_path):
        assert row["population"] == "four cells"
        assert row["split"] == "whole population"
        assert row["target"] == "val_acc, 200 epochs, seed mean"
        assert row["population_size"] == "4"


def test_each_task_suite_and_the_whole_have_a_file(tmp_path: Path, record) -> None:
    write_records(tmp_path / "runs/quick.jsonl", [record("nwot", 0.5, "one"), record("zen", 0.4, "one")])
    write_records(tmp_path / "runs/slow.jsonl", [record("nwot", 0.3, "two"), record("zen", 0.6, "two")])
    files = build(tmp_path)
    assert set(files) == {
        "one.csv",
        "two.csv",
        "suite-quick.csv",
        "suite-slow.csv",
        "leaderboard.csv",
        "index.html",
        "page/000-nasbench201.js",
        "page/lines.js",
        "MANIFEST.json",
    }
    places = [(row["scope"], row["method"], row["place"]) for row in rows(tmp_path, "suite-quick.csv")]
    assert places == [("suite quick", "nwot", "1"), ("suite quick", "zen", "2")]
    everything = [
        (row["scope"], row["method"], row["place"], row["average_rank"]) for row in rows(tmp_path, "leaderboard.csv")
    ]
    assert everything[:2] == [("all tasks", "nwot", "1.5", "1.500"), ("all tasks", "zen", "1.5", "1.500")]


def test_the_same_records_give_the_same_bytes_in_any_order(tmp_path: Path, records) -> None:
    for name, order in (("one", records), ("two", records[3:] + records[:3])):
        (tmp_path / name / "runs").mkdir(parents=True)
        lines = [msgspec.json.encode(record) + b"\n" for record in order]
        (tmp_path / name / "runs/a.jsonl").write_bytes(b"".join(lines))
    assert build(tmp_path / "one") == build(tmp_path / "two")


def test_check_finds_a_changed_a_missing_and_a_stale_file(tmp_path: Path, records) -> None:
    write_records(tmp_path / "runs/a.jsonl", records)
    write(tmp_path)
    assert differences(tmp_path) == []
    (tmp_path / "tiny.csv").write_text("rank,method\n1,mine\n")
    (tmp_path / "own.csv").write_text("of the user\n")
    (tmp_path / "gone.csv").write_text("x\n")
    manifest = (tmp_path / "MANIFEST.json").read_text().replace('"files": {', '"files": {\n  "gone.csv": "",')
    (tmp_path / "MANIFEST.json").write_text(manifest)
    (tmp_path / "index.html").write_text("the page is not compared")
    assert differences(tmp_path) == ["MANIFEST.json", "gone.csv", "tiny.csv"]
    write(tmp_path)
    assert differences(tmp_path) == []
    assert not (tmp_path / "gone.csv").exists()
    assert (tmp_path / "own.csv").exists()


def test_without_the_extra_the_tables_are_built_and_a_line_names_it(tmp_path: Path, records, monkeypatch) -> None:
    write_records(tmp_path / "runs/a.jsonl", records)
    write(tmp_path)
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    assert "run: pip install 'nas-proxybench[report]'" in page.missing_extra()
    assert sorted(build(tmp_path)) == ["MANIFEST.json", "leaderboard.csv", "suite-a.csv", "tiny.csv"]
    assert differences(tmp_path) == []
    with pytest.raises(DataNotAvailable, match="report"):
        write_local(tmp_path)


def test_the_manifest_has_the_digest_of_every_table(tmp_path: Path, records) -> None:
    write_records(tmp_path / "runs/a.jsonl", records)
    files = build(tmp_path)
    manifest = json.loads(files["MANIFEST.json"])
    assert manifest["records"] == 6
    assert manifest["tables"] == {"nasbench201": ["0" * 32]}
    assert manifest["files"] == {name: sha256(files[name]).hexdigest() for name in files if name.endswith(".csv")}


def test_local_scores_are_on_the_local_page_and_not_on_the_other(tmp_path: Path, records) -> None:
    write_records(tmp_path / "runs/a.jsonl", records)
    write_scores(tmp_path / "local", "tiny", [1.0, 2.0, 3.0, 4.0], {"nwot": [0.125, 0.25, 0.5, 0.375]})
    write(tmp_path)
    local = write_local(tmp_path)
    assert local == [tmp_path / "local" / name for name in ("index.html", "page/000-nasbench201.js", "page/lines.js")]
    assert b"[0.125,0.25,0.5,0.375]" in local[1].read_bytes()
    assert b"[0.125,0.25,0.5,0.375]" not in (tmp_path / "page/000-nasbench201.js").read_bytes()
    assert differences(tmp_path) == []


def test_scores_on_tables_of_our_own_trainings_are_on_both_pages(tmp_path: Path, record, task) -> None:
    write_records(tmp_path / "runs/a.jsonl", [record("nwot", 0.5, task("own", "trained-nasbench201"))])
    write_scores(tmp_path / "local", "own", [1.0, 2.0, 3.0, 4.0], {"nwot": [0.125, 0.25, 0.5, 0.375]})
    assert b"[0.125,0.25,0.5,0.375]" in build(tmp_path)["page/000-trained-nasbench201.js"]


def test_a_cell_with_two_outcomes_is_refused_and_the_same_one_twice_is_one(tmp_path: Path, records) -> None:
    for name in ("a", "b"):
        write_records(tmp_path / f"runs/{name}.jsonl", records[:1])
    assert json.loads(build(tmp_path)["MANIFEST.json"])["records"] == 1
    other = msgspec.structs.replace(records[0], metrics={**records[0].metrics, "kendall": 0.123})
    write_records(tmp_path / "runs/b.jsonl", [other])
    with pytest.raises(CorruptData, match=r"'tiny', 'synflow'.*recorded twice"):
        build(tmp_path)


@pytest.mark.parametrize("name", ["../tiny", "a/b", "leaderboard", "suite-x", ".hidden", "", 'a"b', "a" * 200])
def test_a_task_that_no_file_may_be_named_after_is_refused(tmp_path: Path, record, name: str) -> None:
    write_records(tmp_path / "runs/a.jsonl", [record("nwot", 0.5, name)])
    with pytest.raises(CorruptData, match="no file can be named after"):
        build(tmp_path)


def test_a_torn_record_is_named_by_file_and_line(tmp_path: Path, records) -> None:
    path = tmp_path / "runs/a.jsonl"
    write_records(path, records)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptData, match=r"a\.jsonl:6 is not a record"):
        read_records([path])


def test_no_records_say_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(DataNotAvailable, match="proxybench run"):
        build(tmp_path)
