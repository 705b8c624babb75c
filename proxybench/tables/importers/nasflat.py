"""NASFLAT, the authors' JSON of scores of FBNet networks: {numbers joined by underscores: {proxy: score}}.

Akhauri and Abdelfattah, "On Latency Predictors for Neural Architecture Search", MLSys 2024. The scores were computed
with 16 images of CIFAR-100. `params` and `flops` are counts; flops are those of the package flopth, which counts
normalisations and activations too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proxybench.readers.untrusted import read_json, reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import mapping, number
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment_from_rows, score_or_nan

DATASET = "cifar100"
COSTS = ("flops", "params")
PROXIES = (*("epe_nas", "fisher", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "plain", "snip", "synflow", "zen"),)


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Read the file: proxy:NAME, flops and params at epochs 0; failures become NaN, with a note that counts them.

    Raises:
        CorruptData: for a file of another form, or without one of the scores.
    """
    (path,) = paths
    rows: list[dict[str, Any]] = []
    with reading(path):
        for text, given in mapping(read_json(path), "the document").items():
            scores = mapping(given, text)
            if scores.keys() != {*COSTS, *PROXIES}:
                raise ValueError(f"{text} has {sorted(scores)} instead of {len(COSTS) + len(PROXIES)} scores")
            row: dict[str, Any] = {"arch": space.format(space.parse(text)), "dataset": DATASET} | UNTRAINED
            row |= {name: number(scores[name], f"{name} of {text}") for name in COSTS}
            row |= {f"proxy:{name}": score_or_nan(number(scores[name], f"{name} of {text}")) for name in PROXIES}
            rows.append(row)
    failed = {name: sum(row[f"proxy:{name}"] != row[f"proxy:{name}"] for row in rows) for name in PROXIES}
    notes = [f"{name} failed for {count} of {len(rows)} architectures" for name, count in failed.items() if count]
    return fragment_from_rows(rows, notes)
