"""Adapters for using predictors in Optuna, in pymoo, and in code that expects NASLib's predictor interface.

scikit-learn needs no adapter: predictors are scikit-learn regressors. Each adapter takes a function that converts the
other library's candidates to architectures, all at once, so that it can supply columns as well. Each library is
imported only when its adapter is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from predictors.registry import public_names

if TYPE_CHECKING:
    from predictors.adapters.naslib import NASLibPredictor
    from predictors.adapters.optuna import PredictorSampler
    from predictors.adapters.pymoo import AnotherChoice, PredictedObjectives

_PUBLIC = {
    "AnotherChoice": "predictors.adapters.pymoo",
    "NASLibPredictor": "predictors.adapters.naslib",
    "PredictedObjectives": "predictors.adapters.pymoo",
    "PredictorSampler": "predictors.adapters.optuna",
}
__all__ = ["AnotherChoice", "NASLibPredictor", "PredictedObjectives", "PredictorSampler"]

__getattr__ = public_names(__name__, _PUBLIC)


def __dir__() -> list[str]:
    return sorted(__all__)
