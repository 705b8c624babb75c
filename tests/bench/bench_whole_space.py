"""Processor time and peak memory of loading all of NAS-Bench-101, and of predicting it with a tabular predictor.

    python tests/bench/bench_whole_space.py gbdt

PROXYBENCH_CACHE must hold the table. The first line is the process before the table is loaded. The last line has a
digest of the predictions, which must not depend on how many architectures are scored at once.
"""

from __future__ import annotations

import hashlib
import sys
import time
import warnings
from pathlib import Path


def report(step: str, since: float) -> float:
    """Print processor seconds since the last step, and memory now and at its peak since then, in MB."""
    seconds = time.process_time() - since
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    now, peak = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    print(f"{step:12s} {seconds:8.3f} s {now:8.0f} MB, at most {peak:.0f} MB")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    return time.process_time()


def main(method: str) -> None:
    import numpy as np  # noqa: F401
    import pandas as pd  # noqa: F401

    import proxybench as pb
    from predictors import make

    at = report("imports", 0.0)
    bench = pb.load("nasbench101")
    at = report("load", at)
    bench.frame(metrics=["test_acc"], epochs=108)
    at = report("first frame", at)
    bench.frame(metrics=["test_acc"], epochs=108)
    at = report("frame", at)
    batch, targets = bench.batch(dataset="cifar10"), bench.values("test_acc", epochs=108)
    at = report("batch", at)
    warnings.simplefilter("ignore")
    model = make(method).fit(batch[:1000], targets[:1000])
    at = report("fit of 1,000", at)
    predicted = model.predict(batch)
    report("predict", at)
    print(len(predicted), hashlib.blake2b(predicted.tobytes(), digest_size=8).hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:])
