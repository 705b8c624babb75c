"""Results of an evaluation: as tables for people, as records on disk, and as comparisons of two methods."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from predictors.errors import unknown_name
from proxybench.errors import DataNotAvailable
from proxybench.grammar import Call
from proxybench.records import Record, read_records, write_records

if TYPE_CHECKING:
    import pandas as pd

    from proxybench.jobs.journal_store import RunSummary

RUNS = "runs"
Test = Literal["t", "mann-whitney"]
TESTS: tuple[str, ...] = get_args(Test)
SHOWN = 12  # rows of a printed leaderboard
_BOARD = ("task", "pool", "rank", "method", "tau", "low", "high", "interval", "spearman", "scored", "failed", "outcome")


class Results:
    """The outcome of every job of an evaluation.

    Args:
        records: one per (task, method, parameters, training size, repeat).
        absent: tasks that were left out, with the reason.
        summary: how many of the records are new; None for loaded ones.

    Raises:
        CorruptData: if two records of one job differ, or a task is recorded with two identities.
    """

    def __init__(
        self, records: Iterable[Record], absent: Mapping[str, str] | None = None, summary: RunSummary | None = None
    ) -> None:
        self.records = tuple(sorted(records, key=lambda record: record.key))
        self.absent = dict(absent or {})
        self.summary = summary

    @classmethod
    def load(cls, folder: str | Path) -> Results:
        """The results that `save` or `proxybench run --folder` wrote.

        Raises:
            DataNotAvailable: if the folder holds no records.
            CorruptData: if a record is damaged; names file and line.
        """
        records = read_records(sorted((Path(folder) / RUNS).glob("*.jsonl")))
        if not records:
            raise DataNotAvailable(
                f"{Path(folder) / RUNS} holds no records; save results there, or run: proxybench run"
            )
        return cls(records)

    def save(self, folder: str | Path) -> Path:
        """Write the records to `folder`/runs, for `proxybench leaderboard build --folder`, and return the file.

        Existing records of other jobs are kept; those of the same jobs are replaced. The file is replaced
        atomically.
        """
        path = Path(folder) / RUNS / "results.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {record.key: record for record in (read_records([path]) if path.exists() else [])}
        write_records(path, (kept | {record.key: record for record in self.records}).values())
        return path

    def frame(self) -> pd.DataFrame:
        """One row per record: the job, the outcome, every metric, interval ends and costs."""
        import pandas as pd

        return pd.DataFrame([_row(record) for record in self.records])

    def leaderboard(self, task: str | None = None) -> pd.DataFrame:
        """Ranks within each pool of each task, best first, with 95 percent intervals of Kendall's tau-b.

        Columns: task, pool (training-free, predictors trained on n architectures, ...), rank, method, tau, low, high,
        interval (over "splits" or "architectures"), spearman, scored (architectures), failed (those without a score),
        and outcome.

        Args:
            task: only this one.

        Raises:
            UnknownName: if the task has no record.
        """
        import pandas as pd

        from proxybench.leaderboard.ranks.entries import entries_of
        from proxybench.leaderboard.ranks.overall import rank_tasks

        ranked = rank_tasks(entries_of(self.records))
        if task is not None and task not in ranked:
            raise unknown_name("task", task, ranked)
        rows = [
            _board_row(name, pool.name, place)
            for name, pools in ranked.items()
            if task in (None, name)
            for pool, places in pools.items()
            for place in places
        ]
        return pd.DataFrame(rows, columns=list(_BOARD))

    def compare(self, first: str, second: str, test: Test = "t") -> pd.DataFrame:
        """The difference in Kendall's tau-b between the first and the second method, on the same splits.

        One row per task and training size that both were evaluated on: `difference`, the mean over their common
        splits; `low` and `high`, Student's 95 percent interval over splits; `p_value` of the test; the number of
        `splits`, and on how many the first is `better`. With one split, the interval and the p-value are NaN.

        Args:
            first: method as `leaderboard` names it.
            second: likewise.
            test: "t", the paired t-test over splits; or "mann-whitney", the Mann-Whitney U test, which compares the two
                sets of values on the same splits without pairing them and needs no normal values.

        Raises:
            UnknownName: if a method has no records, or for an unknown test.
            ValueError: if no split has a value for both.
        """
        if test not in TESTS:
            raise unknown_name("test", test, TESTS)
        import pandas as pd

        found = {label: self._taus(label) for label in (first, second)}
        shared: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for (task, n_train, repeat), tau in found[first].items():
            if (task, n_train, repeat) in found[second]:
                shared.setdefault((task, n_train), []).append((tau, found[second][task, n_train, repeat]))
        if not shared:
            raise ValueError(f"{first} and {second} have no common split with a Kendall's tau for both; see .frame()")
        return pd.DataFrame([_comparison(*key, pairs, test) for key, pairs in sorted(shared.items())])

    def _taus(self, label: str) -> dict[tuple[str, int, int], float]:
        labels = {label_of(record) for record in self.records}
        if label not in labels:
            raise unknown_name("method", label, sorted(labels))
        return {
            (record.task.name, record.n_train, record.repeat): tau
            for record in self.records
            if label_of(record) == label and (tau := record.metrics.get("kendall")) is not None
        }

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        """A summary in one line, and the first rows of the leaderboard."""
        if not self.records:
            return f"Results: no jobs{self._left_out()}"
        board = self.leaderboard()[list(_BOARD[:7])]
        shown = board.head(SHOWN).to_string(index=False, float_format="{:.3f}".format, na_rep="")
        more = f"\n... {len(board) - SHOWN} more rows; see .leaderboard()" if len(board) > SHOWN else ""
        return f"{self._summary()}\n{shown}{more}"

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        if not self.records:
            return f"<p>{html.escape(repr(self))}</p>"
        board = self.leaderboard()[list(_BOARD[:7])]
        table = board.head(SHOWN).to_html(index=False, float_format="{:.3f}".format, na_rep="", border=0)
        more = f"<p>{len(board) - SHOWN} more rows; see <code>.leaderboard()</code></p>" if len(board) > SHOWN else ""
        return f"<p>{html.escape(self._summary())}</p>{table}{more}"

    def _summary(self) -> str:
        methods = {label_of(record) for record in self.records}
        tasks = {record.task.name for record in self.records}
        outcomes = Counter(record.outcome for record in self.records)
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        return f"Results: {len(methods)} methods on {len(tasks)} tasks, {len(self)} jobs ({counts}){self._left_out()}"

    def _left_out(self) -> str:
        return f"; left out: {', '.join(sorted(self.absent))}" if self.absent else ""


def label_of(record: Record) -> str:
    """The method of a record with its parameters, `gbdt(columns=false)`."""
    return str(Call(record.method, record.params))


def _row(record: Record) -> dict[str, Any]:
    task = record.task
    ends = {
        f"{name}_{end}": value
        for name, interval in record.intervals.items()
        for end, value in zip(("low", "high"), interval, strict=True)
    }
    return {
        "task": task.name,
        "benchmark": task.benchmark,
        "dataset": task.dataset,
        "target": task.target,
        "method": label_of(record),
        "kind": record.kind,
        "n_train": record.n_train,
        "repeat": record.repeat,
        "outcome": record.outcome,
        "message": record.message,
        **record.metrics,
        **ends,
        **record.cost,
    }


def _board_row(task: str, pool: str, place: Any) -> tuple[Any, ...]:
    entry = place.entry
    tau, rho = entry.metric("kendall"), entry.metric("spearman")
    scored, answered = entry.count("attempted"), entry.count("answered")
    return (
        task,
        pool,
        math.nan if place.rank is None else place.rank,
        label_of(entry.records[0]),
        tau.mean if tau else math.nan,
        math.nan if tau is None or tau.low is None else tau.low,
        math.nan if tau is None or tau.high is None else tau.high,
        ("splits" if tau.repeats > 1 else "architectures") if tau and tau.low is not None else "",
        rho.mean if rho else math.nan,
        scored,
        None if scored is None or answered is None else scored - answered,
        "; ".join(entry.missing) or entry.outcome,
    )


def _comparison(task: str, n_train: int, pairs: list[tuple[float, float]], test: Test) -> dict[str, Any]:
    found = mean_difference([first - second for first, second in pairs])
    if test == "mann-whitney" and len(pairs) > 1:
        from proxybench.ranking.comparison import mann_whitney

        found["p_value"] = mann_whitney(*zip(*pairs, strict=True)).p_value
    return {"task": task, "n_train": n_train, **found, "splits": len(pairs)}


def mean_difference(gains: Sequence[float]) -> dict[str, float]:
    """Mean, Student's 95 percent interval and p-value of independent differences, and the number above 0.

    Interval and p-value are NaN for fewer than two differences.
    """
    from proxybench.ranking.repeats import over_repeats

    mean = math.fsum(gains) / len(gains)
    low = high = p_value = math.nan
    if len(gains) > 1:
        error = over_repeats(np.array(gains))
        low, high, p_value = mean - error.half(), mean + error.half(), error.p_value(mean)
    return {
        "difference": mean,
        "low": low,
        "high": high,
        "p_value": p_value,
        "better": sum(gain > 0 for gain in gains),
    }
