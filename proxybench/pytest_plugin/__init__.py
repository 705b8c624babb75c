"""The pytest plugin: the jobs of a suite as test items with the marker `proxybench`.

Every pytest run loads this module if proxybench is installed, so it imports nothing from proxybench unless
`--proxybench-suite` is given.
"""

from __future__ import annotations

import pytest

OPTIONS = "proxybench_method", "proxybench_entry", "proxybench_min_kendall", "proxybench_repeats", "proxybench_csv"
FLOORS_INI = "proxybench_min_kendall"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options --proxybench-* and the ini setting for floors."""
    group = parser.getgroup("proxybench", "the jobs of a proxybench suite as tests")
    group.addoption("--proxybench-suite", metavar="NAME", help="Collect the jobs of this suite, e.g. quick.")
    group.addoption(
        "--proxybench-method",
        metavar="M",
        action="append",
        help="A column, predictor or cost; may be repeated. Default: every published column.",
    )
    group.addoption(
        "--proxybench-entry",
        metavar="MODULE:OBJECT",
        action="append",
        help="Your own scoring function or predictor class, looked up in the current folder too; may be repeated.",
    )
    group.addoption("--proxybench-repeats", metavar="N", type=int, help="Splits per training size. Default: 1.")
    group.addoption(
        "--proxybench-min-kendall",
        metavar="TASK/METHOD=FLOOR",
        action="append",
        help="Fail if Kendall's tau of a method on a task is below this floor; may be repeated.",
    )
    group.addoption(
        "--proxybench-csv",
        metavar="OUT",
        help="Write the records of this run and their leaderboard to this folder or, if OUT ends in .csv, "
        "the rows of all tasks to that file.",
    )
    parser.addini(FLOORS_INI, "Lines TASK/METHOD=FLOOR, as for --proxybench-min-kendall.", type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, if a suite is requested, the hooks that collect and report its jobs.

    Raises:
        UsageError: for an unknown suite, a malformed floor, or other options without a suite.
    """
    config.addinivalue_line("markers", "proxybench: a job of a proxybench suite; select with -m proxybench")
    if config.getoption("proxybench_suite") is not None:
        from proxybench.pytest_plugin.session import SuiteSession

        config.pluginmanager.register(SuiteSession(config), "proxybench-suite")
        return
    given = [name for name in OPTIONS if config.getoption(name) is not None]
    if given:
        raise pytest.UsageError(f"--{given[0].replace('_', '-')} needs --proxybench-suite NAME")
