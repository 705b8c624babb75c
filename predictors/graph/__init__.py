"""Graph neural network predictors: convolutions, gated flow, attention. They need torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from predictors.registry import public_names

if TYPE_CHECKING:
    from predictors.graph.base import GraphPredictor
    from predictors.graph.convolutions import GCN, GIN
    from predictors.graph.flan import FLAN
    from predictors.graph.flow import GATES
    from predictors.graph.transformer import GraphTransformer
    from predictors.pretraining import Pretrained

_PUBLIC = {
    "FLAN": "predictors.graph.flan",
    "GATES": "predictors.graph.flow",
    "GCN": "predictors.graph.convolutions",
    "GIN": "predictors.graph.convolutions",
    "GraphPredictor": "predictors.graph.base",
    "GraphTransformer": "predictors.graph.transformer",
    "Pretrained": "predictors.pretraining",
}
__all__ = ["FLAN", "GATES", "GCN", "GIN", "GraphPredictor", "GraphTransformer", "Pretrained"]

__getattr__ = public_names(__name__, _PUBLIC)
