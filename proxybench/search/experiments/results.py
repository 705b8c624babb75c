"""Results of searches: as tables for people, as records on disk, and as comparisons of two searchers."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from predictors.errors import unknown_name
from proxybench.errors import DataNotAvailable
from proxybench.grammar import Quantity
from proxybench.ranking.repeats import half_of_runs
from proxybench.records import write_records
from proxybench.results import label_of, mean_difference
from proxybench.search.experiments.run_records import SearchRecord, read_runs

if TYPE_CHECKING:
    import pandas as pd


class SearchResults:
    """The runs of some searchers on a problem, one per searcher and seed.

    Attributes:
        records: the runs, in the order of searchers and seeds.
    """

    def __init__(self, records: Iterable[SearchRecord]) -> None:
        self.records = tuple(records)

    @classmethod
    def load(cls, path: str | Path) -> SearchResults:
        """The runs in a file that `save` or `proxybench search --output` wrote.

        Raises:
            DataNotAvailable: if the file is missing or empty.
            CorruptData: if a line is not a run; names file and line.
        """
        place = Path(path)
        records = read_runs(place) if place.exists() else []
        if not records:
            raise DataNotAvailable(f"{place} holds no runs; save results there, or run: proxybench search --output")
        return cls(records)

    def save(self, path: str | Path) -> Path:
        """Write the runs to a file of JSON lines, which is replaced atomically, and return its path."""
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_records(place, self.records)
        return place

    def frame(self) -> pd.DataFrame:
        """One row per run: searcher, seed, budget, the architecture returned, its values and ranks, and costs.

        The columns of the values are named after their quantities, such as `val_acc` and `test_acc`.
        """
        import pandas as pd

        return pd.DataFrame([row_of(record) for record in self.records])

    def leaderboard(self) -> pd.DataFrame:
        """One row per searcher and budget, sorted by the mean value of the architectures returned, best first.

        Columns: searcher, budget, runs, value (of the objective, mean over runs), low and high (Student's 95 percent
        interval over runs; NaN for fewer than 20), reported (mean of the other quantity), median_rank (of the results,
        where 1 is the best of the population), seconds (mean training time recorded in the table).
        """
        import pandas as pd

        groups: dict[tuple[str, int], list[SearchRecord]] = {}
        for record in self.records:
            groups.setdefault((label_of(record), record.n_train), []).append(record)
        rows = [_summary(*key, runs) for key, runs in groups.items()]
        board = pd.DataFrame(rows)
        if not rows:
            return board
        sign = 1 if _larger_is_better(self.records[0]) else -1
        order = (-sign * board["value"]).argsort(kind="stable")
        return board.iloc[order].reset_index(drop=True)

    def compare(self, first: str, second: str) -> pd.DataFrame:
        """The difference in the objective between the first and the second searcher, with the same seeds.

        One row per common budget: `difference`, the mean over the shared seeds; `low` and `high`, Student's 95 percent
        interval, NaN for fewer than 20 seeds; `p_value` of Wilcoxon's signed-rank test; `better`, the number of seeds
        on which the first is ahead; `seeds`, the number of shared seeds.

        Raises:
            UnknownName: if a searcher has no runs.
            ValueError: if no seed is shared.
        """
        import pandas as pd

        sign = 1 if self.records and _larger_is_better(self.records[0]) else -1
        found = {label: self._values(label) for label in (first, second)}
        gains: dict[int, list[float]] = {}
        for (budget, seed), value in sorted(found[first].items()):
            if (budget, seed) in found[second]:
                gains.setdefault(budget, []).append(sign * (value - found[second][budget, seed]))
        if not gains:
            raise ValueError(f"{first} and {second} have no seed in common")
        return pd.DataFrame([_comparison(budget, values) for budget, values in gains.items()])

    def _values(self, label: str) -> dict[tuple[int, int], float]:
        labels = {label_of(record) for record in self.records}
        if label not in labels:
            raise unknown_name("searcher", label, sorted(labels))
        return {
            (record.n_train, record.repeat): value
            for record in self.records
            if label_of(record) == label and (value := record.metrics.get("value")) is not None
        }

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        """The problem in one line, and the leaderboard."""
        if not self.records:
            return "SearchResults: no runs"
        return f"{self._title()}\n{self.leaderboard().to_string(index=False, float_format='{:.4g}'.format, na_rep='')}"

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        if not self.records:
            return "<p>SearchResults: no runs</p>"
        table = self.leaderboard().to_html(index=False, float_format="{:.4g}".format, na_rep="", border=0)
        return f"<p>{html.escape(self._title())}</p>{table}"

    def _title(self) -> str:
        task = self.records[0].task
        return f"SearchResults: {len(self)} runs on {task.benchmark} {task.dataset}, objective {task.target}"


def row_of(record: SearchRecord) -> dict[str, Any]:
    """A run as one flat row, with the values under the names of their metrics."""
    objective, reported = value_names(record)
    metrics = record.metrics
    others = {name: value for name, value in metrics.items() if name not in ("queries", "value", "reported", "rank")}
    row: dict[str, Any] = {
        "searcher": label_of(record),
        "seed": record.repeat,
        "budget": record.n_train,
        "queries": int(metrics["queries"] or 0),
        "arch": record.arch,
        objective: metrics["value"],
    }
    if reported:
        row[reported] = metrics.get("reported")
    return row | {"rank": int(metrics["rank"] or 0), **others, **record.cost}


def value_names(record: SearchRecord) -> tuple[str, str]:
    """Names of the objective and the reported quantity: their metrics, or in full if those are the same."""
    objective = Quantity.parse(record.task.target)
    if not record.report:
        return objective.metric, ""
    reported = Quantity.parse(record.report)
    if reported.metric == objective.metric:
        return str(objective), str(reported)
    return objective.metric, reported.metric


def _larger_is_better(record: SearchRecord) -> bool:
    from proxybench.tables.quantities import sign_of

    return sign_of(Quantity.parse(record.task.target)) > 0


def _summary(searcher: str, budget: int, runs: list[SearchRecord]) -> dict[str, Any]:
    values = [value for one in runs if (value := one.metrics.get("value")) is not None]
    reported = [value for one in runs if (value := one.metrics.get("reported")) is not None]
    ranks = [value for one in runs if (value := one.metrics.get("rank")) is not None]
    seconds = [value for one in runs if (value := one.cost.get("train_s")) is not None]
    mean, half = float(np.mean(values)), half_of_runs(values)
    return {
        "searcher": searcher,
        "budget": budget,
        "runs": len(runs),
        "value": mean,
        "low": math.nan if half is None else mean - half,
        "high": math.nan if half is None else mean + half,
        "reported": float(np.mean(reported)) if reported else math.nan,
        "median_rank": float(np.median(ranks)) if ranks else math.nan,
        "seconds": float(np.mean(seconds)) if seconds else math.nan,
    }


def _comparison(budget: int, gains: list[float]) -> dict[str, Any]:
    from scipy.stats import wilcoxon

    signed_ranks = float(wilcoxon(gains).pvalue) if any(gains) else 1.0
    found = {**mean_difference(gains), "p_value": signed_ranks, "seeds": len(gains)}
    if half_of_runs(gains) is None:
        found |= {"low": math.nan, "high": math.nan}
    return {"budget": budget, **found}
