"""The job of an evaluation: its specification as a value, and the function that turns it into a record."""

from __future__ import annotations

from typing import Any

import msgspec

from proxybench.jobs.store import JobFunction, imported
from proxybench.records import JobKey, Kind, Outcome, Record, Scalar, TaskIdentity, params_text


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
        return JobKey(self.task.name, self.method, params_text(self.params), self.n_train, self.repeat)

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


def evaluation(setup: bytes) -> JobFunction:
    """The function from a JobSpec to its Record, both as JSON; `setup` is the "module:function" that evaluates."""
    evaluate = imported(setup.decode())

    def run(content: bytes) -> bytes:
        spec = msgspec.json.decode(content, type=JobSpec)
        return _checked(evaluate(spec), spec)

    return run


def _checked(record: object, spec: JobSpec) -> bytes:
    """The JSON of the record, if it is a record of the right job that can be read back."""
    if not isinstance(record, Record):
        raise TypeError(f"the function returned {type(record).__name__}, not a Record")
    if (record.task, record.key) != (spec.task, spec.key):
        raise ValueError(f"the function returned the record of another job, {tuple(record.key)}")
    content = msgspec.json.encode(record, enc_hook=_plain)
    msgspec.json.decode(content, type=Record)
    return content


def _plain(value: Any) -> Any:
    """Numpy scalars as Python numbers."""
    if hasattr(value, "item"):
        return value.item()
    raise NotImplementedError(f"a record cannot hold {type(value).__name__}")
