"""Encodings: architectures as rows of numbers. They are fitted on the training set and work for any search space.

    from predictors.encodings import encoding

    rows = encoding("onehot+graph+columns").fit(train).transform(batch)

An encoding is given by a name from `ENCODINGS`, by several names joined by "+", or as an object with `fit` and
`transform`.
"""

from __future__ import annotations

from predictors.encodings.base import ENCODINGS, Encoding, EncodingLike, Joined, encoding, encoding_parts
from predictors.encodings.columns import Columns
from predictors.encodings.curves import LearningCurves
from predictors.encodings.graph_features import GraphFeatures
from predictors.encodings.live import LiveCounts
from predictors.encodings.nodes import NodeStatistics, NodeTotals
from predictors.encodings.paths import Paths
from predictors.encodings.positions import Adjacency, OneHot
from predictors.encodings.reduced import Reduced
from predictors.encodings.weisfeiler_lehman import WeisfeilerLehman

__all__ = [
    "ENCODINGS",
    "Adjacency",
    "Columns",
    "Encoding",
    "EncodingLike",
    "GraphFeatures",
    "Joined",
    "LearningCurves",
    "LiveCounts",
    "NodeStatistics",
    "NodeTotals",
    "OneHot",
    "Paths",
    "Reduced",
    "WeisfeilerLehman",
    "encoding",
    "encoding_parts",
]
