"""GBDT-NAS: boosted trees on the choices that make up an architecture, and pruning by their Shapley values.

Luo, Tan, Wang, Qin, Chen, Liu: Accuracy Prediction with Non-neural Model for Neural Architecture Search,
arXiv 2007.04785.
"""

from __future__ import annotations

from predictors.gbdt_nas.choices import Choice, ChoiceRows, Constraints, Edge, Operation, choices_of
from predictors.gbdt_nas.model import ChoiceGBDT, published_booster
from predictors.gbdt_nas.pruning import PRUNINGS, first_order, harmful_pairs, second_order
from predictors.gbdt_nas.sampling import sample_allowed
from predictors.gbdt_nas.shapley import interaction_values

__all__ = [
    "PRUNINGS",
    "Choice",
    "ChoiceGBDT",
    "ChoiceRows",
    "Constraints",
    "Edge",
    "Operation",
    "choices_of",
    "first_order",
    "harmful_pairs",
    "interaction_values",
    "published_booster",
    "sample_allowed",
    "second_order",
]
