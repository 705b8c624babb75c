"""Measures the steps of GBDT-NAS on NAS-Bench-101, in processor time of one thread.

    python tests/bench/bench_gbdt_nas.py

Population: 30,001 cells, of which 1,000 are trained on. Fails where a step takes longer than allowed.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from predictors.gbdt_nas import ChoiceGBDT
from predictors.gbdt_nas.shapley import interaction_values
from proxybench.search.experiments.experiment import ProblemSetting, TableSearch
from proxybench.search.searchers.gbdt_nas import choice_rows

SETTING = ProblemSetting("nasbench101", "cifar10", "val_acc@108")
ALLOWED_S = {"fit": 1.0, "rank all": 2.0, "Shapley values": 10.0, "interactions": 20.0}


def main() -> None:
    """Measure and print."""
    problem = TableSearch(SETTING).problem
    encoding, rows = problem.cached(choice_rows)
    train = np.random.default_rng(0).permutation(len(problem))[:1000]
    ChoiceGBDT().fit_rows(encoding, rows[train[:100]], problem.values[train[:100]])  # loads LightGBM
    model, spent = ChoiceGBDT(), {}
    for name, step in {
        "fit": lambda: model.fit_rows(encoding, rows[train], problem.values[train]),
        "rank all": lambda: model.score_rows(rows),
        "Shapley values": lambda: model.booster_.predict(rows[train], pred_contrib=True),
        "interactions": lambda: interaction_values(model.leaves_, rows[train]),
    }.items():
        start = time.process_time()
        step()
        spent[name] = time.process_time() - start
        print(
            f"{name:15s} {spent[name]:6.2f} s, allowed {ALLOWED_S[name]:g} (trained on 1,000 of {len(problem)} cells)"
        )
    slow = [name for name, seconds in spent.items() if seconds > ALLOWED_S[name]]
    sys.exit(f"too slow: {', '.join(slow)}" if slow else 0)


if __name__ == "__main__":
    main()
