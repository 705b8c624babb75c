"""Architectures as values, and predictors of their quality for use in any search code.

    from predictors import available, make

    model = make("gbdt", random_state=0).fit(archs, y)
    model.predict(archs)

Everything is loaded on first use: `import predictors` imports neither numpy nor any learning library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from predictors.registry import Registry, public_names

if TYPE_CHECKING:
    from predictors.arch import ArchBatch, ArchGraph, Ragged
    from predictors.auto import Auto
    from predictors.base import Predictor
    from predictors.checks import check_predictor
    from predictors.conformal import Conformal
    from predictors.ensemble import Ensemble
    from predictors.gbdt_nas import ChoiceGBDT
    from predictors.graph import FLAN, GATES, GCN, GIN, GraphTransformer, Pretrained
    from predictors.mapped import MappedFile, MappedRagged
    from predictors.parzc import FreeParZC, PaperParZC, ParZC
    from predictors.robust import Robust
    from predictors.tabular import GBDT, MLP, ExtraTrees, GaussianProcess, NearestNeighbours, RandomForest, Ridge
    from predictors.transfer import Transfer

PREDICTORS = Registry(
    "predictor",
    {
        "auto": "predictors.auto:Auto",
        "ensemble": "predictors.ensemble:Ensemble",
        "extra_trees": "predictors.tabular:ExtraTrees",
        "flan": "predictors.graph:FLAN",
        "gates": "predictors.graph:GATES",
        "gbdt": "predictors.tabular:GBDT",
        "gbdt_nas": "predictors.gbdt_nas:ChoiceGBDT",
        "gcn": "predictors.graph:GCN",
        "gin": "predictors.graph:GIN",
        "gp": "predictors.tabular:GaussianProcess",
        "graph_transformer": "predictors.graph:GraphTransformer",
        "knn": "predictors.tabular:NearestNeighbours",
        "mlp": "predictors.tabular:MLP",
        "parzc": "predictors.parzc:ParZC",
        "parzc_free": "predictors.parzc:FreeParZC",
        "parzc_paper": "predictors.parzc:PaperParZC",
        "pretrained": "predictors.graph:Pretrained",
        "random_forest": "predictors.tabular:RandomForest",
        "ridge": "predictors.tabular:Ridge",
        "robust": "predictors.robust:Robust",
    },
)

_PUBLIC = {
    **PREDICTORS.modules(),
    "ArchBatch": "predictors.arch",
    "ArchGraph": "predictors.arch",
    "Conformal": "predictors.conformal",
    "MappedFile": "predictors.mapped",
    "MappedRagged": "predictors.mapped",
    "Predictor": "predictors.base",
    "Ragged": "predictors.arch",
    "Transfer": "predictors.transfer",
    "check_predictor": "predictors.checks",
}
__all__ = [
    "FLAN",
    "GATES",
    "GBDT",
    "GCN",
    "GIN",
    "MLP",
    "PREDICTORS",
    "ArchBatch",
    "ArchGraph",
    "Auto",
    "ChoiceGBDT",
    "Conformal",
    "Ensemble",
    "ExtraTrees",
    "FreeParZC",
    "GaussianProcess",
    "GraphTransformer",
    "MappedFile",
    "MappedRagged",
    "NearestNeighbours",
    "PaperParZC",
    "ParZC",
    "Predictor",
    "Pretrained",
    "Ragged",
    "RandomForest",
    "Ridge",
    "Robust",
    "Transfer",
    "available",
    "check_predictor",
    "make",
]


def available() -> list[str]:
    """The names accepted by `make`, sorted."""
    return sorted(PREDICTORS)


def make(name: str, **params: Any) -> Any:
    """Construct an unfitted predictor.

    Args:
        name: one of `available()`.
        params: constructor arguments, such as `random_state`.

    Raises:
        UnknownName: if the name is unknown; the message suggests the nearest one.
        TypeError: if the predictor does not take one of the arguments.
    """
    return PREDICTORS[name](**params)


__getattr__ = public_names(__name__, _PUBLIC)


def __dir__() -> list[str]:
    return sorted(__all__)
