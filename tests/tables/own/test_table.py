"""Own tables: from a frame or a file to a benchmark like all others."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import proxybench as pb
from proxybench.errors import CorruptData, DataNotAvailable, InvalidTable, UnknownName
from proxybench.tables.fetch import verify
from proxybench.tables.own.assembly import Reading
from proxybench.tables.own.table import import_own

SPACE = "nasbench201"
TARGETS = ["val_acc@108", "test_acc@108"]


def make(frame: pd.DataFrame, **changed):
    arguments = {"arch": "arch", "seed": "seed", "space": SPACE, "targets": TARGETS, "name": "mine"} | changed
    return pb.table(frame, **{name: value for name, value in arguments.items() if value is not None})


def test_a_frame_becomes_a_benchmark_that_load_finds(frame) -> None:
    bench = make(frame, columns=["params"])
    again = pb.load("mine")
    assert len(again) == 40
    assert again.space is pb.get_space(SPACE)
    assert again.epochs("val_acc") == [108]
    assert again.seeds("val_acc") == ["0", "1"]
    first = frame[frame.arch == frame.arch[0]]
    assert again.query(frame.arch[0], metric="test_acc", seed="mean") == pytest.approx(first.test_acc.mean())
    assert again.query(frame.arch[0], metric="params") == first.params.iloc[0]
    assert bench.recipe == again.recipe
    assert pb.list_benchmarks()["mine"].own
    assert not pb.list_benchmarks()["trained-nasbench201"].own


def test_csv_parquet_and_frame_of_the_same_rows_are_the_same_table(frame, tmp_path: Path) -> None:
    how = Reading(TARGETS, arch="arch", space=SPACE, seed="seed")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet", index=False)
    tables = [
        make(frame),
        import_own("csv", tmp_path / "rows.csv", how, "from-csv"),
        import_own("parquet", tmp_path / "rows.parquet", how, "from-parquet"),
    ]
    assert len({one.recipe for one in tables}) == 1
    assert "rows.csv" in tables[1].card
    assert "the user's own results" in tables[1].card


def test_the_same_content_is_kept_and_other_content_needs_replace(frame) -> None:
    before = make(frame)
    assert make(frame).recipe == before.recipe
    changed = frame.assign(val_acc=frame.val_acc + 1)
    with pytest.raises(InvalidTable, match=r"table mine with other content.*--replace"):
        make(changed)
    assert pb.load("mine").recipe == before.recipe
    assert make(changed, replace=True).recipe != before.recipe
    assert pb.load("mine").values("val_acc", seed="0")[0] == frame.val_acc[0] + 1


def test_a_frame_without_a_name_is_named_after_its_content(frame) -> None:
    one, other = make(frame, name=None), make(frame.assign(val_acc=50.0), name=None)
    assert one.name == f"frame-{one.recipe[:12]}"
    assert one.name != other.name
    assert pb.load(one.name).archs == one.archs


@pytest.mark.parametrize("name", ["nasbench201", "trained-nasbench201", "nats-tss", "nds-mine"])
def test_the_name_of_a_published_benchmark_is_refused(frame, name: str) -> None:
    with pytest.raises(InvalidTable, match="published benchmark"):
        make(frame, name=name)


@pytest.mark.parametrize("name", ["", "../mine", "a/b", ".hidden", "-x", "x" * 61, "mine\n"])
def test_a_name_is_a_plain_word(frame, name: str) -> None:
    with pytest.raises(InvalidTable, match="cannot name a table"):
        make(frame, name=name)


def test_only_own_tables_can_be_removed(frame, own_cache: Path) -> None:
    make(frame)
    pb.remove_table("mine")
    assert "mine" not in pb.list_benchmarks()
    assert [path.name for path in (own_cache / "own").iterdir() if path.suffix != ".lock"] == []
    with pytest.raises(InvalidTable, match="not a table of your own"):
        pb.remove_table("nasbench201")
    with pytest.raises(UnknownName, match="unknown table"):
        pb.remove_table("mine")


def test_a_damaged_table_says_what_to_do_and_can_be_imported_again(frame, own_cache: Path) -> None:
    make(frame)
    (values,) = (own_cache / "own").glob("*/values.parquet")
    values.write_bytes(values.read_bytes()[:-7])
    with pytest.raises(CorruptData, match="proxybench remove mine"):
        pb.load("mine").values("val_acc")
    assert [one.state for one in verify() if one.name == "mine" and "--replace" in one.state]
    (own_cache / "own" / "mine.json").write_text("{")
    assert make(frame).values("val_acc")[0] == pytest.approx(frame.val_acc[[0, 40]].mean())


def test_missing_and_failed_trainings_are_counted_and_not_filled_in(frame) -> None:
    values = frame.val_acc.astype(object)
    values[0], values[1] = None, math.nan
    bench = make(frame.assign(val_acc=values))
    assert not bench.measured("val_acc", seed="0")[0]
    assert bench.measured("val_acc", seed="0")[1]
    assert math.isnan(bench.values("val_acc", seed="0")[1])
    assert bench.values("val_acc")[0] == frame.val_acc[40]
    assert math.isnan(bench.values("val_acc")[1])
    assert "39 with 2, 1 with 1" in bench.card
    assert "Failed trainings (NaN): 1." in bench.card
    assert "left out of rankings, since they were not measured or a training failed: 1 of 40" in bench.card


def test_the_card_says_how_well_seeds_agree_and_how_many_values_are_tied() -> None:
    frame = pd.DataFrame(
        {"lr": [1, 2, 3, 1, 2, 3], "seed": [0, 0, 0, 1, 1, 1], "val_acc": [10.0, 20.0, 30.0, 10.0, 30.0, 20.0]}
    )
    card = pb.table(frame, configs=["lr"], seed="seed", targets="val_acc").card
    assert "2 seeds; Kendall's tau between two of them is 0.333 on average (n = 3)" in card
    assert "2 different values among 3; 33.33% of the pairs are tied" in card
    assert f"the standard deviation over seeds {2 * math.sqrt(50) / 3:.4g} on average" in card


def test_isomorphic_architectures_keep_their_own_results() -> None:
    graph = json.dumps({"ops": ["in", "a", "b", "out"], "edges": [[0, 1], [0, 2], [1, 3], [2, 3]]})
    twin = json.dumps({"ops": ["in", "b", "a", "out"], "edges": [[0, 1], [0, 2], [1, 3], [2, 3]]})
    bench = pb.table(pd.DataFrame({"g": [graph, twin], "val_acc": [50.0, 60.0]}), graphs="g", targets="val_acc")
    assert len(set(bench.digests)) == 1
    assert bench.query(twin, metric="val_acc") == 60.0
    assert "2 of 2 architectures are isomorphic to another one" in bench.card


def test_units_are_inferred_stated_and_checked() -> None:
    def made(values, **named):
        return pb.table(
            pd.DataFrame({"x": range(len(values)), "val_acc": values}), configs=["x"], targets="val_acc", **named
        )

    fractions = made([0.1, 0.9])
    assert fractions.values("val_acc").tolist() == [10.0, 90.0]
    assert "read as fractions, since none is above 1, stored in percent" in fractions.card
    assert made([0.0, 90.0]).values("val_acc").tolist() == [0.0, 90.0]
    assert made([0.5, 0.9], unit="percent").values("val_acc").tolist() == [0.5, 0.9]
    with pytest.raises(InvalidTable, match=r"row 2, column 'val_acc' has 91.*row 1, column 'val_acc' has 0.9"):
        made([0.9, 91.0])
    assert made([0.9, 91.0], unit="percent").values("val_acc").tolist() == [0.9, 91.0]
    with pytest.raises(InvalidTable, match="row 2, column 'val_acc': 101 is not an accuracy as a percent"):
        made([50.0, 101.0])
    with pytest.raises(InvalidTable, match=r"row 1, column 'val_acc': -0\.1 is not an accuracy as a fraction"):
        made([-0.1, 0.5])


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({"arch": ["|nonsense|"] + ["x"] * 79}, {}, r"row 1, column 'arch': .*not a nasbench201 architecture"),
        ({"arch": None}, {}, "row 1, column 'arch': is missing"),
        ({"val_acc": ["good"] * 80}, {}, "row 1, column 'val_acc': 'good' is not a number"),
        ({"val_acc": ["92,1"] * 80}, {}, "row 1, column 'val_acc': '92,1' is not a number"),
        ({"val_acc": [True] * 80}, {}, "row 1, column 'val_acc': True is a truth value"),
        ({"val_acc": None, "test_acc": None}, {}, "no target has a finite value"),
        ({"seed": 0}, {}, r"rows 1 and 41 have the same architecture and seed 0 .*remove one of them"),
        ({}, {"seed": None}, "rows 1 and 41 have the same architecture .*name the column of seeds"),
        ({"seed": [0.5] * 80}, {}, "row 1, column 'seed': 0.5 is not a seed, a whole number"),
        ({"params": range(80)}, {"columns": ["params"]}, "row 1, column 'params': 0 differs from another row"),
        ({}, {"targets": []}, "name at least one column of results"),
        ({}, {"targets": ["val_acc=params"]}, "params is known without training, so it is not a target"),
        ({}, {"targets": ["val_acc=accuracy"]}, "Say which metric a column is: val_acc=test_acc@EPOCHS"),
        ({}, {"targets": ["val_acc", "test_acc=val_acc"]}, "columns 'val_acc' and 'test_acc' are both val_acc"),
        ({}, {"targets": ["val_acc@0"]}, "at least one epoch"),
        ({}, {"columns": ["test_acc"]}, "measured by training, so it is a target"),
        ({}, {"columns": ["params=synflow@proxybench"]}, "'synflow@proxybench' cannot name a proxy"),
        ({}, {"dataset": "a/b"}, "'a/b' cannot name a data set"),
        ({}, {"space": None}, "need their search space"),
        ({}, {"graphs": "arch"}, "in one way"),
        ({}, {"arch": None}, "in one way"),
        ({}, {"space": "graphs"}, "not a search space"),
    ],
)
def test_wrong_input_is_answered_with_row_and_column(frame, change, arguments, message: str) -> None:
    with pytest.raises(InvalidTable, match=message):
        make(frame.assign(**change), **arguments)
    assert "mine" not in pb.list_benchmarks()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"arch": "arhc"}, "Did you mean 'arch'"),
        ({"targets": ["val_ac"]}, "Did you mean 'val_acc'"),
        ({"seed": "sed"}, "Did you mean 'seed'"),
        ({"columns": ["parms"]}, "Did you mean 'params'"),
        ({"space": "nasbench20"}, "Did you mean 'nasbench201'"),
        ({"unit": "percents"}, "Did you mean 'percent'"),
    ],
)
def test_a_wrong_name_gets_a_suggestion(frame, arguments, hint: str) -> None:
    with pytest.raises(UnknownName, match=hint):
        make(frame, **arguments)


def test_something_else_than_a_frame_is_refused(frame) -> None:
    with pytest.raises(InvalidTable, match="not a dict"):
        make({"arch": []})
    with pytest.raises(InvalidTable, match="has no rows"):
        make(frame.iloc[:0])
    with pytest.raises(InvalidTable, match="two columns with the same name"):
        make(pd.concat([frame, frame[["arch"]]], axis=1))


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", CorruptData, "is empty"),
        (b"arch,val_acc\n", InvalidTable, "has no rows"),
        (b"arch;val_acc\nx;1\n", InvalidTable, "not separated by commas"),
        (b"arch,val_acc\nx\n", CorruptData, "line 2 has 1 fields instead of 2"),
        (b"arch,val_acc\nx\0,1\n", CorruptData, "NUL"),
        (b"arch,val_acc\n\xff\xfe,1\n", CorruptData, "damaged"),
        (b"arch,arch\nx,1\n", CorruptData, "twice"),
    ],
)
def test_damaged_csv_is_refused(tmp_path: Path, content: bytes, error, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(error, match=message):
        import_own("csv", path, Reading(["val_acc"], arch="arch", space=SPACE), "mine")


def test_damaged_or_missing_files_are_refused(frame, tmp_path: Path) -> None:
    path, how = tmp_path / "rows.parquet", Reading(TARGETS, arch="arch", space=SPACE, seed="seed")
    with pytest.raises(DataNotAvailable, match="does not exist"):
        import_own("parquet", path, how, "mine")
    frame.to_parquet(path)
    whole = path.read_bytes()
    for damaged in (whole[:-20], whole[: len(whole) // 2], b"PAR1" + bytes(40), b"arch,val_acc\n"):
        path.write_bytes(damaged)
        with pytest.raises(CorruptData):
            import_own("parquet", path, how, "mine")
    path.unlink()
    path.mkdir()
    with pytest.raises(CorruptData, match="regular"):
        import_own("parquet", path, how, "mine")


def test_a_parquet_column_of_another_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"x": [1, 2], "val_acc": pd.to_datetime(["2026-01-01", "2026-01-02"])}).to_parquet(path)
    with pytest.raises(InvalidTable, match="column 'val_acc' holds timestamp"):
        import_own("parquet", path, Reading(["val_acc"], configs=["x"]), "mine")


def test_too_many_rows_are_refused(frame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxybench.tables.own.rows.MAX_ROWS", 79)
    with pytest.raises(InvalidTable, match="80 rows and 5 columns; the limits are 79"):
        make(frame)


def test_several_data_sets_have_their_own_blocks(frame) -> None:
    bench = make(frame, targets=["val_acc=one/val_acc@3", "test_acc=two/val_acc@3"])
    assert bench.datasets == ["one", "two"]
    assert np.array_equal(bench.values("val_acc", dataset="two", seed="0"), frame.test_acc[:40])
