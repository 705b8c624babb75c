"""NAS-Bench-NLP: recurrent cells on WikiText-2, the authors' zip of one JSON log per training; and scores on PTB.

Klyuchnikov et al., "NAS-Bench-NLP: Neural Architecture Search Benchmark for Natural Language Processing", IEEE Access
2022. A log has `recepie`, a JSON text {node: {"op": name, "input": [nodes]}} whose inputs are x and the earlier hidden
states h_prev_I and whose outputs are h_new_I; `train_losses`, `val_losses` and `test_losses` per epoch in nats; and
`num_params`, `wall_times` in seconds per epoch and `status`. A training that diverged ends early.

The scores on PTB (Serianni and Kalita, ACL 2023) are a CSV with a row per log, without the recipes.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.json_text import parse_json
from proxybench.readers.untrusted import iter_zip_json, read_csv_columns, reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import mapping, number, sequence
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment_from_rows, score_or_nan

DATASET = "wikitext-2"
PTB = "ptb"
EPOCHS = 50
LOSSES = ("train_loss", "val_loss", "test_loss")
OPERATIONS = {
    **{"linear": None, "blend": 3, "elementwise_prod": None, "elementwise_sum": None},
    **{"activation_tanh": 1, "activation_sigm": 1, "activation_leaky_relu": 1},
}
SCORES = (
    *("Activation Distance", "Synaptic Saliency", "Jacobian Covariance", "Jacobian Cosine", "Large Noise Jacobian"),
    *("Large Noise Jacobian Cosine", "More Noised Jacobian", "More Noised Jacobian Cosine", "Hidden Synaptic Saliency"),
    *(f"Layer {layer} Hidden Covariance" for layer in (1, 2, 3)),
)
_INPUT = re.compile(r"x|h_prev_[0-9]", re.ASCII)
_OUTPUT = re.compile(r"h_new_[0-9]", re.ASCII)
_LOG = re.compile(r"log_stats_model_[0-9]+_[0-9_-]+\.json", re.ASCII)


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Read the zip: the three losses after each epoch, params at epochs 0 and train_s at the last epoch.

    Trainings of the same cell are seeds 0, 1, ... by the names of the logs. A training that diverged has NaN for the
    epochs that it did not reach; a note counts them.

    Raises:
        CorruptData: for a file of another form, or a cell with two different numbers of parameters.
    """
    (path,) = paths
    rows: list[dict[str, Any]] = []
    met: Counter[str] = Counter()
    params: dict[str, float] = {}
    diverged = 0
    for name, document in iter_zip_json(path):
        with reading(path):
            try:
                log = mapping(document, "the document")
                arch = space.format(space.parse(graph_of(mapping(parse_json(log["recepie"].encode()), "recepie"))))
                count = number(log["num_params"], "num_params")
                if params.setdefault(arch, count) != count:
                    raise ValueError(f"num_params is {count}, in another log of the same cell {params[arch]}")
                found = _losses(log)
                seconds = sum(number(one, "wall_times") for one in sequence(log["wall_times"], "wall_times"))
            except (LookupError, ValueError, TypeError, AttributeError) as error:
                raise CorruptData(f"{path}: {name}: {type(error).__name__}: {error}") from error
        cell = {"arch": arch, "dataset": DATASET}
        if not met[arch]:
            rows.append(cell | UNTRAINED | {"params": count})
        diverged += len(found) < EPOCHS
        for epoch in range(EPOCHS):
            row = found[epoch] if epoch < len(found) else dict.fromkeys(LOSSES, math.nan)
            rows.append(cell | {"epochs": epoch + 1, "seed": str(met[arch])} | row)
        rows[-1]["train_s"] = seconds
        met[arch] += 1
    notes = [f"{met.total()} trainings of {len(met)} cells; {diverged} diverged before the last epoch."]
    return fragment_from_rows(rows, notes)


