"""The hooks of a pytest session with a suite: they collect the jobs and gather their records.

Under pytest-xdist every worker collects and evaluates; records are sent in the reports, and the controller writes them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import msgspec
import pytest

from predictors.errors import UnknownName
from proxybench.errors import ProxybenchError
from proxybench.evaluation.entrants import COLUMNS, load_object
from proxybench.evaluation.plans import suite_tasks
from proxybench.pytest_plugin import FLOORS_INI
from proxybench.pytest_plugin.board import refuse_foreign_records, write_board
from proxybench.pytest_plugin.declared import declared, target
from proxybench.pytest_plugin.floors import InvalidFloor, declared_floors, parse_floors
from proxybench.pytest_plugin.items import JobItem, SuiteCollector
from proxybench.pytest_plugin.plan import PlannedJob, planned_jobs
from proxybench.records import JobKey, Record

CARRIED = "proxybench_record"


class SuiteSession:
    """The hooks of a run with a suite.

    Raises:
        UsageError: for an unknown suite, an invalid floor, or a folder whose records must not be replaced.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._suite: str = config.getoption("proxybench_suite")
        self._methods: list[str] = config.getoption("proxybench_method") or [COLUMNS]
        self._entries: list[str] = config.getoption("proxybench_entry") or []
        given = config.getoption("proxybench_repeats")
        self._repeats: int = 1 if given is None else given
        out = config.getoption("proxybench_csv")
        writes = out is not None and not hasattr(config, "workerinput") and not config.getoption("collectonly")
        self._out: Path | None = config.invocation_params.dir / out if writes else None
        self._records: dict[JobKey, Record] = {}
        self._config = config
        self._modules: list[pytest.Module] = []
        self._note = ""
        if self._repeats < 1:
            raise pytest.UsageError(f"--proxybench-repeats {self._repeats}: must be at least 1")
        try:
            suite_tasks(self._suite)
            self._floors_of_ini = parse_floors(config.getini(FLOORS_INI))
            self._floors_asked = parse_floors(config.getoption("proxybench_min_kendall") or [])
            if self._out is not None:
                refuse_foreign_records(self._out)
        except (ProxybenchError, UnknownName) as error:
            raise pytest.UsageError(str(error)) from error

    @pytest.hookimpl(wrapper=True)
    def pytest_pycollect_makemodule(self) -> Generator[None, pytest.Module | None, pytest.Module | None]:
        """Note the test modules of the run: the entrants that they define or import take part."""
        module = yield
        if module is not None:
            self._modules.append(module)
        return module

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add the jobs after all modules are imported and have declared their entrants; -k, -m and --lf apply later."""
        suite = SuiteCollector.from_parent(session, name="proxybench", nodeid="proxybench", jobs=self._jobs)
        items.extend(session.genitems(suite))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the record of a job to its report."""
        report = yield
        if call.when == "call" and isinstance(item, JobItem) and item.record is not None:
            setattr(report, CARRIED, msgspec.json.encode(item.record).decode())
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the record from a report; if a job was rerun, the last one counts."""
        if self._out is not None and hasattr(report, CARRIED):
            record = msgspec.json.decode(getattr(report, CARRIED), type=Record)
            self._records[record.key] = record

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the leaderboard; the run fails if it cannot be written."""
        if self._out is None:
            return
        if not self._records:
            self._note = f"no job was evaluated; {self._out} was not written"
            return
        try:
            paths = write_board(self._out, self._suite, list(self._records.values()))
        except (ProxybenchError, OSError) as error:
            self._note = f"error: no leaderboard was written: {error}"
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            return
        self._note = f"{len(self._records)} records -> {self._out} ({', '.join(path.name for path in paths)})"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Report where the leaderboard was written."""
        if self._note:
            terminalreporter.section("proxybench")
            terminalreporter.line(self._note)

    def _jobs(self) -> Iterator[tuple[PlannedJob, float | None]]:
        """The jobs with their floors; command-line floors override the ini file's, which override declared ones."""
        loaded = {entry: load_object(entry) for entry in self._entries}  # importing declares the decorated entrants
        conftests = [plugin for plugin in self._config.pluginmanager.get_plugins() if _is_conftest(plugin)]
        namespaces = [vars(module.obj) for module in self._modules] + [vars(conftest) for conftest in conftests]
        entrants = declared([*loaded.values(), *(thing for names in namespaces for thing in names.values())])
        own = [entry for entry, thing in loaded.items() if not any(thing is other for other in entrants.values())]
        methods = [*self._methods, *own, *map(target, entrants)]
        floors = {**declared_floors(entrants), **self._floors_of_ini, **self._floors_asked}
        jobs = planned_jobs(self._suite, methods, self._repeats)
        unmet = set(self._floors_asked) - {(job.task, job.method) for job in jobs}
        if unmet:
            named = ", ".join("/".join(job) for job in sorted(unmet))
            raise InvalidFloor(f"no job of suite {self._suite} matches the floor of {named}")
        return ((job, floors.get((job.task, job.method))) for job in jobs)


def _is_conftest(plugin: object) -> bool:
    return Path(getattr(plugin, "__file__", None) or "").name == "conftest.py"
