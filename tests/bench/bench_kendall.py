"""Measures Kendall's tau-b under bootstrap, compared with a loop over scipy.stats.kendalltau, and all metrics together.

    python tests/bench/bench_kendall.py

13 columns of 15,625 scores, 1,000 resamples: the size of NAS-Bench-201 with the proxies of NAS-Bench-Suite-Zero. Some
columns have many ties, some have NaN. scipy is timed on every column of some resamples in the same run, its loop is
scaled to all of them, and each of its values is compared with ours to 1e-12. Fails below 15 times the speed.
"""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
from scipy.stats import kendalltau

from proxybench.ranking.bootstrap import bootstrap_metrics
from proxybench.ranking.kendall import kendall_bootstrap
from proxybench.ranking.resampling import resample

ROWS, COLUMNS, RESAMPLES = 15_625, 13, 1000
CHECKED = tuple(range(0, RESAMPLES, 125))
NEEDED = 15
FIRST_CALL = """
import time
import numpy as np
from proxybench.ranking.kendall import kendall_bootstrap
y = np.arange(2000.0)
start = time.perf_counter(); kendall_bootstrap(y, y, 1000); print(time.perf_counter() - start)
"""


def columns(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A target with few ties and 13 columns: three with many ties (11, 100 and 700 values), two with NaN."""
    rng = np.random.default_rng(seed)
    target = np.round(rng.normal(90, 3, ROWS), 3)
    scores = target[:, None] + rng.normal(0, 1, (ROWS, COLUMNS)) * np.linspace(1, 12, COLUMNS)
    for column, digits in ((0, -1), (1, 0), (2, 1)):
        scores[:, column] = np.round(scores[:, column], digits)
    scores[rng.random(ROWS) < 0.1, 3] = np.nan
    scores[rng.random(ROWS) < 0.9, 4] = np.nan
    return target, scores


def scipy_seconds(target: np.ndarray, scores: np.ndarray, ours: np.ndarray) -> float:
    """Mean seconds of one call of scipy, after comparing each value with ours."""
    spent = 0.0
    for number in CHECKED:
        rows = resample(ROWS, 0, number)
        for column in range(COLUMNS):
            drawn, values = target[rows], scores[rows, column]
            there = np.isfinite(values)
            drawn, values = drawn[there], values[there]
            start = time.perf_counter()
            expected = kendalltau(values, drawn).statistic
            spent += time.perf_counter() - start
            np.testing.assert_allclose(ours[number, column], expected, rtol=0, atol=1e-12)
    return spent / (len(CHECKED) * COLUMNS)


def main() -> None:
    """Measure, compare and print."""
    answer = subprocess.run([sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, check=True)
    target, scores = columns(0)
    kendall_bootstrap(target, scores[:, :1], 1000)
    ours = np.empty(0)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        ours = kendall_bootstrap(target, scores, RESAMPLES, seed=0)
        times.append(time.perf_counter() - start)
    seconds = sorted(times)[1]
    scipy = scipy_seconds(target, scores, ours) * RESAMPLES * COLUMNS
    start = time.perf_counter()
    for dataset in range(3):
        bootstrap_metrics(*columns(dataset), resamples=RESAMPLES)
    everything = time.perf_counter() - start
    size = f"{COLUMNS} columns x {RESAMPLES} resamples x {ROWS} rows"
    calls = len(CHECKED) * COLUMNS
    print(f"{'first call of a process (compiled code cached or not)':<82}{float(answer.stdout):8.2f} s")
    print(f"{f'tau-b, {size}, median of 3':<82}{seconds:8.2f} s")
    print(f"{f'loop over scipy.stats.kendalltau, scaled from {calls} calls, all equal':<82}{scipy:8.2f} s")
    print(f"{f'ratio (needed: {NEEDED})':<82}{scipy / seconds:8.1f} x")
    print(f"{f'all metrics of a leaderboard row, {size}, 3 data sets':<82}{everything:8.2f} s")
    if scipy < NEEDED * seconds:
        raise SystemExit(f"bootstrap of tau-b is only {scipy / seconds:.1f} times as fast as scipy; needed: {NEEDED}")


if __name__ == "__main__":
    main()