def ptb_scores(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Read the CSV: loss in nats after training, and proxy:NAME at epochs 0, of networks known by their log alone.

    Raises:
        CorruptData: for a file of another form, or a log that is listed twice.
    """
    (path,) = paths
    columns = read_csv_columns(path, ("log name", "loss", *SCORES))
    rows: list[dict[str, Any]] = []
    with reading(path):
        if len(set(columns["log name"])) != len(columns["log name"]):
            raise ValueError("a log is listed twice")
        for line, log in enumerate(columns["log name"]):
            if _LOG.fullmatch(log) is None:
                raise ValueError(f"{log!r:.80} is not the name of a log")
            cell = {"arch": space.format(space.parse({"log": log.removesuffix(".json")})), "dataset": PTB}
            loss = float(columns["loss"][line])
            rows.append(cell | {"epochs": EPOCHS, "seed": "0", "loss": loss})
            rows.append(cell | UNTRAINED | {_column(name): _score(columns[name][line]) for name in SCORES})
    failed = {name: sum(math.isnan(row.get(_column(name), 0.0)) for row in rows) for name in SCORES}
    notes = [f"{name} failed for {count} of {len(rows) // 2} networks" for name, count in failed.items() if count]
    return fragment_from_rows(rows, notes)


def graph_of(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The graph of a cell: its inputs, a node per operation, and a node for each new hidden state.

    The three inputs of `blend` have different roles, so that each passes through a node that names its role.

    Raises:
        ValueError: for an unknown operation or input, or a wrong number of inputs.
    """
    ops: list[str] = []
    edges: list[list[int]] = []
    places: dict[str, int] = {}

    def add(op: str, sources: Sequence[int] = ()) -> int:
        edges.extend([source, len(ops)] for source in sources)
        ops.append(op)
        return len(ops) - 1

    nodes = {name: mapping(node, name) for name, node in recipe.items()}
    inputs = {name: [str(one) for one in sequence(node["input"], name)] for name, node in nodes.items()}
    for name in sorted({one for row in inputs.values() for one in row} - nodes.keys()):
        if _INPUT.fullmatch(name) is None:
            raise ValueError(f"{name!r:.40} is neither a node nor an input of the cell")
        places[name] = add(name)
    waiting = dict(nodes)
    while waiting:
        ready = [name for name in waiting if all(one in places for one in inputs[name])]
        if not ready:
            raise ValueError("the operations depend on each other in a circle")
        for name in ready:
            op, sources = waiting.pop(name)["op"], [places[one] for one in inputs[name]]
            if op not in OPERATIONS or len(sources) != (OPERATIONS[op] or max(1, len(sources))):
                raise ValueError(f"{op!r:.40} of {len(sources)} inputs is not an operation of NAS-Bench-NLP")
            if op == "blend":
                sources = [add(f"blend_{role}", [source]) for role, source in enumerate(sources)]
            places[name] = add(op, sources)
    outputs = sorted(name for name in nodes if _OUTPUT.fullmatch(name))
    if not outputs:
        raise ValueError("the cell has no new hidden state")
    for name in outputs:
        add(name, [places[name]])
    return {"ops": ops, "edges": edges}


def _losses(log: Mapping[str, Any]) -> list[dict[str, float]]:
    """The three losses after each epoch that has all of them."""
    curves = {loss: [number(one, loss) for one in sequence(log[f"{loss}es"], loss)] for loss in LOSSES}
    reached = min(map(len, curves.values()))
    if reached > EPOCHS or (reached < EPOCHS and log["status"] == "OK"):
        raise ValueError(f"{reached} epochs with status {log['status']!r:.40} instead of {EPOCHS}")
    return [{loss: curve[epoch] for loss, curve in curves.items()} for epoch in range(reached)]


def _score(text: str) -> float:
    return score_or_nan(float(text)) if text.strip() else math.nan


def _column(name: str) -> str:
    return f"proxy:{name.lower().replace(' ', '_')}"
