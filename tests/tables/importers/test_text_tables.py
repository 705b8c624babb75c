"""The importers of NAS-Bench-BERT and HW-GPT-Bench."""

from __future__ import annotations

import json
import math
import pickle

import pytest

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers import flexibert, hw_gpt

BERT, GPT = get_space("flexibert"), get_space("gpt-s")
FOLDER = "aaronserianni/training-free-nas/2d76e01b9586cad7340e8268dadba3056efd070b/data"
LAYER = {"operation_type": "SA", "operation_parameter": "SDP", "num_operation_heads": 2}
LAYER |= {"feed_forward_dimension": 512, "num_feed_forward": 1}
OVERRIDES = {"hidden_size": 128, "nas_config": {"encoder_layers": [LAYER, LAYER]}}
TRAINING = {
    "id": 0,
    "completed": True,
    "time_to_train": 3400.5,
    "scores": dict.fromkeys((*flexibert.TASKS, "glue"), 70.5),
    "hparams": {"model_hparam_overrides": OVERRIDES},
}
SUBNET = {
    "sample_embed_dim": 384,
    "sample_n_layer": 10,
    "sample_layer_indices": list(range(10)),
    "sample_n_head": [4] * 12,
    "sample_mlp_ratio": [2] * 12,
    "sample_bias": True,
}
NETWORK = {"arch": SUBNET, "perplexity": 33.1, "accuracy": 0.375}


def read_trainings(tmp_path, trainings):
    path = tmp_path / "bert.json"
    path.write_text(json.dumps(trainings))
    return flexibert.read([path], BERT)


def read_networks(tmp_path, networks):
    path = tmp_path / "ppl.pkl"
    path.write_bytes(pickle.dumps(networks))
    return hw_gpt.read([path], GPT)


def test_500_trainings_of_491_networks(mirror):
    fragment = flexibert.read([mirror / FOLDER / "BERT_benchmark.json"], BERT)
    table = fragment.values.to_pandas()
    glue = table[table["dataset"] == "glue"]
    assert len(glue) == 500
    assert glue["seed"].value_counts().to_dict() == {"0": 491, "1": 9}
    assert glue["glue_score"].iloc[0] == 74.73375
    assert glue["train_s"].iloc[0] == 3399.7233786582947
    assert table["dataset"].nunique() == 9
    assert fragment.notes == (
        "1 of 491 architectures failed on rte and have no mean.",
        "9 of 491 architectures were trained more than once.",
    )


def test_the_mean_is_that_of_the_eight_tasks(mirror):
    table = flexibert.read([mirror / FOLDER / "BERT_benchmark.json"], BERT).values.to_pandas()
    wide = table.pivot_table(index=["arch", "seed"], columns="dataset", values="glue_score").dropna()
    assert (wide.drop(columns="glue").mean(axis=1) - wide["glue"]).abs().max() < 1e-9


def test_published_scores(mirror):
    paths = [mirror / FOLDER / name for name in ("BERT_benchmark.json", "BERT_results_activation.csv")]
    table = flexibert.scores(paths, BERT).values.to_pandas()
    assert len(table) == 491
    assert table["proxy:synaptic_diversity"].iloc[0] == 0.845978856086731
    assert table["proxy:number_of_parameters"].iloc[0] == 13_330_176


def test_a_repeated_training_is_another_seed_and_a_failed_task_is_nan(tmp_path):
    failed = TRAINING | {"id": 1, "scores": TRAINING["scores"] | {"rte": 0}}
    rows = read_trainings(tmp_path, [TRAINING, failed]).values.to_pylist()
    scores = {(row["dataset"], row["seed"]): row["glue_score"] for row in rows}
    assert scores["glue", "0"] == scores["cola", "1"] == 70.5
    assert math.isnan(scores["rte", "1"])
    assert math.isnan(scores["glue", "1"])


@pytest.mark.parametrize(
    "trainings",
    [
        {},
        [TRAINING | {"id": 1}],
        [TRAINING | {"completed": False}],
        [TRAINING | {"scores": {"glue": 70.5}}],
        [TRAINING | {"scores": TRAINING["scores"] | {"rte": "70"}}],
        [TRAINING | {"scores": TRAINING["scores"] | {"rte": 170}}],
        [TRAINING | {"hparams": {}}],
        [TRAINING | {"time_to_train": None}],
        [TRAINING | {"hparams": {"model_hparam_overrides": OVERRIDES | {"hidden_size": 100}}}],
    ],
    ids=str,
)
def test_other_trainings_are_an_error_that_names_the_file(tmp_path, trainings):
    with pytest.raises(CorruptData, match=r"bert\.json"):
        read_trainings(tmp_path, trainings)


@pytest.mark.parametrize("line", ["1,5", "0,x", "0,"])
def test_other_scores_are_an_error_that_names_the_file(tmp_path, line):
    benchmark, table = tmp_path / "bert.json", tmp_path / "scores.csv"
    benchmark.write_text(json.dumps([TRAINING]))
    names = ("Number of Parameters", *flexibert.SCORES)
    number, score = line.split(",")
    table.write_text("\n".join([",".join(["ID", *names]), ",".join([number, *[score] * len(names)])]))
    with pytest.raises(CorruptData, match=r"scores\.csv"):
        flexibert.scores([benchmark, table], BERT)


def test_published_perplexities(mirror):
    files = sorted(mirror.glob("automl/HW-GPT-Bench/*/arch_ppl_bench_l/*.pkl"))
    table = hw_gpt.read(files, get_space("gpt-l")).values.to_pandas()
    assert table["arch"].nunique() == len(table) == 429
    assert table["supernet_ppl"].min() == 18.57699966430664


def test_one_network(tmp_path):
    (row,) = read_networks(tmp_path, [NETWORK]).values.to_pylist()
    assert row["arch"] == "c384b1" + "-h4r2" * 10
    assert (row["supernet_ppl"], row["supernet_acc"]) == (33.1, 37.5)


@pytest.mark.parametrize(
    "networks",
    [
        {},
        [[]],
        [{}],
        [NETWORK | {"perplexity": 0.5}],
        [NETWORK | {"perplexity": float("nan")}],
        [NETWORK | {"accuracy": 37.5}],
        [NETWORK | {"accuracy": "0.3"}],
        [NETWORK | {"arch": SUBNET | {"sample_bias": None}}],
        [NETWORK | {"arch": SUBNET | {"sample_n_layer": 13}}],
        [NETWORK, NETWORK | {"perplexity": 34.0}],
    ],
    ids=str,
)
def test_other_networks_are_an_error_that_names_the_file(tmp_path, networks):
    with pytest.raises(CorruptData, match=r"ppl\.pkl"):
        read_networks(tmp_path, networks)
