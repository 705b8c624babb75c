"""The generated architectures on the page as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from proxybench.leaderboard.generation.records import BASELINES, GenerationProblem, GeneratorResult, gains
from proxybench.leaderboard.page.rounding import rounded


def generation_content(problems: Sequence[GenerationProblem]) -> dict[str, Any]:
    """All of these, ready to be written as JSON; empty lists if nothing was generated."""
    return {
        "baselines": list(BASELINES),
        "problems": [
            {
                "name": problem.task.name,
                "benchmark": problem.task.benchmark,
                "dataset": problem.task.dataset,
                "objective": problem.task.target,
                "report": problem.report,
                "population": problem.task.population,
                "size": problem.task.size,
                "split": problem.task.split,
                "architectures": problem.architectures,
                "edges": problem.edges,
                "counts": problem.population,
                "methods": [_method(problem, method) for method in problem.methods],
            }
            for problem in problems
        ],
    }


def _method(problem: GenerationProblem, method: GeneratorResult) -> dict[str, Any]:
    by_baseline = {gain.baseline: gain for gain in gains(problem, method)}
    against = [by_baseline.get(name) for name in BASELINES]
    return {
        "label": method.method,
        "calls": method.calls,
        "runs": len(method.seeds),
        "rank": rounded(float(np.mean(method.mean_rank)), 5),
        "half": rounded(method.half, 3),
        "median": method.median,
        "best": rounded(float(np.median(method.best_of_ten))),
        "seconds": method.seconds,
        "note": method.note,
        "counts": method.counts,
        "against": [
            None if gain is None else [rounded(gain.mean, 4), rounded(gain.half, 3), rounded(gain.wins, 3)]
            for gain in against
        ],
    }
