"""Estimates of this project's supernets on their task: a repeat for each seed, with what the supernet cost."""

from __future__ import annotations

import numpy as np
import pytest

import proxybench as pb
from proxybench.evaluation.evaluate import evaluate
from proxybench.evaluation.plans import plan_suite

TASK = "trained-nasbench201-supernets"


def test_the_repeats_of_an_estimate_are_the_seeds_of_its_supernets() -> None:
    plan = plan_suite("one-shot", ["oneshot:spos", "synflow"], tasks=[TASK])
    jobs = [(spec.method, spec.repeat) for spec in plan.specs if spec.method not in ("params", "flops", "random")]
    assert jobs == [*(("oneshot:spos", seed) for seed in range(3)), ("synflow@proxybench", 0)]


@pytest.mark.parametrize("method", ["oneshot:spos", "oneshot:spos-loss"])
def test_a_record_has_the_rank_agreement_and_the_cost_of_its_supernet(method: str) -> None:
    bench = pb.load("trained-nasbench201")
    (spec,) = (
        spec
        for spec in plan_suite("one-shot", [method], tasks=[TASK]).specs
        if (spec.method, spec.repeat) == (method, 2)
    )
    record = evaluate(spec)
    expected = pb.rank_metrics(bench.values("test_acc", epochs=3), bench.values(method, seed=2))
    assert (record.kind, record.repeat) == ("one-shot", 2)
    assert record.metrics["kendall"] == pytest.approx(expected["kendall"])
    assert record.cost == {
        "fit_s": pytest.approx(bench.values("supernet_s:spos", seed=2)[0]),
        "predict_s": pytest.approx(np.nanmean(bench.values("oneshot_s:spos", seed=2))),
    }
