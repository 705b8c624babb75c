"""The content of a table: its key columns, the metrics with their units, and the fragments that importers return.

A row is one (architecture, dataset, epochs, seed). Rows with `epochs` 0 and an empty seed hold values that need no
training: parameters, FLOPs, latency, energy and zero-cost proxies. `seed` is text: a number names one training
run, "mean" is the average published by the source. Estimates with the weights of a supernet are at `epochs` 0 too,
with the seed of the supernet if there are several. Null means not measured, NaN measured and not finite.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from predictors.errors import unknown_name

if TYPE_CHECKING:
    import pyarrow as pa

KEYS = ("arch", "dataset", "epochs", "seed")
MEAN = "mean"
UNTRAINED = {"epochs": 0, "seed": ""}
FAILED_SCORE = -1e8  # stored by NAS-Bench-Suite-Zero if a proxy failed


@dataclass(frozen=True)
class Metric:
    """Unit, direction and meaning of a column."""

    unit: str
    larger_is_better: bool
    meaning: str


METRICS = {
    "train_acc": Metric("percent", True, "accuracy on the training data"),
    "val_acc": Metric("percent", True, "validation accuracy"),
    "test_acc": Metric("percent", True, "test accuracy"),
    "test_acc_sd": Metric("percent", False, "standard deviation of the test accuracy over the trainings of the source"),
    "val_top5": Metric("percent", True, "validation accuracy within the five best guesses"),
    "val_miou": Metric("percent", True, "mean intersection over union of the classes, on the validation data"),
    "val_class_acc": Metric("percent", True, "mean accuracy of the classes on the validation data"),
    "glue_score": Metric("percent", True, "score of a task of GLUE, or their mean, on the validation data"),
    "train_loss": Metric("nats", False, "training loss"),
    "val_loss": Metric("nats", False, "validation loss"),
    "test_loss": Metric("nats", False, "test loss"),
    "val_ssim": Metric("index", True, "structural similarity on the validation data"),
    "val_neg_loss": Metric("nats", True, "negative validation loss"),
    "surrogate_acc": Metric("percent", True, "accuracy predicted by the benchmark's surrogate, not a training"),
    "supernet_acc": Metric("percent", True, "accuracy with weights inherited from a supernet, not trained alone"),
    "supernet_ppl": Metric("perplexity", False, "perplexity with weights inherited from a supernet, not trained alone"),
    "robust_acc": Metric("percent", True, "accuracy under the attack after @"),
    "train_s": Metric("seconds", False, "training time for the whole epoch budget"),
    "params": Metric("count", True, "trainable parameters"),
    "flops": Metric("count", True, "floating-point (multiply-add) operations of a forward pass of one input"),
    "size": Metric("as given", False, "size of the weights of the network in the source's unit"),
    "latency_ms": Metric("milliseconds", False, "latency on the device after @"),
    "energy_mj": Metric("millijoules", False, "energy of a forward pass on the device after @"),
    "intensity": Metric("operations per byte", True, "arithmetic intensity on the device after @"),
    "throughput": Metric("images per second", True, "throughput on the device after @"),
    "proxy": Metric("score", True, "zero-cost proxy, larger means predicted better"),
    "oneshot": Metric("as given", True, "estimate with the weights of a supernet, larger means predicted better"),
    "oneshot_s": Metric("seconds", False, "processor time of the estimate of the architecture, after the training"),
    "supernet_s": Metric("seconds", False, "processor time of the training of the supernet, which all estimates share"),
    "subset": Metric("1 if in it", True, "whether the architecture is in the published part of the space after :"),
    "proxy_s": Metric("seconds", False, "time the source took for the proxy"),
    "config": Metric("as given", True, "field of a configuration; FIELD=WORD is 1 where the field has that word"),
    "score": Metric("as given", True, "result in a unit of the user's own, larger is better"),
    "loss": Metric("as given", False, "result in a unit of the user's own, smaller is better"),
}
_UNTRAINED_METRICS = {
    *("params", "flops", "size", "latency_ms", "energy_mj", "intensity", "throughput"),
    *("proxy", "proxy_s", "config", "oneshot", "oneshot_s", "supernet_s", "subset"),
}
_NOT_FREE = {"proxy_s", "oneshot", "oneshot_s", "supernet_s", "subset"}  # times, results of supernets, parts of spaces


def metric_of(column: str) -> Metric:
    """The metric of a column: `val_acc`, `latency_ms@edgegpu`, `proxy:synflow`, `proxy_s:synflow`.

    Raises:
        UnknownName: if the column does not belong to a metric.
    """
    base = _base(column)
    if base not in METRICS:
        raise unknown_name("metric", column, METRICS)
    return METRICS[base]


def is_untrained(column: str) -> bool:
    """Whether a column's metric is known without training the architecture."""
    return _base(column) in _UNTRAINED_METRICS


def is_result(column: str) -> bool:
    """Whether a column is called like a metric that is measured by training."""
    return _base(column) in METRICS and not is_untrained(column)


def is_training_free(column: str) -> bool:
    """Whether a column is one that methods see: a score, cost or field of a configuration that needs no training."""
    return is_untrained(column) and _base(column) not in _NOT_FREE


def _base(column: str) -> str:
    return column.partition(":")[0].partition("@")[0]


@dataclass(frozen=True)
class Fragment:
    """The contribution of one source to a table.

    Attributes:
        values: key columns `arch` (text in the space's own format), `dataset`, `epochs` (int32), `seed`, then metric
            columns (float64). Null means that this source did not measure; NaN measured and not finite.
        notes: sentences for the card, such as how many scores of which proxy had failed.
    """

    values: pa.Table
    notes: tuple[str, ...] = ()


KEY_TYPES = {"arch": "string", "dataset": "string", "epochs": "int32", "seed": "string"}


def fragment(columns: Mapping[str, Iterable[Any]], notes: Iterable[str] = ()) -> Fragment:
    """A Fragment from columns: text and integers for the keys, float or None (not measured) for the metrics.

    Raises:
        UnknownName: if a column is neither a key nor a known metric.
    """
    import pyarrow as pa

    arrays = {}
    for name, values in columns.items():
        if name not in KEYS:
            metric_of(name)
        kind = pa.type_for_alias(KEY_TYPES.get(name, "float64"))
        arrays[name] = pa.array(values, type=kind, from_pandas=False)
    return Fragment(pa.table(arrays), tuple(notes))


def joined(*fragments: Fragment) -> Fragment:
    """The rows of several fragments; metrics that one of them lacks are null in its rows."""
    import pyarrow as pa

    values = pa.concat_tables([one.values for one in fragments], promote_options="default")
    return Fragment(values, tuple(dict.fromkeys(note for one in fragments for note in one.notes)))


def fragment_from_rows(rows: Sequence[Mapping[str, Any]], notes: Iterable[str] = ()) -> Fragment:
    """A Fragment from one mapping per row; metrics missing in a row are null."""
    names = list(KEYS) + sorted({name for row in rows for name in row} - set(KEYS))
    return fragment({name: [row.get(name) for row in rows] for name in names}, notes)


def score_or_nan(score: float) -> float:
    """A proxy score, with NaN for the source's failure mark and for values that are not finite."""
    return score if math.isfinite(score) and score != FAILED_SCORE else math.nan
