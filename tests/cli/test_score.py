"""score as a user meets it: the figures of a sweep, for one architecture."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch

from proxybench.proxies import PROXIES
from proxybench.scores.score_file import read_scores

CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"
SMALL = ("--images", "digits", "--network", "channels=2,cells=1", "--batch", "8")


@pytest.fixture(autouse=True)
def _one_thread(cache: Path) -> Iterator[None]:
    """An empty cache; sums in the order of a sweep, which keeps to one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_table_of_proxies_with_value_seconds_and_direction(run) -> None:
    answer = run("score", "nasbench201", CELL, "--proxies", "params,ntk_cond,snip", *SMALL)
    table, _, note = answer.out.partition("\n\n")
    lines = [line.split() for line in table.splitlines()]
    assert answer.code == 0
    assert note.startswith("Percentiles are among 6,466 networks of nasbench201 (channels=16,cells=5), scored on 16 ")
    assert lines[0] == ["proxy", "value", "percentile", "seconds", "direction"]
    assert [line[0] for line in lines[1:]] == [
        "params",
        "ntk_cond",
        "snip",
        "(batch_pass)",
        "(statistics_pass)",
        "(layer_kernels)",
    ]
    # stem 1 2 9 + 4; a cell of c channels has 9 c c + 2 c and c c + 2 c; reductions 2 -> 4 and 4 -> 8 of
    # 9 c 2c + 4c, 9 2c 2c + 4c, c 2c; last normalisation 16, classifier 80 + 10
    cells = sum(10 * c * c + 4 * c for c in (2, 4, 8))
    reductions = sum(18 * c * c + 4 * c + 36 * c * c + 4 * c + 2 * c * c for c in (2, 4))
    assert float(lines[1][1]) == 22 + cells + reductions + 16 + 90
    assert lines[1][4:] == ["larger"]
    assert lines[2][4:] == ["larger", "(published:", "smaller)"]


def test_all_proxies_are_the_default(run) -> None:
    answer = json.loads(run("score", "nasbench201", CELL, "--json", *SMALL).out)
    assert [one["proxy"] for one in answer["scores"]] == sorted(PROXIES)
    assert answer["arch"] == CELL
    assert answer["images"]["source"] == "scikit-learn digits"
    assert answer["passes"]["batch_pass"] > 0


@pytest.mark.parametrize("initialisation", ["torch", "kaiming"])
def test_values_are_those_of_a_sweep(run, tmp_path: Path, initialisation: str) -> None:
    (tmp_path / "archs").write_text(CELL)
    names = "snip,synflow,zen,swap,random"
    table = tmp_path / "scores.parquet"
    words = ("--proxies", names, "--seed", "3", "--initialisation", initialisation, *SMALL)
    files = ("--archs", str(tmp_path / "archs"), "--output", str(tmp_path / "sweep"), "--table", str(table))
    assert run("compute", "nasbench201", *words, *files).code == 0
    swept = read_scores(table).scores.iloc[0]
    scored = json.loads(run("score", "nasbench201", CELL, *words, "--json").out)["scores"]
    assert {one["proxy"]: one["value"] for one in scored} == {name: swept[f"proxy:{name}"] for name in names.split(",")}


def test_values_of_operations(run) -> None:
    answer = run("score", "nasbench201", CELL, "--nodes", "--proxies", "snip,convolutions", *SMALL)
    rows = {line.split()[0]: line.split()[1:] for line in answer.out.splitlines()}
    assert rows["operation"] == ["snip", "convolutions"]
    assert len(rows) == 1 + 2 + 3 * 6 + 2  # header; stem, classifier; edges of three cells; reductions
    assert rows["cells.0.edges.1"] == ["0", "0"]  # none
    everything = json.loads(run("score", "nasbench201", CELL, "--nodes", "--json", *SMALL).out)
    answered = [one for one in everything["scores"] if one["unanswered"] is None]
    assert len(answered) > 10
    for one in answered:
        assert sum(one["nodes"]) == pytest.approx(one["value"], rel=1e-9)
        assert len(one["nodes"]) == len(everything["operations"])


