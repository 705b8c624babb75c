"""The nodes that pytest sees: a collector for the suite, and an item for each job."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from predictors.errors import UnknownName
from proxybench.errors import ProxybenchError, Unsupported
from proxybench.evaluation.evaluate import evaluate
from proxybench.evaluation.method_job import do_job_here
from proxybench.jobs.failure import MethodFailed, describe
from proxybench.jobs.provenance import provenance
from proxybench.pytest_plugin.floors import below_floor
from proxybench.pytest_plugin.plan import PlannedJob
from proxybench.records import Record


class SuiteCollector(pytest.Collector):
    """The jobs of a suite; `jobs` holds each with its floor."""

    def __init__(self, *, jobs: Callable[[], Iterable[tuple[PlannedJob, float | None]]], **names: Any) -> None:
        super().__init__(**names)
        self._jobs = jobs

    def collect(self) -> Iterable[pytest.Item]:
        """One item per job. Raises CollectError if the suite cannot be planned."""
        try:
            jobs = list(self._jobs())
        except (ProxybenchError, UnknownName) as error:
            raise self.CollectError(str(error)) from error
        return [JobItem.from_parent(self, name=job.name, nodeid=job.name, job=job, floor=floor) for job, floor in jobs]


class JobItem(pytest.Item):
    """Evaluates one job, and fails if the job fails or Kendall's tau is below the floor.

    Attributes:
        record: the outcome, once it has run.
    """

    def __init__(self, *, job: PlannedJob, floor: float | None, **names: Any) -> None:
        super().__init__(**names)
        self.record: Record | None = None
        self._job, self._floor = job, floor
        self.add_marker(pytest.mark.proxybench)
        if job.spec is None:
            self.add_marker(pytest.mark.skip(reason=job.reason))

    def runtest(self) -> None:
        """Evaluate the job in this process and compare the record with the floor."""
        self.record = record = self._evaluate()
        if record.outcome == "unsupported":
            pytest.skip(record.message)
        if record.outcome != "ok":
            pytest.fail(record.message or record.outcome, pytrace=False)
        self.user_properties.append(("kendall", record.metrics.get("kendall")))
        if self._floor is not None and (problem := below_floor(record, self._floor)):
            pytest.fail(problem, pytrace=False)

    def reportinfo(self) -> tuple[Any, int, str]:
        """A job has no line in a file; the folder that pytest runs in is reported instead."""
        return self.path, 0, self.name

    def _evaluate(self) -> Record:
        """The record, whatever the method does, unless it ends the run."""
        assert self._job.spec is not None  # items without one are marked as skipped
        try:
            record = evaluate(self._job.spec, do_job_here)
        except Unsupported as error:
            record = self._job.spec.without_result("unsupported", str(error))
        except MethodFailed as error:
            record = self._job.spec.without_result(error.outcome, str(error))
        except Exception as error:
            record = self._job.spec.without_result("failed", describe(error))
            self.add_report_section("call", "traceback", "".join(traceback.format_exception(error)))
        return msgspec.structs.replace(record, provenance={**provenance(), "pytest": pytest.__version__})
