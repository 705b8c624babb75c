"""Estimates as a file of scores, which `proxybench run --scores` and `pb.evaluate(scores=...)` rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from proxybench.csv_text import csv_bytes
from proxybench.files import replace_file
from proxybench.oneshot.estimates import Estimates


def write_scores(path: Path, method: str, archs: Sequence[str], estimates: Estimates) -> None:
    """Write a CSV with the columns `arch`, METHOD (accuracy in percent) and METHOD-loss (negative loss).

    Without accuracies the column METHOD is left out. An estimate that is not finite is an empty cell, which is ranked
    last.

    Args:
        path: a file that ends in .csv; replaced atomically.
        method: name of the method.
        archs: texts of the architectures.
        estimates: their estimates.
    """
    columns = {method: estimates.accuracy.tolist(), f"{method}-loss": (-estimates.loss).tolist()}
    if all(map(math.isnan, columns[method])):
        del columns[method]
    cells = ([value if math.isfinite(value) else None for value in column] for column in columns.values())
    replace_file(path, csv_bytes(("arch", *columns), zip(archs, *cells, strict=True)))
