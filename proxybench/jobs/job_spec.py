"""Job specifications, as values that can be sent to another process or machine."""

from __future__ import annotations

from typing import Any

import msgspec

from proxybench.records import JobKey, Kind, Outcome, Record, Scalar, TaskIdentity


class JobSpec(msgspec.Struct, frozen=True):
    """One job to evaluate: the identity of its record, and whatever else the evaluating function needs.

    Attributes:
        task, method, kind, params, n_train, repeat: as in `Record`.
        payload: JSON values for the function only; not part of the job's identity.
    """

    task: TaskIdentity
    method: str
    kind: Kind
    params: dict[str, Scalar] = {}
    n_train: int = 0
    repeat: int = 0
    payload: dict[str, Any] = {}

    @property
    def key(self) -> JobKey:
        """The identity of the resulting record."""
        return self.without_result("failed", "").key

    def without_result(self, outcome: Outcome, message: str, cost: dict[str, float | None] | None = None) -> Record:
        """The record of a job that gave no metrics."""
        return Record(
            task=self.task,
            method=self.method,
            kind=self.kind,
            outcome=outcome,
            metrics={},
            params=self.params,
            repeat=self.repeat,
            n_train=self.n_train,
            cost=cost or {},
            message=message,
        )
