"""Figures of methods on a task, from the committed records: Kendall's tau-b with intervals, and differences."""

from __future__ import annotations

import json
from functools import cache

from board_csv import Row, read, results

from proxybench.results import Results


def label(row: Row) -> str:
    """The method of a row with its parameters, as `Results` names it: `gbdt(columns=false)`."""
    if not row["params"]:
        return row["method"]
    given = [f"{key}={_plain(value)}" for key, value in json.loads(row["params"]).items()]
    return f"{row['method']}({', '.join(given)})"


def _plain(value: object) -> str:
    return json.dumps(value) if isinstance(value, (bool, int, float)) or value == "" else str(value)


def tau(row: Row) -> str:
    """Kendall's tau-b of a row and, if it has several splits, half of its 95 % interval over them."""
    low, high = row["kendall_tau_b_low_over_splits"], row["kendall_tau_b_high_over_splits"]
    return f"{float(row['kendall_tau_b']):.3f}" + (f" ± {(float(high) - float(low)) / 2:.3f}" if low else "")


def tau_of(task: str, method: str, size: int) -> str:
    """The `tau` of a method with `size` training architectures; empty without an interval over splits."""
    for row in read(task):
        if label(row) == method and row["n_train"] == str(size) and row["kendall_tau_b_low_over_splits"]:
            return tau(row)
    return ""


@cache
def on_task(task: str) -> Results:
    """The records of one task."""
    return Results(record for record in results().records if record.task.name == task)


@cache
def gains_of(task: str, method: str, base: str) -> dict[int, str]:
    """By training size, the mean difference in tau-b between two methods on the same splits, and its 95 % interval."""
    if not {method, base} <= methods_on(task):
        return {}
    return {
        row["n_train"]: f"{row['difference']:+.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        for row in on_task(task).compare(method, base).to_dict("records")
        if row["splits"] > 2
    }


@cache
def methods_on(task: str) -> frozenset[str]:
    """The methods that have records on a task, with their parameters."""
    return frozenset(on_task(task).frame()["method"])


def gain_of(task: str, method: str, base: str, size: int) -> str:
    """`gains_of` for one training size; empty if there is no difference."""
    return gains_of(task, method, base).get(size, "")
