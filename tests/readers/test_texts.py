"""Texts as a sequence: going through them gives what asking for each gives."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from proxybench.readers.texts import Texts

TEXTS = [json.dumps(number) for number in range(10_000)]
COLUMN = pa.chunked_array([TEXTS[:3], TEXTS[3:]])


@pytest.mark.parametrize("part", [slice(None), slice(2, 9000), slice(None, None, -7), slice(5, 5), slice(9, 3)])
def test_going_through_is_asking_for_each(part: slice) -> None:
    numbers = Texts(COLUMN, json.loads)[part]
    assert list(numbers) == [numbers[place] for place in range(len(numbers))] == list(range(10_000))[part]


def test_a_part_of_a_part_and_places_from_the_end() -> None:
    texts = Texts(COLUMN, str)
    assert texts[::-1][10:13] == ["9989", "9988", "9987"]
    assert texts[-1] == "9999"
    with pytest.raises(IndexError):
        texts[10_000]
