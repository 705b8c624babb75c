"""The importers of NAS-Bench-NLP: logs on WikiText-2, and scores on PTB."""

from __future__ import annotations

import json
import math
import zipfile

import pytest

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers.nasbench_nlp import SCORES, graph_of, ptb_scores, read

GRAPHS, CONFIGURATIONS = get_space("graphs"), get_space("configurations")
LOGS = "fmsnew/nas-bench-nlp-release/a6d90a3b19e3966b1d009c0970b3761aa46707d1/train_logs_wikitext-2/logs.zip"
PTB = "aaronserianni/training-free-nas/2d76e01b9586cad7340e8268dadba3056efd070b/data/RNN_results.csv"
RECIPE = {
    "f": {"op": "linear", "input": ["x", "h_prev_0"]},
    "h_new_0": {"op": "activation_tanh", "input": ["f"]},
}
LOG = {
    "recepie": json.dumps(RECIPE),
    "num_params": 1000,
    "status": "OK",
    "wall_times": [2.0] * 50,
    **{f"{part}_losses": [5.0] * 49 + [4.5] for part in ("train", "val", "test")},
}


def read_logs(tmp_path, logs):
    path = tmp_path / "logs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, log in enumerate(logs):
            archive.writestr(f"log_{number}.json", json.dumps(log))
    return read([path], GRAPHS)


def digest(recipe):
    return GRAPHS.parse(graph_of(recipe)).digest


def test_345_trainings_of_265_cells(mirror):
    fragment = read([mirror / LOGS], GRAPHS)
    table = fragment.values.to_pandas()
    assert table["arch"].nunique() == 265
    last = table[table["epochs"] == 50]
    assert len(last) == 345
    assert last["train_s"].notna().all()
    assert last["test_loss"].isna().sum() == 4
    assert fragment.notes == ("345 trainings of 265 cells; 4 diverged before the last epoch.",)
    assert len(table[table["epochs"] == 0]) == 265


def test_a_recipe_is_a_graph():
    graph = graph_of(RECIPE)
    assert graph["ops"] == ["h_prev_0", "x", "linear", "activation_tanh", "h_new_0"]
    assert sorted(map(tuple, graph["edges"])) == [(0, 2), (1, 2), (2, 3), (3, 4)]


def test_names_and_order_of_nodes_make_no_difference():
    renamed = {"h_new_0": RECIPE["h_new_0"] | {"input": ["g"]}, "g": RECIPE["f"] | {"input": ["h_prev_0", "x"]}}
    assert digest(renamed) == digest(RECIPE)


def test_the_roles_of_a_blend_make_a_difference():
    inputs = ["x", "h_prev_0", "f"]
    blends = [
        RECIPE | {"h_new_0": {"op": "blend", "input": order}} for order in (inputs, inputs[::-1], [*inputs[1:], "x"])
    ]
    assert len({digest(blend) for blend in blends}) == 3


def test_losses_of_a_training_that_diverged_are_nan(tmp_path):
    short = {f"{part}_losses": [5.0, 4.0] for part in ("train", "val", "test")}
    fragment = read_logs(tmp_path, [LOG, LOG | short | {"status": "loss is nan!"}])
    rows = fragment.values.to_pylist()
    losses = {(row["epochs"], row["seed"]): row["val_loss"] for row in rows if row["epochs"]}
    assert (losses[50, "0"], losses[2, "1"]) == (4.5, 4.0)
    assert math.isnan(losses[3, "1"])
    assert math.isnan(losses[50, "1"])
    assert fragment.notes == ("2 trainings of 1 cells; 1 diverged before the last epoch.",)
    assert [row["train_s"] for row in rows if row["epochs"] == 50] == [100.0, 100.0]


@pytest.mark.parametrize(
    "change",
    [
        {"recepie": "{"},
        {"recepie": "[]"},
        {"recepie": json.dumps(RECIPE | {"f": {"op": "conv", "input": ["x"]}})},
        {"recepie": json.dumps(RECIPE | {"f": {"op": "linear", "input": []}, "g": {"op": "blend", "input": ["x"]}})},
        {"recepie": json.dumps(RECIPE | {"f": {"op": "linear", "input": ["f"]}})},
        {"recepie": json.dumps(RECIPE | {"f": {"op": "linear", "input": ["y"]}})},
        {"recepie": json.dumps({"f": RECIPE["f"]})},
        {"recepie": None},
        {"num_params": "many"},
        {"val_losses": [5.0]},
        {"val_losses": [5.0] * 51, "train_losses": [5.0] * 51, "test_losses": [5.0] * 51},
        {"val_losses": ["5"] * 50},
        {"wall_times": None},
    ],
    ids=str,
)
def test_other_logs_are_an_error_that_names_the_file(tmp_path, change):
    with pytest.raises(CorruptData, match=r"logs\.zip"):
        read_logs(tmp_path, [LOG | change])


def test_logs_of_one_cell_have_one_number_of_parameters(tmp_path):
    with pytest.raises(CorruptData, match="in another log of the same cell 1000"):
        read_logs(tmp_path, [LOG, LOG | {"num_params": 1001}])


def test_published_scores(mirror):
    table = ptb_scores([mirror / PTB], CONFIGURATIONS).values.to_pandas()
    assert table["arch"].nunique() == 8_794
    first = table[table["arch"] == table["arch"][0]].set_index("epochs")
    assert first.loc[50, "loss"] == 5.070841669
    assert first.loc[0, "proxy:layer_3_hidden_covariance"] == -26727119.26


@pytest.mark.parametrize("log", ["model.json", "log_stats_model_1_2.json,log_stats_model_1_2.json"])
def test_other_scores_are_an_error_that_names_the_file(tmp_path, log):
    path = tmp_path / "scores.csv"
    lines = [",".join([one, *["1.5"] * (1 + len(SCORES))]) for one in log.split(",")]
    path.write_text("\n".join([",".join(["log name", "loss", *SCORES]), *lines]))
    with pytest.raises(CorruptData, match=r"scores\.csv"):
        ptb_scores([path], CONFIGURATIONS)


def test_missing_scores_are_nan_and_counted(tmp_path):
    path = tmp_path / "scores.csv"
    line = ",".join(["log_stats_model_1_2.json", "5.0", "", *["1.5"] * (len(SCORES) - 1)])
    path.write_text("\n".join([",".join(["log name", "loss", *SCORES]), line]))
    fragment = ptb_scores([path], CONFIGURATIONS)
    assert fragment.notes == ("Activation Distance failed for 1 of 1 networks",)
