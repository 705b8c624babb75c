"""The fields of configurations as columns of numbers, so that predictors can learn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from proxybench.spaces.configurations import Value

PREFIX = "config:"
MAX_CATEGORIES = 32  # fields with more words are one column of positions in sorted order, not one column per word


def feature_columns(configurations: Sequence[Mapping[str, Value]]) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """The feature columns of n configurations, and sentences for the card.

    Numbers stay as they are and truth values become 1 and 0, as `config:FIELD`. Words become one column for each word,
    `config:FIELD=WORD`, of 1 and 0, or with more than MAX_CATEGORIES words their position in sorted order. Missing
    fields are NaN, or 0 in every column of a word.

    Returns:
        float64[n] by name, and one sentence for each field that is not used as it is.
    """
    n = len(configurations)
    columns: dict[str, NDArray[np.float64]] = {}
    notes = []
    for name in sorted({name for one in configurations for name in one}):
        values = [one.get(name) for one in configurations]
        known = [value for value in values if value is not None]
        if all(isinstance(value, (bool, int, float)) for value in known):
            columns[f"{PREFIX}{name}"] = np.array([np.nan if value is None else float(value) for value in values])
            missing = n - len(known)
            notes += [f"Field {name} is missing in {missing:,} of {n:,} configurations."] if missing else []
            continue
        words = ["" if value is None else _word(value) for value in values]
        different = sorted({_word(value) for value in known})
        if len(different) <= MAX_CATEGORIES:
            for word in different:
                columns[f"{PREFIX}{name}={word}"] = np.array([float(one == word) for one in words])
            notes.append(f"Field {name} has {len(different)} words, one column each.")
        else:
            place = {word: float(number) for number, word in enumerate(different)}
            columns[f"{PREFIX}{name}"] = np.array([place.get(word, np.nan) for word in words])
            notes.append(f"Field {name} has {len(different)} words; its column is their position in sorted order.")
    return columns, notes


def _word(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
