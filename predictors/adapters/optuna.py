"""A sampler for Optuna: a predictor chooses the next setting to try from many random ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import StudyDirection
from optuna.trial import TrialState
from sklearn.base import clone

from predictors.base import Architectures

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

Settings = Mapping[str, Any]


class PredictorSampler(BaseSampler):
    """Fits a predictor to the finished trials and picks the candidate with the best prediction.

    Half of the candidates are random; the other half are the best trials so far with one parameter resampled. Settings
    that have been tried or are running are not repeated; if no new setting is found, the trial is random.

    Parameters that some finished trials lack are sampled at random and not passed to `describe`; parameters with a
    single value are not passed either. Pruned trials, failed trials and infinite values are ignored.

    Args:
        predictor: an unfitted predictor; a fresh copy is fitted to the finished trials before each choice.
        describe: converts settings, each a mapping of parameter names to values, to an ArchBatch, or to graphs or
            texts that the predictor accepts.
        startup: number of finished trials before the predictor is used; earlier trials are random. At least 2.
        candidates: number of candidates to choose from.
        exploration: fraction of later trials that are random.
        seed: seed of all random choices; None for a different run every time.

    Raises:
        ValueError: if an option is out of range, or, while sampling, if the study has several objectives.
    """

    def __init__(
        self,
        predictor: Any,
        describe: Callable[[Sequence[Settings]], Architectures],
        *,
        startup: int = 10,
        candidates: int = 200,
        exploration: float = 0.1,
        seed: int | None = None,
    ) -> None:
        if startup < 2 or candidates < 1 or not 0 <= exploration <= 1:
            raise ValueError(
                "a PredictorSampler needs startup >= 2, candidates >= 1 and exploration in [0, 1]; "
                f"not {startup}, {candidates} and {exploration}"
            )
        self.predictor = predictor
        self.describe = describe
        self.startup = startup
        self.candidates = candidates
        self.exploration = exploration
        self._random = RandomSampler(seed)
        self._rng = np.random.default_rng(seed)
        self._common = IntersectionSearchSpace()

    def reseed_rng(self) -> None:
        self._random.reseed_rng()
        self._rng = np.random.default_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        if len(study.directions) != 1:
            raise ValueError(f"PredictorSampler takes one objective; the study has {len(study.directions)}")
        return {name: kind for name, kind in self._common.calculate(study).items() if not kind.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        finished = [one for one in _trials(study, TrialState.COMPLETE) if one.value is not None and isfinite(one.value)]
        if not search_space or len(finished) < self.startup or self._rng.random() < self.exploration:
            return {}
        sign = 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0
        values = np.array([sign * float(one.value or 0.0) for one in finished])
        tried = [{name: one.params[name] for name in search_space} for one in finished]
        known = {_key(one.params, search_space) for one in _trials(study, TrialState.COMPLETE, TrialState.RUNNING)}
        drawn = self._candidates(study, trial, search_space, [tried[place] for place in np.argsort(-values)])
        new = {key: one for one in drawn if (key := _key(one, search_space)) not in known}
        if not new:
            return {}
        settings = list(new.values())
        model = clone(self.predictor).fit(self.describe(tried), values)
        return settings[int(np.argmax(model.predict(self.describe(settings))))]

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _candidates(
        self, study: Study, trial: FrozenTrial, space: Mapping[str, BaseDistribution], ranked: Sequence[Settings]
    ) -> list[dict[str, Any]]:
        """Random settings, and variations of the best tenth of the trials (at least five trials)."""
        names = list(space)
        best = ranked[: max(5, len(ranked) // 10)]
        found = []
        for number in range(self.candidates):
            if number % 2:
                name = names[int(self._rng.integers(len(names)))]
                changed = {name: self._random.sample_independent(study, trial, name, space[name])}
                found.append({**best[int(self._rng.integers(len(best)))], **changed})
            else:
                found.append({name: self._random.sample_independent(study, trial, name, space[name]) for name in names})
        return found


def _trials(study: Study, *states: TrialState) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=states)


def _key(setting: Settings, names: Mapping[str, object]) -> tuple[Any, ...]:
    """A key that is equal for equal settings; None for a parameter that a running trial has not sampled yet."""
    return tuple(repr(setting.get(name)) for name in names)