def test_what_has_no_answer_says_why(run) -> None:
    skip = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    words = ("score", "nasbench201", skip, "--proxies", "depth,jacov", *SMALL)
    assert "no answer: no path leads from the images to the logits" in run(*words).out
    answers = json.loads(run(*words, "--json").out)["scores"]
    assert answers[0]["value"] is None
    assert answers[0]["unanswered"] == "no path leads from the images to the logits"


def test_an_architecture_by_its_index_in_a_benchmark(run, real_tables: Path) -> None:
    words = ("--proxies", "params", "--images", "digits", "--batch", "2", "--json")
    by_index = json.loads(run("score", "nasbench201", "284", *words).out)
    assert by_index == json.loads(run("score", "nasbench201", by_index["arch"], *words).out) | {
        "scores": by_index["scores"],
        "passes": by_index["passes"],
    }
    assert by_index["arch"].startswith("|")
    # The best architecture of the table, and its index there.
    best = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
    index = json.loads(run("query", "nasbench201", best, "--metric", "params", "--dataset", "cifar10", "--json").out)
    assert json.loads(run("score", "nasbench201", str(index["index"]), *words).out)["arch"] == best


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nasbench20", CELL), "Did you mean 'nasbench201'"),
        (("nasbench201", "|nor_conv_3x3~0|"), "not of the form"),
        (("nasbench201", "284"), "proxybench fetch nasbench201"),
        (("nasbench201", CELL, "--proxies", "sinflow"), "Did you mean 'synflow'"),
        (("nasbench201", CELL, "--proxies", "az_nas"), "score its parts (az_expressivity"),
        (("nasbench201", CELL, "--proxies", "nwot", "--nodes"), "sum over layers, which these do not: nwot"),
        (("nasbench201", CELL, "--proxies", "nowhere:proxy"), "cannot load proxy 'nowhere:proxy'"),
        (("nasbench201", CELL, "--images", "dgits"), "Did you mean 'digits'"),
        (("nasbench201", CELL, "--initialisation", "kaimign"), "Did you mean 'kaiming'"),
        (("nasbench201", CELL, "--network", "channels"), "'channels' is not of the form"),
        (
            ("nasbench201", CELL, "--network", "chanels=3"),
            "cannot be built: unknown option 'chanels' of the networks of nasbench201",
        ),
        (("nasbench201", CELL, "--network", "channels=0"), "channels must be a whole number of at least 1, not 0"),
        (("nasbench201", CELL, "--classes", "5"), "labels must be from 0 to 4"),
        (("nasbench-graph", "[0, 0, 1, 2]:gat,gcn,gin,fc"), "space with networks"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_1(run, words: tuple[str, ...], message: str) -> None:
    answer = run("score", *words)
    assert answer.code == 1
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert answer.out == ""


@pytest.mark.parametrize("words", [("--batch", "0"), ("--proxies", " , ")])
def test_options_that_make_no_sense_are_refused(run, words: tuple[str, str]) -> None:
    assert run("score", "nasbench201", CELL, *words).code == 2


def test_help_has_an_example(run) -> None:
    assert "Example: proxybench score nasbench201" in " ".join(run("score", "--help").out.split())


MODELS = """
import torch

def make_net(width=4, classes=10):
    layers = torch.nn
    return layers.Sequential(
        layers.Conv2d(3, width, 3, padding=1, bias=False),
        layers.ReLU6(),
        layers.AdaptiveAvgPool2d(1),
        layers.Flatten(),
        layers.Linear(width, classes),
    )

def broken():
    raise RuntimeError("no weights here")

ready = make_net()
number = 3
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a user's module in the current folder."""
    (tmp_path / "models_to_score.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    yield "models_to_score"
    sys.modules.pop("models_to_score", None)


def module_scores(run, *words: str) -> dict[str, dict[str, object]]:
    answer = run("score", "--module", *words, "--json")
    assert answer.code == 0, answer.err
    return {one["proxy"]: one for one in json.loads(answer.out)["scores"]}


def test_a_module_of_the_users_own(run, models: str) -> None:
    found = module_scores(run, f"{models}:make_net", "--input", "3,8,8", "--batch", "16")
    assert found["params"]["value"] == 3 * 4 * 9 + 4 * 10 + 10
    # 8 x 8 positions of a convolution with 27 inputs, the rectifier, the average, the classifier
    assert found["depth"]["value"] == 2
    assert found["convolutions"]["value"] == 1
    assert set(found) == set(PROXIES)
    assert found["ntk_cond"]["unanswered"] is None


def test_arguments_reach_the_function_and_classes_the_labels(run, models: str) -> None:
    words = ("--input", "3,6,9", "--classes", "3", "--batch", "6", "--proxies", "params,snip")
    found = module_scores(run, f"{models}:make_net(width=2, classes=3)", *words)
    assert found["params"]["value"] == 3 * 2 * 9 + 2 * 3 + 3
    assert found["snip"]["value"] > 0


def test_a_module_made_already(run, models: str) -> None:
    assert module_scores(run, f"{models}:ready", "--proxies", "params")["params"]["value"] == 158


def test_the_seed_fixes_a_modules_weights(run, models: str) -> None:
    words = (f"{models}:make_net", "--input", "3,8,8", "--batch", "8", "--proxies", "l2_norm,snip", "--seed")
    first, again, other = (module_scores(run, *words, seed) for seed in ("1", "1", "2"))
    assert first["snip"]["value"] == again["snip"]["value"] != other["snip"]["value"]


def test_percentiles_refer_to_a_population_with_the_same_batch(run, models: str) -> None:
    same = module_scores(run, f"{models}:make_net", "--input", "3,8,8", "--batch", "16", "--proxies", "params,synflow")
    assert 0 <= same["synflow"]["percentile"] < 5  # a network of one convolution
    assert same["params"]["percentile"] == 0  # 158 parameters; the smallest of the population has 10,000s
    other = module_scores(run, f"{models}:make_net", "--input", "3,9,9", "--batch", "16", "--proxies", "params,synflow")
    assert (other["params"]["percentile"], other["synflow"]["percentile"]) == (0, None)
    words = run("score", "--module", f"{models}:make_net", "--input", "3,9,9", "--batch", "16", "--proxies", "synflow")
    assert "scored on 16 images of 3 x 8 x 8." in words.out
    assert "scored on 16 images of 3 x 9 x 9, so most percentiles cannot be given" in words.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("MODELS:make_net", "--input", "3,32"), "CHANNELS,HEIGHT,WIDTH"),
        (("MODELS:make_net", "--input", "3,0,8"), "CHANNELS,HEIGHT,WIDTH"),
        (("MODELS:make_net", "--input", "1,8,8"), "does not take images of shape [1, 8, 8]"),
        (("MODELS:make_net", "--input", "3,8,8", "--images", "digits"), "have 1 channels instead of 3"),
        (("MODELS:make_net", "--input", "3,8,9", "--images", "digits"), "only noise images"),
        (("MODELS:number",), "is not a torch module, or a function or class that makes one"),
        (("MODELS:broken",), "RuntimeError: no weights here"),
        (("MODELS:make_net(depth=3)",), "unexpected keyword argument 'depth'"),
        (("MODELS:missing",), "missing"),
        (("MODELS",), "lacks a colon"),
        (("nowhere_at_all:net",), "No module named 'nowhere_at_all'"),
        (("MODELS:make_net", "--among", "nasbench1"), "nasbench1"),
        (("MODELS:make_net", "--network", "channels=4"), "--module"),
        (("MODELS:make_net", "--classes", "20"), "labels must be from 0 to 9"),
    ],
)
def test_what_cannot_be_scored_is_said(run, models: str, words: tuple[str, ...], message: str) -> None:
    answer = run("score", "--module", *(word.replace("MODELS", models) for word in words), "--batch", "32")
    assert answer.code != 0
    assert message in " ".join(answer.err.replace("│", " ").split())


def test_neither_an_architecture_nor_a_module(run) -> None:
    answer = run("score")
    assert answer.code == 2
    assert "--module" in answer.err
