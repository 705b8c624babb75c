"""Predictors that learn from rows of numbers: a shared encoding step and several learners."""

from __future__ import annotations

from predictors.tabular.base import Tabular
from predictors.tabular.boosting import GBDT
from predictors.tabular.gaussian_process import GaussianProcess
from predictors.tabular.linear import Ridge
from predictors.tabular.mlp import MLP
from predictors.tabular.neighbours import NearestNeighbours
from predictors.tabular.trees import ExtraTrees, RandomForest

__all__ = ["GBDT", "MLP", "ExtraTrees", "GaussianProcess", "NearestNeighbours", "RandomForest", "Ridge", "Tabular"]
