"""Texts as a sequence: going through them gives what asking for each gives."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from proxybench.scores.texts import OnUse

TEXTS = [json.dumps(number) for number in range(10_000)]


@pytest.mark.parametrize("texts", [TEXTS, pa.chunked_array([TEXTS[:3], TEXTS[3:]])], ids=["list", "column"])
@pytest.mark.parametrize("part", [slice(None), slice(2, 9000), slice(None, None, -7), slice(5, 5)])
def test_going_through_is_asking_for_each(texts, part: slice) -> None:
    numbers = OnUse(texts, json.loads)[part]
    assert list(numbers) == [numbers[place] for place in range(len(numbers))] == list(range(10_000))[part]
