"""Predictors inside other libraries' searchers: NAS-Bench-201 cells whose quality and latency are sums over edges."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from predictors import ArchBatch, make
from predictors.adapters.naslib import NASLibPredictor
from predictors.errors import NotFitted
from proxybench.search.core.pareto import hypervolume
from proxybench.spaces.nasbench201 import OPERATIONS, NASBench201

SPACE = NASBench201()
OPS = sorted(OPERATIONS)
WORTH = dict(zip(OPS, (0.5, 2.0, 3.0, -3.0, 1.0), strict=True))
COST = dict(zip(OPS, (1.0, 3.0, 8.0, 0.0, 0.0), strict=True))


def text(ops):
    a, b, c, d, e, f = ops
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def cells(numbers):
    return [SPACE.parse(text([OPS[number] for number in row])) for row in numbers]


def quality(ops):
    return sum(WORTH[op] * weight for op, weight in zip(ops, (1, 2, 3, 4, 5, 6), strict=True))


def latency(archs):
    return np.array([sum(COST.get(op, 0.0) for op in arch.ops) for arch in archs])


BEST = quality([max(WORTH, key=WORTH.get)] * 6)


def test_the_best_quality_is_three_a_weight():
    assert BEST == 3.0 * (1 + 2 + 3 + 4 + 5 + 6)


def ridge():
    return make("ridge", encodings="onehot", target="raw")


def study_of(sampler, trials, direction="maximize"):
    optuna = pytest.importorskip("optuna", reason="the extra nas-proxybench[search] is not installed")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler, direction=direction)
    sign = 1 if direction == "maximize" else -1

    def objective(trial):
        return sign * quality([trial.suggest_categorical(f"edge{place}", OPS) for place in range(6)])

    study.optimize(objective, n_trials=trials)
    return study


def settings_as_text(settings):
    return [text([setting[f"edge{place}"] for place in range(6)]) for setting in settings]


def sampler(**options):
    pytest.importorskip("optuna", reason="the extra nas-proxybench[search] is not installed")
    from predictors.adapters import PredictorSampler

    predictor = ridge().set_params(space=SPACE)
    return PredictorSampler(predictor, settings_as_text, **{"startup": 15, "candidates": 60, "seed": 0, **options})


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_optuna_sampler_finds_what_random_trials_do_not(direction):
    guided = study_of(sampler(), 40, direction)
    optuna = sys.modules["optuna"]
    at_random = study_of(optuna.samplers.RandomSampler(seed=0), 40, direction)
    assert abs(at_random.best_value) < 0.8 * BEST
    assert abs(guided.best_value) > 0.95 * BEST
    settings = [tuple(trial.params.values()) for trial in guided.trials]
    assert len(set(settings)) == 40


def test_the_optuna_sampler_repeats_itself_with_a_seed():
    first, second = ([trial.params for trial in study_of(sampler(), 20).trials] for _ in range(2))
    assert first == second
    assert first != [trial.params for trial in study_of(sampler(seed=1), 20).trials]


def test_the_optuna_sampler_goes_on_where_all_has_been_tried_and_where_values_are_infinite():
    optuna = pytest.importorskip("optuna", reason="the extra nas-proxybench[search] is not installed")
    asked = []

    def describe(settings):
        asked.append([setting["op"] for setting in settings])
        return cells([[OPS.index(setting["op"])] * 6 for setting in settings])

    from predictors.adapters import PredictorSampler

    study = optuna.create_study(sampler=PredictorSampler(ridge(), describe, startup=2, exploration=0.0, seed=0))
    values = {op: float(number) for number, op in enumerate(OPS)} | {"none": float("inf")}
    study.optimize(lambda trial: values[trial.suggest_categorical("op", OPS)], n_trials=15)
    assert {trial.params["op"] for trial in study.trials} == set(OPS)
    assert asked
    assert all("none" not in learned_from for learned_from in asked[::2])


def test_wrong_use_of_the_optuna_sampler_is_named():
    optuna = pytest.importorskip("optuna", reason="the extra nas-proxybench[search] is not installed")
    with pytest.raises(ValueError, match="startup >= 2"):
        sampler(startup=1)
    study = optuna.create_study(sampler=sampler(), directions=["maximize", "minimize"])
    with pytest.raises(ValueError, match="one objective; the study has 2"):
        study.optimize(lambda trial: (trial.suggest_float("a", 0, 1), 0.0), n_trials=1)


def test_nsga2_of_pymoo_finds_the_front_of_predicted_quality_against_latency():
    pytest.importorskip("pymoo", reason="the extra nas-proxybench[search] is not installed")
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.operators.crossover.ux import UX
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.optimize import minimize

    from predictors.adapters import AnotherChoice, PredictedObjectives

    rng = np.random.default_rng(0)
    rows = rng.integers(5, size=(300, 6))
    accuracy = ridge().fit(cells(rows), [quality([OPS[number] for number in row]) for row in rows])
    problem = PredictedObjectives([5] * 6, cells, maximise=[accuracy], minimise=[latency])
    algorithm = NSGA2(40, sampling=IntegerRandomSampling(), crossover=UX(), mutation=AnotherChoice())
    result = minimize(problem, algorithm, ("n_gen", 25), seed=1)
    found = cells(result.X)
    points = np.column_stack([accuracy.predict(found), -latency(found)])
    assert np.allclose(points, -result.F)
    every = cells(np.stack(np.meshgrid(*[range(5)] * 6), axis=-1).reshape(-1, 6))
    reference = np.array([-60.0, -50.0])
    share = hypervolume(points, reference) / hypervolume(
        np.column_stack([accuracy.predict(every), -latency(every)]), reference
    )
    assert 0.97 < share <= 1 + 1e-9


def test_a_mutation_takes_another_option_and_all_of_them():
    pytest.importorskip("pymoo", reason="the extra nas-proxybench[search] is not installed")
    from predictors.adapters import AnotherChoice, PredictedObjectives

    problem = PredictedObjectives([1, 2, 5], cells, minimise=[latency])
    before = np.tile([0, 1, 4], (3000, 1))
    after = AnotherChoice()._do(problem, before, random_state=np.random.default_rng(0))
    changed = after != before
    assert changed.mean(axis=0).tolist() == pytest.approx([0, 1 / 3, 1 / 3], abs=0.04)
    assert set(after[:, 2]) == {0, 1, 2, 3, 4}
    assert set(after[changed[:, 1], 1]) == {0}


def test_wrong_objectives_of_pymoo_are_named():
    pytest.importorskip("pymoo", reason="the extra nas-proxybench[search] is not installed")
    from predictors.adapters import PredictedObjectives

    def broken(archs):
        return np.full(len(archs), np.nan)

    def short(archs):
        return np.zeros(1)

    rows = np.zeros((3, 6), dtype=int)
    with pytest.raises(ValueError, match="no objectives"):
        PredictedObjectives([5] * 6, cells)
    with pytest.raises(ValueError, match="at least one option"):
        PredictedObjectives([5, 0], cells, minimise=[latency])
    with pytest.raises(ValueError, match="broken is not finite for 3 architectures"):
        PredictedObjectives([5] * 6, cells, maximise=[broken]).evaluate(rows)
    with pytest.raises(ValueError, match=r"short returned shape \(1,\) for 3 architectures"):
        PredictedObjectives([5] * 6, cells, minimise=[short]).evaluate(rows)


class Cell:
    """As much of a NASLib architecture as a predictor sees."""

    def __init__(self, numbers):
        self.numbers = tuple(numbers)

    def get_hash(self):
        return self.numbers


def cells_of_naslib(archs):
    return cells([arch.get_hash() for arch in archs])


def test_a_predictor_answers_as_naslibs_evaluator_calls_it():
    rng = np.random.default_rng(0)
    archs = [Cell(row) for row in rng.integers(5, size=(200, 6))]
    accuracies = [quality([OPS[number] for number in arch.numbers]) for arch in archs]
    predictor = NASLibPredictor(ridge(), cells_of_naslib)
    predictor.set_ss_type("nasbench201")
    predictor.pre_process()
    requirements = predictor.get_data_reqs()
    assert (requirements["requires_partial_lc"], requirements["unlabeled"]) == (False, False)
    predictor.pre_compute(archs[:100], archs[100:], unlabeled=None)
    with pytest.raises(NotFitted, match=r"call fit\(xtrain, ytrain\)"):
        predictor.query(archs[100:])
    predictor.fit(archs[:100], accuracies[:100])
    predicted = predictor.query(archs[100:], predictor.requires_partial_training(archs[100:]))
    assert np.corrcoef(predicted, accuracies[100:])[0, 1] > 0.95
    predictor.fit(archs[:100], -np.array(accuracies[:100]))
    assert np.corrcoef(predictor.query(archs[100:]), accuracies[100:])[0, 1] < -0.95
    assert not hasattr(predictor.predictor, "regressor_")


def test_naslibs_unlabelled_architectures_are_learned_from_first():
    pytest.importorskip("torch_geometric", reason="the extra nas-proxybench[torch] is not installed")
    from predictors.pretraining import Pretrained

    def describe(archs):
        graphs = cells_of_naslib(archs)
        return ArchBatch(graphs, {"cost:latency": latency(graphs)})

    archs = [Cell(row) for row in np.random.default_rng(0).integers(5, size=(60, 6))]
    given = Pretrained(hidden=16, members=1, min_steps=5, pretraining_steps=5)
    predictor = NASLibPredictor(given, describe)
    assert predictor.get_data_reqs()["unlabeled"]
    predictor.pre_compute(archs[:10], archs[10:20], unlabeled=archs[20:])
    predictor.fit(archs[:10], np.arange(10.0))
    assert predictor.model_.start_.statistics == ("cost:latency",)
    assert len(predictor.query(archs)) == 60
    assert given.start is None


@pytest.mark.parametrize(
    ("name", "library"),
    [("PredictorSampler", "optuna"), ("PredictedObjectives", "pymoo"), ("AnotherChoice", "pymoo")],
)
def test_a_library_that_is_missing_is_named_when_its_adapter_is_requested(name, library):
    code = (
        f"import sys; sys.modules[{library!r}] = None; import predictors.adapters\n"
        f"try: predictors.adapters.{name}\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{name} needs {library}; run: pip install 'nas-proxybench[search]'"


def test_the_adapters_are_listed_and_load_nothing_before():
    code = (
        "import sys, predictors.adapters as a; print(dir(a) == sorted(a.__all__), "
        "[name for name in ('numpy', 'optuna', 'pymoo', 'sklearn', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True []"
    import predictors.adapters

    with pytest.raises(AttributeError, match="no attribute 'Sampler'"):
        predictors.adapters.Sampler  # noqa: B018
