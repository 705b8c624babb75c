"""Own tables whose architectures are configurations: every field becomes a column of numbers."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import proxybench as pb
from predictors import make
from predictors.errors import MissingInput
from proxybench.errors import InvalidTable
from proxybench.tables.own.assembly import Reading
from proxybench.tables.own.features import MAX_CATEGORIES
from proxybench.tables.own.table import import_own

FRAME = pd.DataFrame(
    {
        "lr": [0.1, 0.01, 0.1, 0.3],
        "depth": [3, 4, 5, 6],
        "norm": [True, False, True, False],
        "opt": ["adam", "sgd", "adam", "lion"],
        "acc": [10.0, 20.0, 30.0, 40.0],
    }
)
CONFIGS = [{"lr": row.lr, "depth": row.depth, "norm": row.norm, "opt": row.opt} for row in FRAME.itertuples()]


def test_fields_become_columns() -> None:
    bench = pb.table(FRAME, configs=True, targets="acc=val_acc@3")
    columns = bench.batch().columns
    assert sorted(columns) == [
        *("config:depth", "config:lr", "config:norm", "config:opt=adam", "config:opt=lion", "config:opt=sgd")
    ]
    assert columns["config:depth"].tolist() == [3, 4, 5, 6]
    assert columns["config:norm"].tolist() == [1, 0, 1, 0]
    assert columns["config:opt=adam"].tolist() == [1, 0, 1, 0]
    assert bench.query('{"lr": 0.01, "depth": 4.0, "norm": false, "opt": "sgd"}', metric="val_acc") == 20.0


def test_results_are_not_taken_for_fields() -> None:
    frame = FRAME.assign(test_acc=FRAME.acc)
    with pytest.raises(InvalidTable, match="column 'test_acc' looks like a result"):
        pb.table(frame, configs=True, targets="acc=val_acc@3")
    bench = pb.table(frame, configs=["lr", "depth"], targets="acc=val_acc@3")
    assert sorted(bench.batch().columns) == ["config:depth", "config:lr"]
    words = pb.table(FRAME.assign(loss=["hinge", "mse", "mse", "mse"]), configs=True, targets="acc=val_acc@3")
    assert "config:loss=mse" in words.batch().columns


def test_flat_columns_and_json_are_the_same_table(tmp_path) -> None:
    flat = pb.table(FRAME, configs=True, targets="acc=val_acc@3")
    texts = FRAME.assign(config=list(map(json.dumps, CONFIGS)))[["config", "acc"]]
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    from_csv = import_own("csv", tmp_path / "rows.csv", Reading(["acc=val_acc@3"], configs=True), "flat")
    assert pb.table(texts, configs="config", targets="acc=val_acc@3").recipe == flat.recipe == from_csv.recipe


def test_nested_objects_and_lists_are_flattened() -> None:
    texts = [json.dumps({"opt": {"lr": lr}, "widths": [8, 16]}) for lr in (1, 2)]
    bench = pb.table(pd.DataFrame({"c": texts, "val_acc": [1.0, 2.0]}), configs="c", targets="val_acc", unit="percent")
    assert sorted(bench.batch().columns) == ["config:opt.lr", "config:widths.0", "config:widths.1"]


def test_a_missing_field_is_nan_and_counted() -> None:
    texts = ['{"a": 1, "b": 2}', '{"a": 3}', '{"a": 4, "b": null}']
    bench = pb.table(pd.DataFrame({"c": texts, "val_acc": [10.0, 20.0, 30.0]}), configs="c", targets="val_acc")
    assert np.array_equal(bench.batch().columns["config:b"], [2, np.nan, np.nan], equal_nan=True)
    assert "Field b is missing in 2 of 3 configurations." in bench.card


def test_a_field_of_many_words_is_one_column() -> None:
    words = [f"w{number:02}" for number in range(MAX_CATEGORIES + 1)]
    frame = pd.DataFrame({"word": words, "val_acc": np.linspace(10, 90, len(words))})
    bench = pb.table(frame, configs=["word"], targets="val_acc")
    assert bench.batch().columns["config:word"].tolist() == list(range(len(words)))
    assert "its column is their position in sorted order" in bench.card


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "row 2, column 'c': Expecting"),
        ("[1]", "row 2, column 'c': a configuration is a JSON object"),
        ("{}", "row 2, column 'c': no fields"),
        ('{"a": NaN}', "row 2, column 'c': field 'a' is nan"),
        ('{"a": 1, "a": 2}', "row 2, column 'c': 'a' occurs twice"),
        ('{"a.b": 1, "a": {"b": 2}}', "row 2, column 'c': two fields are called 'a.b'"),
        ("[" * 10_000, "row 2, column 'c'"),
        ("", "row 2, column 'c': is missing"),
        (json.dumps({str(number): 1 for number in range(501)}), "more than 500 fields"),
        ('{"a": "%s"}' % ("x" * 10_000), "more than the limit"),
    ],
)
def test_what_is_no_configuration_is_named_by_row(text: str, message: str) -> None:
    frame = pd.DataFrame({"c": ['{"a": 1}', text], "val_acc": [10.0, 20.0]})
    with pytest.raises(InvalidTable, match=message):
        pb.table(frame, configs="c", targets="val_acc")


def test_predictors_of_columns_learn_and_those_of_graphs_say_why_not() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.integers(0, 3, 60).astype(str)})
    frame["val_acc"] = 50 + 5 * frame.a
    bench = pb.table(frame, configs=["a", "b"], targets="val_acc")
    batch, y = bench.batch(), bench.values("val_acc")
    predicted = make("gp").fit(batch[:40], y[:40]).predict(batch[40:])
    assert pb.rank_metrics(y[40:], predicted)["kendall"] > 0.8
    for name in ("gbdt_nas", "gin", "flan"):
        with pytest.raises(MissingInput, match="learns from graphs"):
            make(name).fit(batch[:40], y[:40])
