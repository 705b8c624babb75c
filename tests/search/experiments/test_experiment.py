"""Experiments: what a run records, and that a journal is continued instead of begun again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from proxybench.errors import CorruptData, UnknownName
from proxybench.grammar import InvalidText
from proxybench.jobs.journal import Journal
from proxybench.records import comparable, read_records
from proxybench.search.core.problem import InvalidProblem
from proxybench.search.experiments.experiment import ConfiguredSearcher, ProblemSetting, TableSearch, run_experiment
from proxybench.search.experiments.run_records import Incumbent, read_runs

CONV = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|nor_conv_3x3~1|none~2|"
CONV_SKIP = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
ENTRIES = [
    ConfiguredSearcher.parse("random"),
    ConfiguredSearcher.parse("robot(proposals=single, metrics=synflow+params)"),
]


@pytest.fixture
def table_search(tiny) -> TableSearch:
    return TableSearch(ProblemSetting("tiny"))


def test_an_entry_is_a_name_and_options() -> None:
    assert ConfiguredSearcher.parse("robot") == ConfiguredSearcher("robot", {})
    entry = ConfiguredSearcher.parse("robot(explore=3, scale=rank, climb=false, metrics=synflow+nwot)")
    assert entry.options == {"explore": 3, "scale": "rank", "climb": False, "metrics": "synflow+nwot"}
    assert entry.arguments["metrics"] == ["synflow", "nwot"]


def test_a_predictor_of_the_user_is_named_by_its_module() -> None:
    entry = ConfiguredSearcher.parse("guided(predictor=predictors.tabular:Ridge)")
    assert type(entry.arguments["predictor"]).__name__ == "Ridge"


def test_a_predictor_has_arguments_in_brackets() -> None:
    entry = ConfiguredSearcher.parse("guided(predictor=ridge(encodings=columns+one-hot, target=rank), every=5)")
    assert entry.options == {"predictor": "ridge(encodings=columns+one-hot, target=rank)", "every": 5}
    assert entry.arguments["predictor"].get_params()["target"] == "rank"


def test_entries_in_another_form_are_refused() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'robot'"):
        ConfiguredSearcher.parse("robt")
    with pytest.raises(InvalidText, match=r"is written 'robot\(scale=rank\)'"):
        ConfiguredSearcher.parse("robot:scale=rank")


def test_a_record_of_version_0_1_names_its_predictor_in_square_brackets() -> None:
    entry = ConfiguredSearcher("guided", {"predictor": "ridge[encodings=columns+one-hot,target=rank]"})
    assert entry.arguments["predictor"].get_params()["target"] == "rank"


def test_a_record_says_what_was_found(table_search: TableSearch) -> None:
    (one,) = run_experiment(table_search, [ConfiguredSearcher.parse("ranking(metrics=synflow)")], 2, [7])
    # Synflow ranks CONV (93, test 94) before CONV_SKIP (92, test 95).
    conv, conv_skip = table_search.bench.archs.index(CONV), table_search.bench.archs.index(CONV_SKIP)
    assert one.queried == (conv, conv_skip)
    assert one.arch == table_search.bench.archs[conv]
    assert (one.method, one.params, one.n_train, one.repeat, one.kind) == (
        "ranking",
        {"metrics": "synflow"},
        2,
        7,
        "search",
    )
    assert one.metrics["value"] == 93
    assert one.metrics["reported"] == 94
    assert one.metrics["value_rank"] == 1
    assert one.metrics["rank"] == 2
    assert one.metrics["queries"] == 2
    assert one.metrics["simple_regret"] == 0
    assert one.metrics["relative_improvement"] == pytest.approx(100 * (94 - 70.5) / 70.5)
    assert one.found == (Incumbent(1, 50, 93, 94),)
    assert one.last == (2, 100)
    assert one.cost["train_s"] == 100
    assert (one.task.size, one.task.target, one.report) == (4, "val_acc@200", "test_acc@200")


def test_a_loss_is_recorded_with_the_tables_sign(tiny) -> None:
    table_search = TableSearch(ProblemSetting("tiny", objective="val_loss@200", report="val_loss@200"))
    (one,) = run_experiment(table_search, [ConfiguredSearcher.parse("random")], 4, [0])
    assert (one.metrics["value"], one.metrics["reported"], one.found[-1].value) == (7, 7, 7)


def test_robots_findings_are_recorded(table_search: TableSearch) -> None:
    (one,) = run_experiment(table_search, ENTRIES[1:], 3, [0])
    assert {"explored", "precision_at_T", "weight_regret"} <= one.metrics.keys()


def test_a_rerun_runs_what_is_missing(table_search: TableSearch, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    first = run_experiment(table_search, ENTRIES, 3, range(2), Journal(path))
    before = path.read_bytes()
    again = run_experiment(table_search, ENTRIES, 3, range(3), Journal(path))
    assert path.read_bytes().startswith(before)
    assert len(read_runs(path)) == 6
    assert [one for one in again if one.repeat < 2] == first


def test_a_torn_last_line_is_dropped_and_run_again(table_search: TableSearch, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    whole = run_experiment(table_search, ENTRIES, 3, range(2), Journal(path))
    path.write_bytes(path.read_bytes()[:-40])
    again = run_experiment(table_search, ENTRIES, 3, range(2), Journal(path))
    assert [comparable(one) for one in again] == [comparable(one) for one in whole]
    assert len(read_runs(path)) == 4


def test_runs_on_another_version_of_the_table_are_refused(table_search: TableSearch, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    run_experiment(table_search, ENTRIES[:1], 3, range(1), Journal(path))
    path.write_text(path.read_text().replace(f'"table":"{table_search.task.table}"', '"table":"other"'))
    before = path.read_bytes()
    with pytest.raises(CorruptData, match="another version of"):
        run_experiment(table_search, ENTRIES[:1], 3, range(1), Journal(path))
    assert path.read_bytes() == before


def test_a_journal_and_none_give_the_same_runs(table_search: TableSearch, tmp_path: Path) -> None:
    alone = run_experiment(table_search, ENTRIES, 3, range(2))
    kept = run_experiment(table_search, ENTRIES, 3, range(2), Journal(tmp_path / "runs.jsonl"))
    assert [comparable(one) for one in alone] == [comparable(one) for one in kept]


def test_the_harness_reads_runs_as_records(table_search: TableSearch, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    runs = run_experiment(table_search, ENTRIES[:1], 3, range(1), Journal(path))
    assert [record.metrics for record in read_records([path])] == [runs[0].metrics]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text("{}\n")
    with pytest.raises(CorruptData, match=r"runs\.jsonl:1 is not a record"):
        read_runs(path)


def test_problems_that_differ_are_different_tasks(tiny) -> None:
    settings = [
        ProblemSetting("tiny"),
        ProblemSetting("tiny", distinct="index"),
        ProblemSetting("tiny", where=("proxy:synflow",)),
        ProblemSetting("tiny", objective="val_acc@20"),
        ProblemSetting("tiny", report="val_acc@20"),
        ProblemSetting("tiny", columns_of="all"),
        ProblemSetting("tiny", fidelities=True),
    ]
    assert len({TableSearch(setting).task.name for setting in settings}) == len(settings)


def test_an_option_that_a_searcher_does_not_take_stops_before_the_first_run(
    table_search: TableSearch, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "runs.jsonl")
    with pytest.raises(InvalidProblem, match=r"evolution.*'explore'"):
        run_experiment(
            table_search,
            [ConfiguredSearcher.parse("random"), ConfiguredSearcher.parse("evolution(explore=2)")],
            3,
            range(2),
            journal,
        )
    assert journal.recorded() == frozenset()


def test_nothing_in_a_record_is_not_finite(table_search: TableSearch) -> None:
    runs = run_experiment(table_search, ENTRIES, 1, range(3))
    numbers = [value for one in runs for value in one.metrics.values() if value is not None]
    assert np.isfinite(numbers).all()
    assert all(msgspec.json.decode(msgspec.json.encode(one), type=type(one)) == one for one in runs)
