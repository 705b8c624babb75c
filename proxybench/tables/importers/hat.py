"""HAT, the authors' CSV of latencies of translation transformers, one file per task and device.

Wang et al., "HAT: Hardware-Aware Transformers for Efficient Natural Language Processing", ACL 2020. Ten columns
describe a network by sizes and by averages over its layers; then come the mean and the standard deviation of the
latency of encoder and decoder in milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proxybench.readers.untrusted import read_csv_columns, reading
from proxybench.spaces import SearchSpace
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment_from_rows

FIELDS = (
    *("encoder_embed_dim", "encoder_layer_num", "encoder_ffn_embed_dim_avg", "encoder_self_attention_heads_avg"),
    *("decoder_embed_dim", "decoder_layer_num", "decoder_ffn_embed_dim_avg", "decoder_self_attention_heads_avg"),
    *("decoder_ende_attention_heads_avg", "decoder_arbitrary_ende_attn_avg"),
)
PARTS = ("encoder", "decoder")


def read(paths: Sequence[Path], space: SearchSpace, dataset: str, device: str) -> Fragment:
    """Read one file: config:FIELD, and latency_ms@DEVICE-encoder and -decoder, at epochs 0.

    Networks that the ten fields do not distinguish keep the first latency; a note says how many there are.

    Raises:
        CorruptData: for a file of another form, or a number that is not finite or, for a latency, not above 0.
    """
    (path,) = paths
    columns = read_csv_columns(path, (*FIELDS, *(f"latency_mean_{part}" for part in PARTS)))
    rows: dict[str, dict[str, Any]] = {}
    count = len(columns[FIELDS[0]])
    with reading(path):
        for line in range(count):
            fields = {name: _number(columns[name][line], name) for name in FIELDS}
            arch = space.format(space.parse(fields))
            row: dict[str, Any] = {"arch": arch, "dataset": dataset} | UNTRAINED
            row |= {f"config:{name}": value for name, value in fields.items()}
            for part in PARTS:
                latency = _number(columns[f"latency_mean_{part}"][line], f"latency of row {line + 1}")
                if not latency > 0:
                    raise ValueError(f"latency of row {line + 1} is {latency}, not above 0")
                row[f"latency_ms@{device}-{part}"] = latency
            rows.setdefault(arch, row)
    more = count - len(rows)
    notes = (
        [f"{more} of {count} rows for {device} on {dataset} repeat a description and were left out."] if more else []
    )
    return fragment_from_rows(list(rows.values()), notes)


def _number(text: str, what: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{what} is {text}, not a finite number")
    return value
