"""list, fetch, verify, import, query and doctor as a user meets them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

VERBS = (
    ["list"],
    ["fetch"],
    ["verify"],
    ["info"],
    ["import"],
    ["query"],
    ["doctor"],
    ["run"],
    ["leaderboard", "build"],
    ["leaderboard", "check"],
    ["leaderboard", "show"],
    ["leaderboard", "gaps"],
    ["leaderboard", "serve"],
    ["new", "proxy"],
    ["new", "predictor"],
)
BEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_help_with_an_example(run, verb: list[str]) -> None:
    answer = run(*verb, "--help")
    assert answer.code == 0
    assert f"Example: proxybench {' '.join(verb)}" in " ".join(answer.out.split())


def test_the_installed_command_answers_in_a_process_of_its_own(cache: Path) -> None:
    command = [sys.executable, "-m", "proxybench.cli", "list"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "nasbench201" in answer.stdout
    assert answer.stderr == ""


def test_list_says_what_is_here(run, cache: Path) -> None:
    infos = {info["name"]: info for info in json.loads(run("list", "--json").out)}
    assert infos["nasbench201"]["available"] is False
    assert infos["nasbench201"]["space"] == "nasbench201"


def test_a_typo_in_fetch_is_one_line_with_a_suggestion(run, cache: Path) -> None:
    answer = run("fetch", "nasbench210")
    assert answer.code == 1
    assert "Did you mean 'nasbench201'?" in answer.err
    assert answer.err.count("\n") == 1
    assert not cache.exists()


def test_fetch_wants_names_or_all(run, cache: Path) -> None:
    assert run("fetch").code == 2
    assert run("fetch", "nasbench201", "--all").code == 2


def test_offline_without_a_mirror_fails_and_says_why(run, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXYBENCH_OFFLINE", "1")
    answer = run("fetch", "nasbench-macro")
    assert answer.code == 1
    assert "PROXYBENCH_OFFLINE" in answer.err


def test_fetch_from_the_mirror_then_query(run, cache: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXYBENCH_MIRROR", str(mirror))
    fetched = json.loads(run("fetch", "nasbench-macro", "--json").out)
    assert [(one["name"], one["outcome"], one["architectures"]) for one in fetched] == [
        ("nasbench-macro", "built", 6561)
    ]
    again = json.loads(run("fetch", "nasbench-macro", "--json").out)
    assert again[0]["outcome"] == "present"
    # The first entry of the published file: 89.47, 88.95 and 89.17 percent, 890,666 parameters.
    command = ("query", "nasbench-macro", "02012100", "--metric", "test_acc", "--metric", "params", "--json")
    answers = json.loads(run(*command).out)["answers"]
    assert [round(answer["value"], 3) for answer in answers] == [89.197, 890666]
    assert run("verify").code == 0


def test_a_damaged_raw_file_is_found_by_verify_and_mended_by_fetch(
    run, cache: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXYBENCH_MIRROR", str(mirror))
    assert run("fetch", "resnet20-pooling").code == 0
    raw = next((cache / "raw").rglob("resnet20_*.csv"))
    content = raw.read_bytes()
    raw.write_bytes(content[:-1] + b" ")
    answer = run("verify")
    assert answer.code == 1
    assert "wrong sha256" in answer.err
    assert run("fetch", "--rebuild", "resnet20-pooling").code == 0
    assert raw.read_bytes() == content


def test_query_of_a_real_table(run, real_tables: Path) -> None:
    command = ("query", "nasbench201", BEST, "--dataset", "cifar10", "--metric", "test_acc", "--epochs", "200")
    answer = json.loads(run(*command, "--seed", "mean", "--json").out)
    assert answer["answers"] == [{"metric": "test_acc", "value": pytest.approx(94.3733, abs=5e-5), "unit": "percent"}]


def test_query_without_a_metric_shows_everything_there_is(run, real_tables: Path) -> None:
    answers = json.loads(run("query", "nasbench201", BEST, "--dataset", "cifar10", "--json").out)["answers"]
    metrics = {answer["metric"] for answer in answers}
    assert {"test_acc", "val_acc", "latency_ms@edgegpu", "energy_mj@edgegpu", "proxy:synflow"} <= metrics


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("query", "trained-nasbench201", "0", "--metric", "test_acc"),
            "test_acc on cifar10 has several epochs; choose one of: 1, 2",
        ),
        (("query", "nasbench201", "|nor_conv_3x3~0|"), "not of the form"),
        (("query", "nasbench201", BEST, "--metric", "test_ac", "--dataset", "cifar10"), "Did you mean 'test_acc'"),
        (("query", "nasbench201", BEST, "--metric", "test_acc", "--dataset", "cifar11"), "Did you mean 'cifar10'"),
        (("query", "nasbench202", BEST), "Did you mean 'nasbench201'"),
        (("query", "nasbench201", "99999", "--metric", "test_acc", "--dataset", "cifar10"), "0 to 15624"),
        (("import", "nats-ts", "."), "Did you mean 'nats-tss'"),
        (("import", "nds", "nowhere.zip"), "does not exist"),
        (("run", "--suite", "publisched"), "Did you mean 'published'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_1(run, real_tables: Path, words: tuple[str, ...], message: str) -> None:
    answer = run(*words)
    assert answer.code == 1
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert answer.out == ""


def test_doctor_reports_versions_and_tables(run, real_tables: Path) -> None:
    answer = run("doctor", "--json")
    findings = {finding["subject"]: finding for finding in json.loads(answer.out)}
    assert answer.code == 0
    assert findings["nasbench201"]["state"] == "ok"
    assert findings["numpy"]["state"] == "ok"


def test_doctor_finds_a_cache_that_cannot_be_used(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PROXYBENCH_CACHE", str(tmp_path / "file" / "cache"))
    answer = run("doctor")
    assert answer.code == 1
    assert "PROXYBENCH_CACHE" in answer.err


def test_info_is_what_the_registry_knows_of_a_table_that_is_not_here(run, cache: Path) -> None:
    answer = run("info", "nasrobbench201")
    assert answer.out.startswith("# nasrobbench201: NAS-RobBench-201")
    assert "- Citation: Wu, Liu" in answer.out
    assert "| none stated |" in answer.out
    assert "## Checks" in answer.out
    assert "0.882 on cifar10" in answer.out
    described = json.loads(run("info", "nasrobbench201", "--json").out)
    assert (described["available"], described["licences"]) == (False, ["none stated"])
    assert described["card"].rstrip() == answer.out.rstrip()


def test_info_of_a_table_is_its_card(run, cache: Path) -> None:
    import proxybench as pb

    assert run("info", "trained-nasbench201").out.rstrip() == pb.load("trained-nasbench201").card.rstrip()


@pytest.mark.parametrize("name", ["nasbench210", "nats-tss"])
def test_info_of_an_absent_name_says_what_to_do(run, cache: Path, name: str) -> None:
    answer = run("info", name)
    assert answer.code == 1
    assert "Did you mean" in answer.err or "proxybench import nats-tss" in answer.err
