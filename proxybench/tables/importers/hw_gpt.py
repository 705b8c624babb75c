"""HW-GPT-Bench, the authors' pickles of sub-networks of a supernet: perplexity and accuracy of the next token.

A file is a list of {"arch": {...}, "perplexity": number, "accuracy": fraction}, measured on OpenWebText with the
weights of the supernet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proxybench.readers.untrusted import read_pickle, reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import mapping, number, percent, sequence, unique_rows
from proxybench.tables.store.schema import Fragment, fragment_from_rows

DATASET = "openwebtext"
EPOCHS = 1  # stands for the training of the supernet
SEED = "0"


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Read the files: supernet_ppl, and supernet_acc in percent.

    Raises:
        CorruptData: for a file of another form, or an architecture with two different entries.
    """
    rows: list[Mapping[str, Any]] = []
    for path in paths:
        with reading(path):
            for place, given in enumerate(sequence(read_pickle(path), "the document")):
                rows.append(_row(mapping(given, f"network {place}"), space, f"network {place}"))
    return fragment_from_rows(unique_rows(paths[0], rows))


def _row(network: Mapping[str, Any], space: SearchSpace, which: str) -> dict[str, Any]:
    arch = space.format(space.parse(mapping(network["arch"], f"arch of {which}")))
    perplexity = number(network["perplexity"], f"perplexity of {which}")
    if not perplexity >= 1:
        raise ValueError(f"perplexity of {which} is {perplexity}, below 1")
    return {
        **{"arch": arch, "dataset": DATASET, "epochs": EPOCHS, "seed": SEED, "supernet_ppl": perplexity},
        "supernet_acc": percent(100 * number(network["accuracy"], f"accuracy of {which}"), f"accuracy of {which}"),
    }
