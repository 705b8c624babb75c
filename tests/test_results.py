"""Results of an evaluation, from records made by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from predictors.errors import UnknownName
from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.records import Record, TaskIdentity
from proxybench.results import Results


def record(method: str, kendall: float | None, task: str = "tiny", **fields: Any) -> Record:
    identity = TaskIdentity(
        name=task,
        version=1,
        benchmark="nasbench201",
        dataset="cifar10",
        population="four cells",
        size=4,
        split="whole population",
        target="val_acc, 200 epochs, seed mean",
        table="0" * 32,
    )
    metrics = {"kendall": kendall, "spearman": kendall, "attempted": 4.0, "answered": 3.0}
    defaults: dict[str, Any] = {"kind": "training-free", "outcome": "ok", "metrics": metrics}
    return Record(task=identity, method=method, **{**defaults, **fields})


def learned(method: str, kendall: float, repeat: int, **fields: Any) -> Record:
    return record(method, kendall, "learned", kind="predictor", n_train=50, repeat=repeat, **fields)


def test_a_frame_has_one_row_for_each_record_with_metrics_intervals_and_costs() -> None:
    one = record("synflow", 0.5, intervals={"kendall": (0.25, 0.75)}, cost={"wall_s": 2.0})
    frame = Results([one, learned("gbdt", 0.7, 1, params={"columns": False})]).frame()
    assert frame["method"].tolist() == ["gbdt(columns=false)", "synflow"]
    row = frame.iloc[1]
    assert (row["kendall"], row["kendall_low"], row["kendall_high"], row["wall_s"]) == (0.5, 0.25, 0.75, 2.0)
    assert (row["task"], row["n_train"], row["outcome"]) == ("tiny", 0, "ok")


def test_a_leaderboard_ranks_within_pools_and_says_what_its_intervals_are_over() -> None:
    results = Results(
        [record("snip", 0.25), record("synflow", 0.5, intervals={"kendall": (0.25, 0.75)})]
        + [learned("gbdt", tau, repeat) for repeat, tau in enumerate((0.5, 0.7))]
    )
    board = results.leaderboard("tiny")
    assert board["method"].tolist() == ["synflow", "snip"]
    assert board["rank"].tolist() == [1.0, 2.0]
    assert board["failed"].tolist() == [1, 1]
    assert board["interval"].tolist() == ["architectures", ""]
    (row,) = results.leaderboard("learned").to_dict("records")
    # Student's t with one degree of freedom is 12.706 at .975, times the standard error .1 of the mean .6, cut at 1.
    assert (row["tau"], row["low"], row["high"]) == pytest.approx((0.6, 0.6 - 1.2706, 1.0), abs=1e-4)
    assert row["interval"] == "splits"
    assert len(results.leaderboard()) == 3
    with pytest.raises(UnknownName, match="Did you mean 'tiny'"):
        results.leaderboard("tinny")


def test_two_methods_are_compared_on_the_splits_that_both_have() -> None:
    ours = [learned("gbdt", tau, repeat) for repeat, tau in enumerate((0.70, 0.72, 0.74))]
    theirs = [learned("ridge", tau, repeat) for repeat, tau in enumerate((0.60, 0.64, 0.62, 0.9))]
    (row,) = Results([*ours, *theirs]).compare("gbdt", "ridge").to_dict("records")
    # Differences .10, .08 and .12: mean .10, standard deviation .02, t = .10 / (.02 / sqrt 3) = 8.660 with 2 degrees
    # of freedom, whose two-sided p-value is 1 - t / sqrt(t^2 + 2) = .01307; t at .975 is 4.3027.
    half = 4.3027 * 0.02 / math.sqrt(3)
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((0.1, 0.1 - half, 0.1 + half), abs=1e-5)
    assert row["p_value"] == pytest.approx(0.01307, abs=1e-5)
    assert (row["better"], row["splits"], row["n_train"]) == (3, 3, 50)


def test_two_methods_are_compared_by_the_ranks_of_their_values() -> None:
    ours = [learned("gbdt", tau, repeat) for repeat, tau in enumerate((0.70, 0.72, 0.74))]
    theirs = [learned("ridge", tau, repeat) for repeat, tau in enumerate((0.60, 0.64, 0.62, 0.9))]
    (row,) = Results([*ours, *theirs]).compare("gbdt", "ridge", test="mann-whitney").to_dict("records")
    # On the three splits that both have all nine pairs go one way: two of the 20 ways to choose three of six ranks.
    assert row["p_value"] == pytest.approx(2 / 20)
    assert row["difference"] == pytest.approx(0.1)
    with pytest.raises(UnknownName, match="mann-whitney"):
        Results(ours).compare("gbdt", "gbdt", test="mann-witney")  # type: ignore[arg-type]


def test_one_split_gives_a_difference_without_an_interval() -> None:
    (row,) = Results([record("snip", 0.25), record("synflow", 0.5)]).compare("synflow", "snip").to_dict("records")
    assert row["difference"] == 0.25
    assert all(math.isnan(row[name]) for name in ("low", "high", "p_value"))


def test_methods_that_cannot_be_compared() -> None:
    results = Results([record("synflow", 0.5), learned("gbdt", 0.7, 0)])
    with pytest.raises(UnknownName, match="Did you mean 'synflow'"):
        results.compare("synflo", "gbdt")
    with pytest.raises(ValueError, match="synflow and gbdt have no common split"):
        results.compare("synflow", "gbdt")


def test_what_is_saved_is_loaded_and_other_jobs_stay(tmp_path) -> None:
    Results([record("synflow", 0.5), record("snip", 0.25)]).save(tmp_path)
    path = Results([record("snip", 0.3)]).save(tmp_path)
    assert path == tmp_path / "runs" / "results.jsonl"
    assert Results.load(tmp_path).records == Results([record("synflow", 0.5), record("snip", 0.3)]).records


def test_a_folder_without_records_and_a_damaged_one(tmp_path) -> None:
    with pytest.raises(DataNotAvailable, match="holds no records"):
        Results.load(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "results.jsonl").write_text('{"method": 1}\n')
    with pytest.raises(CorruptData, match=r"results\.jsonl:1"):
        Results.load(tmp_path)


def test_it_prints_in_a_screen() -> None:
    many = Results([record(f"m{number}", number / 100) for number in range(60)], {"nds-darts-test": "no table"})
    lines = repr(many).splitlines()
    assert lines[0] == "Results: 60 methods on 1 tasks, 60 jobs (60 ok); left out: nds-darts-test"
    assert len(lines) < 20
    assert lines[-1] == "... 48 more rows; see .leaderboard()"
    assert "<table" in many._repr_html_()
    assert len(many._repr_html_()) < 20_000
    assert repr(Results([])) == "Results: no jobs"


def test_html_of_a_name_is_text() -> None:
    assert "<script" not in Results([record("<script>x</script>", 0.5)])._repr_html_()
